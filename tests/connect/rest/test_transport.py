"""The retry and ambiguity engine, without a server: a model of a cluster that fails in every way that workers do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import MaxRetryError, NewConnectionError

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.transport import Request, Transport
from streamguard.errors import ConnectError, ConnectorExists, ConnectorNotFound, ConnectUnavailable
from tests.connect.conftest import Answer, Script, error

CONFIG = {"connector.class": "Sink", "topics": "t"}
REBALANCE = "Cannot complete request momentarily due to no known leader URL, likely because a rebalance was underway."
DEAD_LEADER = "IO Error trying to forward REST request: java.net.ConnectException: Connection refused"
LATE = "Request timed out. The worker is currently polling the group coordinator."
WORKERS = ("http://one", "http://two")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


class Time:
    """A clock that only sleeping and requests move on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def answered(status: int, body: Any = None, *, html: bool = False) -> requests.Response:
    found = requests.Response()
    found.status_code = status
    found.headers["Server"] = "Jetty(12.0.34)"
    found._content = b"<html>HTTP ERROR</html>" if html else b"" if body is None else json.dumps(body).encode()
    return found


def told(status: int, message: str) -> requests.Response:
    return answered(status, {"error_code": status, "message": message})


def refused() -> requests.ConnectionError:
    pool = HTTPConnectionPool("one")
    return requests.ConnectionError(MaxRetryError(pool, "/", NewConnectionError(pool, "refused")))  # type: ignore[arg-type]


class Cluster(requests.Session):
    """Connect as far as connectors and configs go. Each request takes the next of `faults`; then all is well.

    `done before` and `not done` say what became of a write whose answer was lost; `done later`: it is carried out
    after the next request, as one that waits in a worker's queue.
    """

    FAULTS = (
        *("well", "refused", "starting", "rebalance", "dead leader", "overloaded"),
        *("broken, done before", "broken, not done", "broken, done later"),
        *(
            "late, done before",
            "late, not done",
            "late, done later",
            "bad gateway, done before",
            "leader died, not done",
        ),
    )

    def __init__(self, time: Time, faults: list[str]) -> None:
        super().__init__()
        self.time = time
        self.faults = list(faults)
        self.connectors: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.created = 0
        self._queued: list[tuple[str, str, Any]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        self.time.now += 0.05
        fault = self.faults.pop(0) if self.faults else "well"
        queued, self._queued = self._queued, []
        path, body = "/" + url.split("/", 3)[3], options.get("json")
        if fault not in ("refused", "starting"):
            self.asked.append(method)
        found = self._answer(fault, method, path, body)
        for late in queued:
            self._do(*late)
        if isinstance(found, Exception):
            raise found
        return found

    def _answer(self, fault: str, method: str, path: str, body: Any) -> requests.Response | Exception:
        match fault:
            case "refused":
                return refused()
            case "starting":
                return answered(404, html=True)
            case "overloaded":
                return told(503, "overloaded")
            case "rebalance" if method == "GET":
                return told(500, "Request cannot be completed because a rebalance is expected")
            case "rebalance":
                return told(409, REBALANCE)
            case "dead leader" if method != "GET":
                return told(500, DEAD_LEADER)
        if ", " not in fault:
            return self._do(method, path, body)
        kind, _, outcome = fault.partition(", ")
        if outcome == "done before":
            self._do(method, path, body)
        elif outcome == "done later" and method in WRITES:
            self._queued.append((method, path, body))
        lost: dict[str, requests.Response | Exception] = {
            "broken": requests.ConnectionError("broken"),
            "late": told(500, LATE),
            "bad gateway": answered(502, html=True),
            "leader died": told(500, "IO Error trying to forward REST request: java.io.EOFException"),
        }
        return lost[kind]

    def _do(self, method: str, path: str, body: Any) -> requests.Response:
        if method == "POST":
            name = body["name"]
            if name in self.connectors:
                return told(409, f"Connector {name} already exists")
            self.created += 1
            self.connectors[name] = dict(body["config"])
            return answered(201, {"name": name})
        name = path.split("/")[2]
        if method == "PUT":
            self.connectors[name] = dict(body)
            return answered(200, {"name": name})
        if name not in self.connectors:
            return told(404, f"Connector {name} not found")
        if method == "DELETE":
            del self.connectors[name]
            return answered(204)
        if method == "PATCH":
            changed = {**self.connectors[name], **body}
            self.connectors[name] = {key: value for key, value in changed.items() if value is not None}
        return answered(200, {**self.connectors[name], "name": name})


def cluster_and_client(faults: list[str]) -> tuple[Cluster, ConnectClient]:
    time = Time()
    cluster = Cluster(time, faults)
    return cluster, ConnectClient(WORKERS, session=cluster, sleep=time.sleep, clock=time)


faults = st.lists(st.sampled_from(Cluster.FAULTS), max_size=12)


@settings(deadline=None)
@given(faults)
def test_whatever_fails_a_connector_is_made_once(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    client.create("c", CONFIG)
    assert cluster.connectors == {"c": CONFIG}
    assert cluster.created == 1


@settings(deadline=None)
@given(faults)
def test_whatever_fails_a_post_is_repeated_only_after_a_look(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    client.create("c", CONFIG)
    assert ["POST", "POST"] not in [cluster.asked[i : i + 2] for i in range(len(cluster.asked))]


@settings(deadline=None)
@given(faults)
def test_whatever_fails_a_config_ends_as_it_was_put(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    cluster.connectors = {"c": {"old": "1"}, "other": {"x": "y"}}
    client.put_config("c", CONFIG)
    assert cluster.connectors == {"c": CONFIG, "other": {"x": "y"}}


@settings(deadline=None)
@given(faults)
def test_whatever_fails_a_config_ends_as_it_was_patched(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    cluster.connectors = {"c": {**CONFIG, "old": "1"}}
    client.patch_config("c", {"tasks.max": "2", "old": None})
    assert cluster.connectors == {"c": {**CONFIG, "tasks.max": "2"}}


@settings(deadline=None)
@given(faults)
def test_whatever_fails_what_is_deleted_is_gone(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    cluster.connectors = {"c": CONFIG, "other": CONFIG}
    client.delete("c")
    assert cluster.connectors == {"other": CONFIG}


@settings(deadline=None)
@given(faults)
def test_whatever_fails_what_is_absent_is_told_to_be_absent_and_not_made(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    with pytest.raises(ConnectorNotFound):
        client.config("c")
    assert set(cluster.asked) <= {"GET"}


@given(
    st.lists(st.sampled_from(["well", "refused", "starting", "rebalance", "dead leader", "overloaded"]), max_size=12)
)
def test_what_was_surely_not_done_and_is_repeated_is_not_written_twice(faults: list[str]) -> None:
    cluster, client = cluster_and_client(faults)
    client.put_config("c", CONFIG)
    assert "GET" not in cluster.asked


class Answers(requests.Session):
    """Answers in order, the last for ever; an exception is raised. What was asked is kept with its time-outs."""

    def __init__(self, *answers: requests.Response | Exception, seconds: float = 0.0, time: Time | None = None) -> None:
        super().__init__()
        self._answers = list(answers)
        self._seconds = seconds
        self._time = time
        self.asked: list[tuple[str, str]] = []
        self.timeouts: list[tuple[float, float]] = []

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        self.asked.append((method, url))
        self.timeouts.append(options["timeout"])
        if self._time is not None:
            self._time.now += min(self._seconds, options["timeout"][1])
        found = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(found, Exception):
            raise found
        return found


def transport(session: requests.Session, time: Time, *urls: str, **options: Any) -> Transport:
    given: dict[str, Any] = {"deadline": 120.0, "patience": 2.0, "read_timeout": 95.0, "chance": lambda: 0.0, **options}
    return Transport(urls or WORKERS, open_session=lambda: session, sleep=time.sleep, clock=time, **given)


GET = Request("GET", "/")


def test_a_worker_that_is_gone_is_left_for_the_next_at_once_and_for_good() -> None:
    time = Time()
    session = Answers(refused(), answered(200, {}))
    sending = transport(session, time)
    sending.send(GET)
    sending.send(GET)
    assert [url for _, url in session.asked] == ["http://one/", "http://two/", "http://two/"]
    assert time.pauses == []
    assert sending.shown_url == "http://two"


@pytest.mark.parametrize("away", [answered(404, html=True), answered(503), requests.ConnectTimeout()])
def test_a_worker_that_starts_or_is_overloaded_is_left_for_the_next_too(away: requests.Response | Exception) -> None:
    session = Answers(away, answered(200, {}))
    transport(session, Time()).send(GET)
    assert [url for _, url in session.asked] == ["http://one/", "http://two/"]


def test_during_a_rebalance_the_same_worker_is_asked_again_since_the_others_rebalance_too() -> None:
    session = Answers(told(409, REBALANCE), answered(200, {}))
    transport(session, Time()).send(GET)
    assert [url for _, url in session.asked] == ["http://one/", "http://one/"]


def test_when_all_are_gone_there_is_a_pause_before_each_round() -> None:
    time = Time()
    session = Answers(*[refused()] * 5, answered(200, {}))
    transport(session, time, patience=9.0).send(GET)
    assert len(time.pauses) == 2


def test_each_worker_is_asked_before_a_cluster_is_given_up() -> None:
    time = Time()
    session = Answers(requests.ConnectTimeout(), seconds=3.0, time=time)
    with pytest.raises(
        ConnectUnavailable, match=r"at http://one, http://two, http://three .*: see that STREAMGUARD_CONNECT_URL, --url"
    ):
        transport(session, time, "http://one", "http://two", "http://three", patience=2.0).send(GET)
    assert len({url for _, url in session.asked}) == 3


def test_a_cluster_that_has_answered_is_waited_for_until_the_deadline() -> None:
    time = Time()
    session = Answers(answered(200, {}), refused())
    sending = transport(session, time, deadline=30.0, patience=1.0)
    sending.send(GET)
    with pytest.raises(ConnectUnavailable, match=r"did not do GET / within 30 s: connection refused"):
        sending.send(GET)
    assert 30.0 <= time.now < 33.0


@pytest.mark.parametrize(("chance", "expected"), [(0.0, [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]), (1.0, [0.05, 0.1, 0.2])])
def test_pauses_grow_to_two_seconds_and_are_by_chance_up_to_half_shorter(chance: float, expected: list[float]) -> None:
    time = Time()
    session = Answers(*[told(409, REBALANCE)] * 7, answered(200, {}))
    transport(session, time, chance=lambda: chance).send(GET)
    assert time.pauses[: len(expected)] == expected


def test_a_frozen_worker_is_left_for_the_next_after_a_glance_if_it_is_only_to_be_read() -> None:
    time = Time()
    session = Answers(requests.ReadTimeout(), answered(200, {}), seconds=15.0, time=time)
    transport(session, time).send(GET)
    assert [url for _, url in session.asked] == ["http://one/", "http://two/"]
    assert session.timeouts[0] == (3.0, 15.0)


def test_no_request_is_given_more_time_than_the_call_has_left() -> None:
    time = Time()
    session = Answers(requests.ReadTimeout(), seconds=95.0, time=time)
    with pytest.raises(ConnectUnavailable, match="no answer in time"):
        transport(session, time, "http://one", deadline=120.0).send(GET)
    assert session.timeouts[0] == (3.0, 95.0)
    assert session.timeouts[1][1] <= 25.0
    assert time.now <= 121.0


def test_a_write_that_hangs_leaves_time_to_look_whether_it_was_carried_out() -> None:
    time = Time()
    session = Answers(requests.ReadTimeout(), requests.ReadTimeout(), seconds=95.0, time=time)
    looked: list[float] = []

    def landed(_limit: object) -> bool:
        looked.append(time.now)
        return True

    transport(session, time, deadline=100.0).send(Request("PUT", "/x"), landed=landed)
    assert session.timeouts[0][1] == 90.0
    assert looked[0] < 100.0


def test_of_a_write_whose_end_is_not_known_that_is_said() -> None:
    time = Time()
    session = Answers(requests.ReadTimeout(), seconds=95.0, time=time)
    with pytest.raises(ConnectUnavailable, match="within 100 s: no answer in time; whether it was done is not known"):
        transport(session, time, deadline=100.0).send(Request("PUT", "/x"), landed=lambda _limit: False)


def test_a_write_that_can_not_be_looked_for_is_not_repeated() -> None:
    session = Answers(requests.ConnectionError("broken"))
    with pytest.raises(ConnectError, match="http://one: the connection broke; whether POST /x was done is not known"):
        transport(session, Time()).send(Request("POST", "/x"))
    assert len(session.asked) == 1


def test_a_deadline_of_nothing_is_one_attempt_at_each_worker() -> None:
    session = Answers(answered(200, {}), refused())
    sending = transport(session, Time(), deadline=0.0, read_timeout=5.0)
    sending.send(GET)
    with pytest.raises(ConnectUnavailable):
        sending.send(GET)
    assert [url for _, url in session.asked] == ["http://one/", "http://one/", "http://two/"]
    assert session.timeouts[0] == (3.0, 5.0)


def test_the_dead_leader_of_ten_seconds_is_waited_for_and_no_health_is_asked(script: Script) -> None:
    """The survivor calls itself healthy all the time: `/health` is of one worker."""
    script.answers = [*[error(500, DEAD_LEADER)] * 8, Answer(200, {})]
    script.client().put_config("c", CONFIG)
    assert script.calls == ["PUT /connectors/c/config"] * 9


def test_a_worker_that_dies_after_it_wrote_is_looked_after_at_the_next(script: Script, second: Script) -> None:
    script.answers = [Answer(drop=True)]
    second.answers = [
        error(404, "Connector c not found"),
        error(409, "Connector c already exists"),
        Answer(body=CONFIG),
    ]
    client = ConnectClient([script.url, second.url], sleep=lambda _seconds: None)
    client.create("c", CONFIG)
    assert script.calls == ["POST /connectors"]
    assert second.calls == ["GET /connectors/c/config", "POST /connectors", "GET /connectors/c/config"]


def test_a_worker_that_does_not_show_yet_what_exists_is_looked_at_again(script: Script) -> None:
    """A worker that forwards writes reads them from a topic afterwards."""
    absent, taken = error(404, "Connector c not found"), error(409, "Connector c already exists")
    script.answers = [Answer(drop=True), absent, taken, absent, taken, Answer(body=CONFIG)]
    script.client().create("c", CONFIG)
    assert [asked.method for asked in script.asked] == ["POST", "GET", "POST", "GET", "POST", "GET"]


def test_the_next_worker_is_given_a_moment_to_read_what_the_one_that_died_may_have_written() -> None:
    time = Time()
    session = Answers(requests.ConnectionError("broken"), answered(200, {}))
    looked: list[float] = []

    def landed(_limit: object) -> bool:
        looked.append(time.now)
        return True

    transport(session, time).send(Request("POST", "/connectors"), landed=landed)
    assert looked == [0.1]


def test_what_somebody_else_made_meanwhile_is_not_taken_for_ours(script: Script) -> None:
    script.answers = [Answer(drop=True), Answer(body={**CONFIG, "topics": "others"})]
    with pytest.raises(ConnectorExists, match="somebody else made a connector c"):
        script.client().create("c", CONFIG)


def test_what_is_there_already_is_told_without_a_look(script: Script) -> None:
    script.answers = [error(409, "Connector c already exists")]
    with pytest.raises(ConnectorExists, match="already exists"):
        script.client().create("c", CONFIG)
    assert script.calls == ["POST /connectors"]


def test_a_lost_post_is_found_behind_the_masks_of_a_server(script: Script) -> None:
    wanted = {**CONFIG, "password": "${env:P}", "token": "${env:T}"}
    script.answers = [Answer(drop=True), Answer(body={**CONFIG, "password": "•••", "token": "[hidden]"})]
    script.client().create("c", wanted)
    assert script.calls == ["POST /connectors", "GET /connectors/c/config"]


def test_a_lost_patch_of_a_masked_key_is_sent_again_since_nothing_shows_that_it_landed(script: Script) -> None:
    script.answers = [Answer(drop=True), Answer(body={**CONFIG, "password": "•••"}), Answer(200, {})]
    script.client().patch_config("c", {"password": "${env:NEW}"})
    assert [asked.method for asked in script.asked] == ["PATCH", "GET", "PATCH"]


def test_one_client_serves_many_threads_while_a_worker_dies(script: Script, second: Script) -> None:
    script.rest = Answer(drop=True)
    second.rest = Answer(body={"version": "4.3.1"})
    client = ConnectClient([script.url, second.url], sleep=lambda _seconds: None)
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(client.worker().version)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert found == ["4.3.1"] * 16


def test_each_thread_has_a_session_of_its_own() -> None:
    opened: list[requests.Session] = []

    def open_session() -> requests.Session:
        opened.append(Answers(answered(200, {})))
        return opened[-1]

    sending = Transport(
        ["http://one"], open_session=open_session, deadline=1.0, patience=1.0, read_timeout=1.0, sleep=lambda _s: None
    )
    thread = threading.Thread(target=lambda: sending.send(GET))
    thread.start()
    thread.join(10)
    sending.send(GET)
    sending.send(GET)
    assert len(opened) == 2


def test_no_proxy_and_no_netrc_of_the_environment_is_used(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    script.answers = [Answer(body={})]
    assert script.client().connectors() == {}


Body = Mapping[str, Any]
Call = Callable[[ConnectClient], object]
HARMLESS: dict[str, tuple[Call, Body]] = {
    "pause": (lambda client: client.pause("c"), {}),
    "resume": (lambda client: client.resume("c"), {}),
    "stop": (lambda client: client.stop("c"), {}),
    "restart": (lambda client: client.restart("c"), {}),
    "restart of a task": (lambda client: client.restart_task("c", 0), {}),
    "offsets": (lambda client: client.delete_offsets("c"), {}),
    "validation": (lambda client: client.validate("Sink", {}), {"configs": []}),
    "logger": (lambda client: client.set_logger("root", "WARN"), {}),
}


@pytest.mark.parametrize(("call", "body"), HARMLESS.values(), ids=list(HARMLESS))
def test_what_may_be_done_twice_is_repeated_without_a_look(script: Script, call: Call, body: Body) -> None:
    script.answers = [Answer(drop=True), error(500, LATE), Answer(body=dict(body))]
    call(script.client())
    assert len(set(script.calls)) == 1
    assert len(script.calls) == 3
