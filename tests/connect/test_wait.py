from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from streamguard.connect.answers import ConnectorStatus, Deployed, TaskStatus
from streamguard.connect.client import ConnectClient
from streamguard.connect.plan import Change, KeyChange
from streamguard.connect.wait import Outcome, first_cause, wait
from streamguard.errors import ConnectorFailed, ConnectorNotFound, WaitTimedOut

TRACE = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:658)
Caused by: org.apache.kafka.connect.errors.DataException: Converting byte[] failed, topic t:
\tat org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:1)
\t... 16 more
Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'x'
 at [Source: REDACTED]
\tat com.fasterxml.jackson.core.JsonParser.x(JsonParser.java:1)
"""
UPDATE = Change("c", "update", (KeyChange("topics", "old", "new"), KeyChange("gone", "1", None)))
CREATE = Change("c", "create", (KeyChange("topics", None, "new"),))
CONFIG = {"connector.class": "Sink", "topics": "new"}
NEW, OLD = {"topics": "new", "task.class": "T"}, {"topics": "old", "gone": "1"}


def status(*tasks: str, state: str = "RUNNING", trace: str = TRACE) -> ConnectorStatus:
    states = [TaskStatus(number, task, "w", trace if task == "FAILED" else "") for number, task in enumerate(tasks)]
    return ConnectorStatus("c", state, "w", "sink", trace if state == "FAILED" else "", tuple(states))


class Worker:
    """Plays (status, task config) pairs, the last for ever; each sleep takes what it says by its own clock.

    A pair without a status is a connector that the list leaves out: `exists` says why.
    """

    exists = True

    def __init__(self, *looks: tuple[ConnectorStatus | None, Mapping[str, str]]) -> None:
        self.looks = list(looks)
        self.now = 0.0
        self.seen: list[str] = []

    def connectors(self) -> dict[str, Deployed]:
        found = self.looks[0][0]
        self.task_config = self.looks[0][1]
        if len(self.looks) > 1:
            self.looks.pop(0)
        return {} if found is None else {"c": Deployed("c", CONFIG, found)}

    def config(self, name: str) -> Mapping[str, str]:
        if not self.exists:
            raise ConnectorNotFound(f"http://worker: Connector {name} not found")
        return CONFIG

    def task_configs(self, name: str) -> Sequence[Mapping[str, str]]:
        return [self.task_config] if self.config(name) else []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, change: Change, **options: Any) -> Outcome:
        return wait(
            cast(ConnectClient, self),
            [(change, CONFIG)],
            **{"timeout": 30.0, "settle": 1.0, **options},
            report=lambda name, outcome: self.seen.append(f"{name} {type(outcome).__name__}"),
            clock=lambda: self.now,
            sleep=self.sleep,
        )["c"]


def test_running_counts_once_it_has_lasted() -> None:
    worker = Worker((None, {}), (status(), NEW), (status("UNASSIGNED"), NEW), (status("RUNNING"), NEW))
    assert worker.wait(CREATE) == status("RUNNING")
    assert 1.6 <= worker.now < 2.0
    assert worker.seen == ["c ConnectorStatus"]


def test_a_task_that_dies_half_a_second_after_running_fails_the_wait_and_a_naive_poller_would_have_passed_it() -> None:
    looks = [(status("RUNNING"), NEW), (status("RUNNING"), NEW), (status("RUNNING"), NEW), (status("FAILED"), NEW)]
    naive = next(look for look, _ in looks if look is not None)
    assert naive.is_running
    outcome = Worker(*looks).wait(CREATE)
    assert isinstance(outcome, ConnectorFailed)
    assert str(outcome).startswith("c, task 0 is FAILED: DataException: Converting byte[] failed")


def test_running_with_the_old_config_does_not_count() -> None:
    worker = Worker(*[(status("RUNNING"), OLD)] * 20, (status("FAILED"), NEW))
    assert isinstance(worker.wait(UPDATE), ConnectorFailed)


def test_failed_with_the_old_config_does_not_count_either() -> None:
    worker = Worker(*[(status("FAILED"), OLD)] * 10, (status("RUNNING"), NEW))
    assert worker.wait(UPDATE) == status("RUNNING")


def test_a_removed_key_that_a_task_still_has_is_the_old_config() -> None:
    worker = Worker((status("RUNNING"), {"topics": "new", "gone": "1"}))
    outcome = worker.wait(UPDATE, timeout=3.0)
    assert isinstance(outcome, WaitTimedOut)
    assert str(outcome) == "c did not run within 3 s: its tasks still have the old config"


def test_an_unchanged_connector_need_not_settle() -> None:
    worker = Worker((status("RUNNING"), OLD))
    assert worker.wait(Change("c", "unchanged")) == status("RUNNING")
    assert worker.now == 0


def test_a_connector_without_tasks_never_counts_as_running() -> None:
    outcome = Worker((status(), NEW)).wait(CREATE, timeout=2.0)
    assert str(outcome) == "c did not run within 2 s: connector RUNNING, no tasks"


def test_a_paused_connector_stays_paused() -> None:
    assert Worker((status("PAUSED", state="PAUSED"), NEW)).wait(CREATE) == status("PAUSED", state="PAUSED")


def test_a_failed_connector_is_told_with_its_own_trace() -> None:
    outcome = Worker((status(state="FAILED", trace="x.y.ConfigException: bad\n\tat z"), NEW)).wait(CREATE)
    assert str(outcome) == "c is FAILED: ConfigException: bad"


def gone(*looks: tuple[ConnectorStatus | None, Mapping[str, str]]) -> Worker:
    """A worker that does not know the connector any more."""
    worker = Worker(*looks)
    worker.exists = False
    return worker


@pytest.mark.parametrize(
    ("change", "worker"),
    [
        (CREATE, gone((status("UNASSIGNED"), NEW), (None, {}))),
        (UPDATE, gone((None, {}))),
        (UPDATE, gone((status("RUNNING"), NEW))),
        (Change("c", "unchanged"), gone((None, {}))),
    ],
    ids=["created", "updated", "updated and still listed", "unchanged"],
)
def test_a_connector_that_is_deleted_meanwhile_ends_the_wait_at_once(change: Change, worker: Worker) -> None:
    outcome = worker.wait(change)
    assert isinstance(outcome, ConnectorNotFound)
    assert str(outcome) == "c was deleted by somebody else while it was waited for: deploy it again"
    assert worker.now < 1


def test_a_connector_that_a_list_leaves_out_for_a_moment_is_waited_for() -> None:
    worker = Worker((status("UNASSIGNED"), NEW), (None, {}), (None, {}), (status("RUNNING"), NEW))
    assert worker.wait(CREATE) == status("RUNNING")


@pytest.mark.parametrize(
    ("trace", "cause"),
    [
        (TRACE, "DataException: Converting byte[] failed, topic t:, by JsonParseException: Unrecognized token 'x'"),
        ("a.b.C: one\n\tat x\nCaused by: d.E: two\n\tat y\n", "E: two"),
        ("a.b.C: only\n\tat x", "C: only"),
        ("", "no cause given"),
        ("x\nCaused by: com.mongodb.MongoException: cannot reach mongodb://u:p@h/\n", "MongoException: cannot reach mongodb://********@h/"),
        ("x\nCaused by: a.B: c\nCaused by: d.E: \x1b[31mred", "B: c, by E: [31mred"),
        ("x\nCaused by: a.B: " + "y" * 1000, "B: " + "y" * 396 + "…"),
    ],
    ids=range(7),
)  # fmt: skip
def test_the_first_cause_of_a_trace_is_one_line(trace: str, cause: str) -> None:
    assert first_cause(trace) == cause
