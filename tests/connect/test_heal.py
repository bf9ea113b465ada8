from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from streamguard.connect.answers import ConnectorStatus, TaskStatus
from streamguard.connect.heal import (
    FORGET_AFTER,
    LONGEST_PAUSE,
    History,
    Part,
    Step,
    decide,
    heal,
    is_outage,
    pause_after,
)
from tests.connect.conftest import Answer, Script, error

OUTAGE = "x\nCaused by: com.mongodb.MongoTimeoutException: Timed out after 30000 ms"
POISON = "x\nCaused by: org.apache.kafka.connect.errors.DataException: Could not convert"
PART = Part("c", 0)


def status(state: str, trace: str = "") -> ConnectorStatus:
    return ConnectorStatus("c", "RUNNING", "w", "sink", "", (TaskStatus(0, state, "w", trace),))


@dataclass
class Healer:
    """Steps through time a second at a time; a restart makes the task fail again `fails_after` seconds later."""

    now: float = 0.0
    memory: Mapping[Part, History] = field(default_factory=dict)
    steps: list[tuple[float, Step]] = field(default_factory=list)

    def look(self, state: str, trace: str = "") -> tuple[Step, ...]:
        decision = decide([status(state, trace)], self.memory, self.now, 0.0)
        self.memory = decision.memory
        self.steps += [(self.now, step) for step in decision.steps]
        return decision.steps

    def fail_for(self, seconds: int, trace: str) -> list[float]:
        """The times of the restarts of a task that is FAILED again at once after each."""
        before = len(self.steps)
        for _ in range(seconds):
            self.look("FAILED", trace)
            self.now += 1
        return [at for at, step in self.steps[before:] if step.act == "restart"]


def test_what_runs_is_left_alone_and_not_remembered() -> None:
    healer = Healer()
    assert healer.look("RUNNING") == ()
    assert healer.memory == {}


def test_an_outage_is_never_given_up_and_pauses_grow_to_five_minutes() -> None:
    restarts = Healer().fail_for(4000, OUTAGE)
    gaps = [later - earlier for earlier, later in pairwise(restarts)]
    assert restarts[0] == 5
    assert gaps[:7] == [11, 21, 41, 81, 161, 301, 301]
    assert set(gaps[6:]) == {LONGEST_PAUSE + 1}


def test_three_equal_failures_that_are_no_outage_are_given_up_and_told_once() -> None:
    healer = Healer()
    assert len(healer.fail_for(1000, POISON)) == 2
    told = [step for _, step in healer.steps if step.act == "give up"]
    assert told == [Step("give up", PART, "DataException: Could not convert", 3)]


def test_after_giving_up_another_cause_starts_again() -> None:
    healer = Healer()
    healer.fail_for(1000, POISON)
    assert healer.fail_for(100, OUTAGE)


def test_different_failures_are_not_given_up() -> None:
    healer = Healer()
    for number in range(6):
        while not healer.look("FAILED", f"x\nCaused by: a.DataException: {'y' * number}"):
            healer.now += 1
    assert not [step for _, step in healer.steps if step.act == "give up"]


def test_what_has_run_for_a_while_is_forgotten_and_told() -> None:
    healer = Healer()
    healer.fail_for(20, OUTAGE)
    for _ in range(int(FORGET_AFTER) + 2):
        healer.look("RUNNING")
        healer.now += 1
    assert healer.memory == {}
    assert healer.steps[-1][1].act == "recovered"


def test_a_task_that_runs_for_a_moment_between_failures_is_not_forgotten() -> None:
    healer = Healer()
    for _ in range(3):
        healer.fail_for(100, POISON)
        healer.look("RUNNING")
        healer.now += 1
    assert "give up" in [step.act for _, step in healer.steps]


def test_jitter_only_shortens_a_pause() -> None:
    assert [pause_after(n, 0.0) for n in (1, 2, 3, 7, 100)] == [5, 10, 20, 300, 300]
    assert pause_after(1, 0.999) == pytest.approx(4.0, abs=0.01)


@pytest.mark.parametrize(
    ("cause", "outage"),
    [
        ("MongoTimeoutException: Timed out after 30000 ms while waiting for a server", True),
        ("MongoSocketOpenException: Exception opening socket, by ConnectException: Connection refused", True),
        ("ServiceFailureException: Server error: 503", True),
        ("SdkClientException: Unable to execute HTTP request: Connection reset", True),
        ("TimeoutException: Topic t not present in metadata after 60000 ms", True),
        ("ApiCallTimeoutException: Client execution did not complete before the specified timeout", True),
        ("UnknownHostException: mongo: Name or service not known", True),
        ("MongoNodeIsRecoveringException: Command failed: shutdown in progress", True),
        ("MongoSecurityException: Authentication failed", False),
        ("DataException: Could not convert", False),
        ("ConfigException: Invalid value x for configuration connection.uri: no", False),
        ("ForbiddenException: SignatureDoesNotMatch", False),
        ("NoSuchTableException: Table does not exist: bank.x", False),
        ("NullPointerException: no cause given", False),
        # Real ones, of the sinks in the stack with a server taken away or a config that can not work.
        ("DataException: non Data Error, by MongoSocketReadException: Prematurely reached end of stream", True),
        ("HttpHostConnectException: Connect to http://127.0.0.1:9 failed: Connection refused", True),
        ("ForbiddenException: Forbidden: The request signature we calculated does not match the signature", False),
        ("NoSuchTableException: Table does not exist: nope", False),
        ("InvalidSessionTimeoutException: The session timeout is not within the range allowed by the broker", False),
    ],
)
def test_an_outage_is_known_by_its_cause(cause: str, outage: bool) -> None:
    assert is_outage(cause) is outage


def test_the_loop_restarts_a_failed_task_waits_for_the_worker_and_ends_when_told(script: Script) -> None:
    failed = {"name": "c", "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "FAILED", "trace": OUTAGE}]}
    listing = Answer(body={"c": {"info": {"config": {}}, "status": {**failed, "type": "sink"}}})
    script.answers = [listing, listing, Answer(204), error(400, "no"), Answer(body={})]
    script.rest = Answer(body={})
    stop, times, told = threading.Event(), iter([0.0, 6.0, 7.0, 8.0, 9.0]), list[str]()

    def tell(event: str, _facts: Mapping[str, object]) -> None:
        told.append(event)
        if event == "Kafka Connect answers again":
            stop.set()

    heal(script.client(), stop, tell=tell, interval=0.001, clock=lambda: next(times), jitter=lambda: 0.0)
    assert told == ["restarting", "waiting for Kafka Connect", "Kafka Connect answers again"]
    assert "POST /connectors/c/tasks/0/restart" in script.calls
