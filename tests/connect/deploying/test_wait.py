from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from streamguard.connect.deploying.plan import KeyChange
from streamguard.connect.deploying.wait import Outcome, Target, first_cause, has_new_config, wait
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State, TaskStatus
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectorFailed, ConnectorNotFound, ConnectUnavailable, WaitTimedOut
from streamguard.model import Place

TRACE = """org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception.
\tat org.apache.kafka.connect.runtime.WorkerSinkTask.deliverMessages(WorkerSinkTask.java:658)
Caused by: org.apache.kafka.connect.errors.DataException: Converting byte[] failed, topic t:
\tat org.apache.kafka.connect.json.JsonConverter.toConnectData(JsonConverter.java:1)
\t... 16 more
Caused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'x'
 at [Source: REDACTED]
\tat com.fasterxml.jackson.core.JsonParser.x(JsonParser.java:1)
"""
CONFIG = {"connector.class": "Sink", "topics": "new", "a": "1"}
CHANGED = (KeyChange("topics", "old", "new"), KeyChange("gone", "1", None))
UPDATE = Target("c", CONFIG, changed=CHANGED, settle=1.0)
CREATE = Target("c", CONFIG, new=True, settle=1.0)
UNCHANGED = Target("c", CONFIG)
NEW, OLD = {"topics": "new", "a": "1", "task.class": "T"}, {"topics": "old", "a": "1", "gone": "1"}


def status(*tasks: str, state: str = "RUNNING", trace: str = TRACE) -> ConnectorStatus:
    states = [TaskStatus(number, task, "w", trace if task == "FAILED" else "") for number, task in enumerate(tasks)]
    return ConnectorStatus("c", state, "w", "sink", trace if state == "FAILED" else "", tuple(states))


class Worker:
    """Plays (status, task config) pairs, the last for ever; each sleep takes what it says by its own clock.

    A pair without a status is a connector that the list leaves out: `exists` says why.
    """

    exists = True
    configs: Sequence[Mapping[str, str]] = (CONFIG,)
    """What it lists as the connector's, look by look, the last for ever."""

    def __init__(self, *looks: tuple[ConnectorStatus | None, Mapping[str, str]]) -> None:
        self.looks = list(looks)
        self.now = 0.0
        self.seen: list[str] = []

    def connectors(self) -> dict[str, Deployed]:
        found = self.looks[0][0]
        self.task_config = self.looks[0][1]
        if len(self.looks) > 1:
            self.looks.pop(0)
        shown, self.configs = self.configs[0], self.configs[1:] or self.configs
        return {} if found is None else {"c": Deployed("c", shown, found)}

    def config(self, name: str) -> Mapping[str, str]:
        if not self.exists:
            raise ConnectorNotFound(f"http://worker: Connector {name} not found")
        return CONFIG

    def task_configs(self, name: str) -> Sequence[Mapping[str, str]]:
        return [self.task_config] if self.config(name) else []

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, target: Target, **options: Any) -> Outcome:
        return wait(
            cast(ConnectClient, self),
            [target],
            **{"timeout": 30.0, **options},
            report=lambda name, outcome: self.seen.append(f"{name} {type(outcome).__name__}"),
            clock=lambda: self.now,
            sleep=self.sleep,
        )["c"]


def test_running_counts_once_it_has_lasted() -> None:
    worker = Worker((None, {}), (status("RUNNING"), NEW), (status("UNASSIGNED"), NEW), (status("RUNNING"), NEW))
    assert worker.wait(CREATE) == status("RUNNING")
    assert 1.6 <= worker.now < 2.0
    assert worker.seen == ["c ConnectorStatus"]


def test_quirk_8_a_task_that_dies_soon_after_running_fails_the_wait_and_a_naive_poller_passes_it() -> None:
    looks = [(status("RUNNING"), NEW), (status("RUNNING"), NEW), (status("RUNNING"), NEW), (status("FAILED"), NEW)]
    naive = next(look for look, _ in looks if look is not None)
    assert naive.is_running
    outcome = Worker(*looks).wait(CREATE)
    assert isinstance(outcome, ConnectorFailed)
    assert str(outcome).startswith("c, task 0 is FAILED: DataException: Converting byte[] failed")


def test_quirk_8_running_with_the_old_config_does_not_count() -> None:
    worker = Worker(*[(status("RUNNING"), OLD)] * 20, (status("FAILED"), NEW))
    assert isinstance(worker.wait(UPDATE), ConnectorFailed)


def test_failed_with_the_old_config_does_not_count_either() -> None:
    worker = Worker(*[(status("FAILED"), OLD)] * 10, (status("RUNNING"), NEW))
    assert worker.wait(UPDATE) == status("RUNNING")


@pytest.mark.parametrize("state", ["running", "stopped"])
def test_a_patch_that_another_one_has_undone_fails_the_wait_though_the_worker_said_200(state: State) -> None:
    """Only a look at the config shows it where there are no tasks."""
    worker = Worker((status("RUNNING"), OLD) if state == "running" else (status(state="STOPPED"), {}))
    worker.configs = (OLD,)
    outcome = worker.wait(replace(UPDATE, state=state))
    assert str(outcome) == (
        "c: the worker took the change of topics, gone and has the config of before: somebody else changed the "
        "connector at the same time, deploy it again"
    )
    assert worker.now < 6


def test_a_worker_that_shows_the_config_of_before_for_a_moment_is_waited_for() -> None:
    worker = Worker((status(state="STOPPED"), {}))
    worker.configs = (OLD, OLD, CONFIG)
    assert worker.wait(replace(UPDATE, state="stopped")) == status(state="STOPPED")
    masked = replace(UPDATE, state="stopped", changed=(KeyChange("topics", "***", "new"),))
    worker.configs = ({**CONFIG, "topics": "***"},)
    assert worker.wait(masked) == status(state="STOPPED")


def test_a_removed_key_that_a_task_still_has_is_the_old_config() -> None:
    worker = Worker((status("RUNNING"), {"topics": "new", "gone": "1"}))
    outcome = worker.wait(replace(UPDATE, changed=UPDATE.changed[1:]), timeout=3.0)
    assert isinstance(outcome, WaitTimedOut)
    assert str(outcome) == "c did not run within 3 s: its tasks still have the old config"


def test_an_unchanged_connector_need_not_settle() -> None:
    worker = Worker((status("RUNNING"), OLD))
    assert worker.wait(UNCHANGED) == status("RUNNING")
    assert worker.now == 0


def test_a_connector_without_tasks_never_counts_as_running() -> None:
    outcome = Worker((status(), NEW)).wait(CREATE, timeout=2.0)
    assert str(outcome) == "c did not run within 2 s: connector RUNNING, no tasks"


def test_a_connector_that_is_meant_to_run_and_is_paused_is_not_as_wanted() -> None:
    outcome = Worker((status("PAUSED", state="PAUSED"), NEW)).wait(CREATE, timeout=2.0)
    assert str(outcome) == "c did not run within 2 s: connector PAUSED, task 0 PAUSED"


def test_quirk_14_a_paused_connector_stays_paused_when_its_config_changes_and_its_tasks_may_show_the_old_one() -> None:
    target = Target("c", CONFIG, "paused", CHANGED, settle=1.0)
    assert Worker((status("PAUSED", state="PAUSED"), OLD)).wait(target) == status("PAUSED", state="PAUSED")


def test_quirk_14_fewer_tasks_count_once_the_surplus_has_gone() -> None:
    target = Target("c", {**CONFIG, "tasks.max": "1"}, changed=(KeyChange("tasks.max", "2", "1"),))
    task = {**NEW, "tasks.max": "1"}
    assert not has_new_config(target, [task, task])
    assert has_new_config(target, [task])


def test_a_task_that_had_failed_before_its_connector_was_paused_is_no_failure_of_the_pause() -> None:
    paused = status("FAILED", "PAUSED", state="PAUSED")
    assert Worker((paused, NEW)).wait(Target("c", CONFIG, "paused", settle=1.0)) == paused


def test_a_stopped_connector_counts_once_its_tasks_have_gone() -> None:
    looks = [(status("RUNNING", state="STOPPED"), NEW)] * 3
    worker = Worker(*looks, (status(state="STOPPED"), {}))
    assert worker.wait(Target("c", CONFIG, "stopped", settle=1.0)) == status(state="STOPPED")
    assert worker.now >= 1.6


def test_a_status_that_does_not_name_every_task_yet_does_not_count() -> None:
    worker = Worker((status("RUNNING"), NEW))
    worker.task_configs = lambda name: [NEW, NEW] if name else []  # type: ignore[method-assign]
    assert isinstance(worker.wait(CREATE, timeout=3.0), WaitTimedOut)


def test_a_task_that_moves_to_another_worker_begins_to_settle_anew() -> None:
    moved = status("RUNNING")
    moved = replace(moved, tasks=(replace(moved.tasks[0], worker="other"),))
    worker = Worker(*[(status("RUNNING"), NEW)] * 4, (moved, NEW))
    assert worker.wait(CREATE) == moved
    assert worker.now >= 1.8


@pytest.mark.parametrize(
    ("changed", "task", "is_new"),
    [
        ([KeyChange("topics", "old", "new")], NEW, True),
        ([KeyChange("topics", "old", "new")], OLD, False),
        ([KeyChange("topics", "old", "new")], {"other": "1"}, True),
        ([KeyChange("topics", "old", "new")], {"topics": "new-0"}, True),
        ([KeyChange("b", None, "2")], {"topics": "new", "a": "1"}, False),
        ([KeyChange("b", None, "2")], {"topics": "new"}, True),
        ([KeyChange("b", None, "2")], {"b": "2"}, True),
        ([KeyChange("gone", "1", None)], {"gone": "1"}, False),
        ([KeyChange("gone", "1", None)], {"a": "1"}, True),
        ([KeyChange("uri", "•••", "${env:U}")], {"uri": "•••"}, True),
    ],
    ids=range(10),
)
def test_the_config_of_a_task_is_new_unless_it_shows_that_it_is_old(
    changed: list[KeyChange], task: dict[str, str], is_new: bool
) -> None:
    assert has_new_config(Target("c", CONFIG, changed=tuple(changed)), [task]) is is_new


class Group:
    """Plays committed offsets, the last for ever."""

    def __init__(self, backlog: dict[Place, int], *committed: dict[Place, int]) -> None:
        self.wanted = backlog
        self.looks = list(committed)

    def backlog(self, name: str, config: Mapping[str, str]) -> dict[Place, int]:
        assert (name, config) == ("c", CONFIG)
        return self.wanted

    def committed(self, name: str) -> dict[Place, int]:
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def test_progress_is_offsets_that_move_in_every_partition_that_had_records() -> None:
    backlog: dict[Place, int] = {("t", 0): 5, ("t", 1): 0}
    group = Group(backlog, {("t", 0): 5}, {("t", 0): 6, ("t", 1): 0}, {("t", 0): 6, ("t", 1): 1})
    worker = Worker((status("RUNNING"), NEW))
    assert worker.wait(CREATE, reading=group) == status("RUNNING")
    assert 4.0 <= worker.now < 5.0


def test_progress_is_nothing_to_read() -> None:
    worker = Worker((status("RUNNING"), NEW))
    assert worker.wait(CREATE, reading=Group({}, {})) == status("RUNNING")
    assert worker.now < 2.5


def test_a_connector_that_runs_and_reads_nothing_fails_the_wait_for_progress_and_says_where() -> None:
    outcome = Worker((status("RUNNING"), NEW)).wait(CREATE, timeout=10.0, reading=Group({("t", 3): 7}, {("t", 3): 7}))
    assert isinstance(outcome, WaitTimedOut)
    assert str(outcome) == "c runs and has not read on within 10 s in t-3 (at 7)"


def test_a_task_that_fails_while_progress_is_waited_for_fails_the_wait() -> None:
    worker = Worker(*[(status("RUNNING"), NEW)] * 12, (status("FAILED"), NEW))
    assert isinstance(worker.wait(CREATE, reading=Group({("t", 0): 1}, {("t", 0): 1})), ConnectorFailed)


def test_a_cluster_that_goes_away_ends_the_wait_of_all() -> None:
    worker = Worker((status("UNASSIGNED"), NEW))
    worker.connectors = lambda: (_ for _ in ()).throw(ConnectUnavailable("gone"))  # type: ignore[method-assign]
    assert str(worker.wait(CREATE)) == "c: gone"


def test_a_failed_connector_is_told_with_its_own_trace() -> None:
    outcome = Worker((status(state="FAILED", trace="x.y.ConfigException: bad\n\tat z"), NEW)).wait(CREATE)
    assert str(outcome) == "c is FAILED: ConfigException: bad"


def gone(*looks: tuple[ConnectorStatus | None, Mapping[str, str]]) -> Worker:
    """A worker that does not know the connector any more."""
    worker = Worker(*looks)
    worker.exists = False
    return worker


@pytest.mark.parametrize(
    ("target", "worker"),
    [
        (CREATE, gone((status("UNASSIGNED"), NEW), (None, {}))),
        (UPDATE, gone((None, {}))),
        (UPDATE, gone((status("RUNNING"), NEW))),
        (UNCHANGED, gone((None, {}))),
    ],
    ids=["created", "updated", "updated and still listed", "unchanged"],
)
def test_a_connector_that_is_deleted_meanwhile_ends_the_wait_at_once(target: Target, worker: Worker) -> None:
    outcome = worker.wait(target)
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


def test_a_cause_names_the_references_that_the_worker_has_not_resolved_by_key() -> None:
    config = {"file": "/data/${env:NOPE}/y", "topics": "t", "connection.uri": "${env:URI}"}
    trace = "org.x.ConnectException: no file /data/${env:NOPE}/y\n\tat a.B.c(D.java:1)"
    assert first_cause(trace, config) == (
        "ConnectException: no file /data/${env:NOPE}/y; the worker has not resolved ${env:NOPE} of file"
    )
    assert "resolved" not in first_cause("org.x.ConnectException: no file /data/s3cr3t/y", config)
