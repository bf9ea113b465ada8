from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.connect.operating.heal import (
    AT_ONCE,
    DENIED_PAUSE,
    FORGET_AFTER,
    GRACE,
    LONGEST_PAUSE,
    MISSED,
    History,
    Part,
    Step,
    decide,
    kind_of,
    pause_after,
)
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, TaskStatus

OUTAGE = "x\nCaused by: com.mongodb.MongoTimeoutException: Timed out after 30000 ms"
POISON = "x\nCaused by: org.apache.kafka.connect.errors.DataException: Could not convert"
CONFIG = "x\nCaused by: org.apache.kafka.common.config.ConfigException: Missing required configuration"
DENIED = "x\nCaused by: com.mongodb.MongoSecurityException: Exception authenticating MongoCredential"
PART = Part("c", 0)

pytestmark = pytest.mark.slow  # hours of steps a second apart


def connector(state: str, trace: str = "", config: Mapping[str, str] | None = None, name: str = "c") -> Deployed:
    status = ConnectorStatus(name, "RUNNING", "w", "sink", "", (TaskStatus(0, state, "w", trace),))
    return Deployed(name, config or {}, status)


@dataclass
class Healer:
    """Steps through time a second at a time; a restarted task is FAILED again as soon as anybody can see it."""

    now: float = 0.0
    memory: Mapping[Part, History] = field(default_factory=dict)
    steps: list[tuple[float, Step]] = field(default_factory=list)

    def look(self, state: str, trace: str = "", config: Mapping[str, str] | None = None) -> tuple[Step, ...]:
        return self.see(connector(state, trace, config))

    def see(self, *seen: Deployed) -> tuple[Step, ...]:
        decision = decide(seen, self.memory, self.now, 0.0)
        self.memory = decision.memory
        self.steps += [(self.now, step) for step in decision.steps]
        return decision.steps

    def fail_for(self, seconds: int, trace: str, config: Mapping[str, str] | None = None) -> list[float]:
        """The times of the restarts of a task that is FAILED again at once after each."""
        before = len(self.steps)
        for _ in range(seconds):
            self.look("FAILED", trace, config)
            self.now += 1
        return [at for at, step in self.steps[before:] if step.act == "restart"]

    def run_for(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.look("RUNNING")
            self.now += 1

    @property
    def given_up(self) -> list[Step]:
        return [step for _, step in self.steps if step.act == "give up"]


def test_what_runs_is_left_alone_and_not_remembered() -> None:
    healer = Healer()
    assert healer.look("RUNNING") == ()
    assert healer.memory == {}


def test_an_outage_is_never_given_up_and_pauses_grow_to_five_minutes() -> None:
    restarts = Healer().fail_for(4000, OUTAGE)
    gaps = [later - earlier for earlier, later in pairwise(restarts)]
    assert restarts[0] == 5
    assert gaps[:6] == [GRACE + pause for pause in (10, 20, 40, 80, 160, 300)]
    assert set(gaps[5:]) == {GRACE + LONGEST_PAUSE}


def test_three_equal_failures_that_are_no_outage_are_given_up_and_told_once() -> None:
    healer = Healer()
    assert len(healer.fail_for(1000, POISON)) == 2
    assert healer.given_up == [Step("give up", PART, "DataException: Could not convert", 3)]


def test_after_giving_up_another_cause_starts_again() -> None:
    healer = Healer()
    healer.fail_for(1000, POISON)
    assert healer.fail_for(100, OUTAGE)


def test_a_wrong_config_is_never_restarted_and_told_once() -> None:
    healer = Healer()
    assert healer.fail_for(2_000, CONFIG) == []
    assert [(step.kind, step.failures) for step in healer.given_up] == [("config", 1)]


def test_wrong_credentials_are_tried_once_more_half_a_minute_later_and_never_again() -> None:
    healer = Healer()
    assert healer.fail_for(2_000, DENIED) == [DENIED_PAUSE]
    assert [(step.kind, step.failures) for step in healer.given_up] == [("denied", 2)]


@pytest.mark.parametrize("trace", [CONFIG, DENIED, POISON])
def test_what_was_given_up_is_looked_at_again_when_its_config_changes(trace: str) -> None:
    healer = Healer()
    healer.fail_for(1000, trace, {"a": "1"})
    assert len(healer.given_up) == 1
    healer.fail_for(1000, trace, {"a": "2"})
    assert len(healer.given_up) == 2


def test_what_was_given_up_and_started_by_hand_is_told_of_again_when_it_fails_again() -> None:
    healer = Healer()
    healer.fail_for(1000, CONFIG)
    healer.run_for(10)
    assert healer.fail_for(1000, CONFIG) == []
    assert [step.failures for step in healer.given_up] == [1, 2]


def test_failures_that_differ_in_numbers_only_are_the_same_failure() -> None:
    healer = Healer()
    for number in range(400):
        healer.look("FAILED", f"x\nCaused by: a.DataException: record@{number:x} at offset {number}")
        healer.now += 1
    assert len(healer.given_up) == 1


def test_different_failures_are_not_given_up() -> None:
    healer = Healer()
    for number in range(6):
        while not healer.look("FAILED", f"x\nCaused by: a.DataException: {'y' * number}"):
            healer.now += 1
    assert healer.given_up == []


def test_what_has_run_for_a_while_is_forgotten_and_told() -> None:
    healer = Healer()
    healer.fail_for(20, OUTAGE)
    healer.run_for(FORGET_AFTER + 2)
    assert healer.memory == {}
    assert healer.steps[-1][1].act == "recovered"
    assert healer.fail_for(6, OUTAGE) == [healer.now - 1], "pauses begin at five seconds again"


def test_a_task_that_runs_for_a_moment_between_failures_is_not_forgotten() -> None:
    healer = Healer()
    for _ in range(3):
        healer.fail_for(100, POISON)
        healer.run_for(1)
    assert healer.given_up


def test_a_failure_that_the_worker_still_shows_after_a_restart_is_not_a_second_one() -> None:
    healer = Healer()
    assert healer.fail_for(6, POISON) == [5]
    healer.look("FAILED", POISON)
    assert healer.memory[PART].failures == 1


def test_a_connector_that_the_worker_does_not_list_for_a_moment_is_not_forgotten() -> None:
    healer = Healer()
    healer.fail_for(1000, POISON)
    healer.now += MISSED - 10
    healer.see()
    assert healer.fail_for(100, POISON) == []
    healer.now += MISSED + 10
    healer.see()
    assert healer.memory == {}


def test_hundreds_that_fail_together_are_restarted_a_few_at_a_time() -> None:
    healer, many = Healer(), [connector("FAILED", OUTAGE, name=f"c{number}") for number in range(50)]
    healer.see(*many)
    healer.now = 10
    assert [len(healer.see(*many)) for _ in range(4)] == [AT_ONCE, AT_ONCE, 50 - 2 * AT_ONCE, 0]


def test_a_secret_in_a_trace_is_not_in_what_is_told() -> None:
    healer = Healer()
    trace = "x\nCaused by: a.ConfigException: no file '/data/s3cr3t/y'"
    (step,) = healer.look("FAILED", trace, {"file": "/data/${env:X}/y"})
    assert "s3cr3t" not in step.cause


def test_jitter_only_shortens_a_pause() -> None:
    assert [pause_after(n, 0.0) for n in (1, 2, 3, 7, 100)] == [5, 10, 20, 300, 300]
    assert pause_after(1, 0.999) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        ("MongoTimeoutException: Timed out after 30000 ms while waiting for a server", "outage"),
        ("MongoSocketOpenException: Exception opening socket, by ConnectException: Connection refused", "outage"),
        ("ServiceFailureException: Server error: 503", "outage"),
        ("SdkClientException: Unable to execute HTTP request: Connection reset", "outage"),
        ("TimeoutException: Topic t not present in metadata after 60000 ms", "outage"),
        ("ApiCallTimeoutException: Client execution did not complete before the specified timeout", "outage"),
        ("UnknownHostException: mongo: Name or service not known", "outage"),
        ("MongoNodeIsRecoveringException: Command failed: shutdown in progress", "outage"),
        ("MongoSecurityException: Authentication failed", "denied"),
        ("MongoSecurityException: x, by MongoSocketReadException: Prematurely reached end of stream", "outage"),
        ("MongoCommandException: Command failed with error 13 (Unauthorized): not authorized on db", "denied"),
        ("TopicAuthorizationException: Not authorized to access topics: [t]", "denied"),
        ("SaslAuthenticationException: Authentication failed: Invalid username or password", "denied"),
        ("SslAuthenticationException: SSL handshake failed, by CertPathBuilderException: unable to find", "denied"),
        ("S3Exception: Access Denied (Service: S3, Status Code: 403)", "denied"),
        ("ForbiddenException: SignatureDoesNotMatch", "denied"),
        ("DataException: Could not convert", "other"),
        ("DataException: the field password is missing at offset 403", "other"),
        ("ConfigException: Invalid value x for configuration connection.uri: no", "config"),
        ("ConnectException: x, by ClassNotFoundException: a.b.C", "config"),
        ("ConfigException: Unable to connect to the server", "other"),
        ("NoSuchTableException: Table does not exist: bank.x", "other"),
        ("NullPointerException: no cause given", "other"),
        # Real ones, of the sinks in the stack with a server taken away or a config that can not work.
        ("DataException: non Data Error, by MongoSocketReadException: Prematurely reached end of stream", "outage"),
        ("HttpHostConnectException: Connect to http://127.0.0.1:9 failed: Connection refused", "outage"),
        ("ForbiddenException: Forbidden: The request signature we calculated does not match the signature", "denied"),
        ("NoSuchTableException: Table does not exist: nope", "other"),
        ("InvalidSessionTimeoutException: The session timeout is not within the range allowed by the broker", "other"),
    ],
)
def test_what_kind_of_failure_it_is_says_its_innermost_cause(cause: str, kind: str) -> None:
    assert kind_of(cause) == kind


SEEN = [("RUNNING", ""), ("UNASSIGNED", ""), *(("FAILED", trace) for trace in (OUTAGE, POISON, CONFIG, DENIED))]
LOOKS = st.lists(
    st.tuples(
        st.floats(0.1, 400.0),
        st.sampled_from(SEEN),
        st.sampled_from(["one config", "another"]),
        st.floats(0.0, 0.999),
    ),
    max_size=25,
)
FEW = settings(max_examples=40, deadline=None)


@FEW
@given(LOOKS)
def test_whatever_happens_a_wrong_config_is_never_restarted_and_restarts_are_seconds_apart(
    looks: list[tuple[float, tuple[str, str], str, float]],
) -> None:
    now, memory, last = 0.0, dict[Part, History](), -100.0
    for seconds, (state, trace), config, jitter in looks:
        now += seconds
        decision = decide([connector(state, trace, {"a": config})], memory, now, jitter)
        memory = dict(decision.memory)
        assert len(decision.steps) <= 1
        assert memory.keys() <= {PART}
        for step in decision.steps:
            assert step.part == PART
            if step.act == "restart":
                assert state == "FAILED"
                assert trace != CONFIG
                assert now - last >= pause_after(1, 0.999)
                last = now
            if step.act == "give up":
                assert trace != OUTAGE


@FEW
@given(st.sampled_from([POISON, DENIED, CONFIG]), st.lists(st.floats(0.5, 500.0), min_size=40, max_size=40))
def test_what_is_no_outage_and_never_runs_is_restarted_twice_at_most(trace: str, steps: list[float]) -> None:
    now, memory, restarts = 0.0, dict[Part, History](), 0
    for seconds in steps:
        now += seconds
        decision = decide([connector("FAILED", trace)], memory, now, 0.5)
        memory = dict(decision.memory)
        restarts += sum(step.act == "restart" for step in decision.steps)
    assert restarts <= {POISON: 2, DENIED: 1, CONFIG: 0}[trace]


@FEW
@given(st.lists(st.floats(5.0, 60.0), min_size=40, max_size=40))
def test_an_outage_is_restarted_again_whenever_the_longest_pause_is_over(steps: list[float]) -> None:
    now, memory, last = 0.0, dict[Part, History](), 0.0
    for seconds in steps:
        now += seconds
        decision = decide([connector("FAILED", OUTAGE)], memory, now, 0.0)
        memory = dict(decision.memory)
        last = now if decision.steps else last
        assert now - last <= LONGEST_PAUSE + GRACE + 2 * 60.0
