from __future__ import annotations

from dataclasses import replace

import pytest

from streamguard.connect.operating.watch import Row, Sample, Sink, Watcher, rows, sink_of
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, TaskStatus
from streamguard.errors import ConnectError, ConnectorNotFound
from streamguard.kafka.group_offsets import Bounds, Pace, Seen
from streamguard.settings import Settings
from tests.connect.conftest import Answer, Script, error

SINK = Sink("connect-c", (("t", 0), ("t", 1)), (("dlq", 0),))
BOUNDS = {("t", 0): Bounds(10, 100), ("t", 1): Bounds(0, 50), ("dlq", 0): Bounds(2, 7)}


def deployed(name: str = "c", state: str = "RUNNING", *tasks: str, trace: str = "") -> Deployed:
    parts = tuple(TaskStatus(number, task, "w", trace) for number, task in enumerate(tasks or ("RUNNING",)))
    return Deployed(name, {}, ConnectorStatus(name, state, "w", "sink", "", parts))


def sample(last: dict[tuple[str, int], int], earlier: Seen | None = None, end: int = 100, letters: int = 7) -> Sample:
    now = Seen(last, 20.0)
    bounds = {**BOUNDS, ("t", 0): Bounds(10, end), ("dlq", 0): Bounds(2, letters)}
    return Sample(20.0, {"c": deployed()}, {"c": SINK}, bounds, {"connect-c": Pace(now, earlier or now)})


def test_the_lag_is_what_the_group_has_yet_to_read_and_all_of_a_partition_that_it_has_not_begun() -> None:
    (row,) = rows(sample({("t", 0): 90}))
    assert (row.lag, row.rate) == (10 + 50, None)


def test_ends_of_transactions_are_no_lag() -> None:
    seen = replace(sample({("t", 0): 99, ("t", 1): 40}), empty=frozenset({(("t", 0), 99)}))
    (row,) = rows(seen)
    assert row.lag == 10


def test_the_lag_counts_from_what_retention_has_left() -> None:
    (row,) = rows(sample({("t", 0): 3, ("t", 1): 50}))
    assert row.lag == 90


def test_the_rate_is_what_was_committed_by_the_time_between_the_looks() -> None:
    (row,) = rows(sample({("t", 0): 90, ("t", 1): 30}, Seen({("t", 0): 40}, 10.0)))
    assert row.rate == (50 + 30) / 10


def test_offsets_that_were_moved_back_are_no_negative_rate() -> None:
    (row,) = rows(sample({("t", 0): 10, ("t", 1): 0}, Seen({("t", 0): 90, ("t", 1): 30}, 10.0)))
    assert row.rate == 0


def test_errors_are_the_dead_letters_and_those_since_the_first_look_are_new() -> None:
    first = sample({}, letters=5)
    (row,) = rows(sample({}), first)
    assert (row.errors, row.new_errors) == (5, 2)


def test_what_needs_somebody_stands_first() -> None:
    connectors = {
        "a": deployed("a"),
        "b": deployed("b", "PAUSED", "PAUSED"),
        "c": deployed("c", "RUNNING", "RUNNING", "FAILED", trace="x\nCaused by: a.B: bad"),
        "d": Deployed("d", {}, None),
    }
    found = rows(Sample(0.0, connectors))
    assert [(row.name, row.state, row.running, row.tasks) for row in found] == [
        ("c", "FAILED", 1, 2),
        ("d", "UNASSIGNED", 0, 0),
        ("a", "RUNNING", 1, 1),
        ("b", "PAUSED", 0, 1),
    ]
    assert found[0].cause == "B: bad"


def test_a_sink_of_a_topic_that_does_not_exist_says_so_though_connect_says_running() -> None:
    config = {"topics": "t,gone", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dlq"}
    connector = Deployed("c", config, deployed().status)
    sink = sink_of(connector, {"t": [0, 1], "dlq": [0]})
    assert sink == Sink("connect-c", (("t", 0), ("t", 1)), (("dlq", 0),), ("gone",))
    (row,) = rows(Sample(0.0, {"c": connector}, {"c": sink}))
    assert (row.state, row.cause) == ("RUNNING", "it reads gone, which does not exist")


def test_a_source_has_no_lag() -> None:
    assert sink_of(Deployed("c", {"database": "d"}, None), {"t": [0]}) is None


def test_without_kafka_there_are_states_and_no_numbers() -> None:
    (row,) = rows(Sample(0.0, {"c": deployed()}, kafka="no broker"))
    assert (row.lag, row.rate, row.errors) == (None, None, None)
    assert str(row) == "c: RUNNING, 1 of 1 tasks run"


@pytest.mark.parametrize(
    ("row", "line"),
    [
        (
            Row("c", "RUNNING", 2, 2, 1234, 12.34, 7, 2),
            "c: RUNNING, 2 of 2 tasks run, lag 1,234, 12.3 records/s, 7 errors (+2)",
        ),
        (Row("c", "FAILED", 0, 1, cause="B: bad"), "c: FAILED, 0 of 1 tasks run: B: bad"),
    ],
)
def test_a_row_is_a_line_of_a_log(row: Row, line: str) -> None:
    assert str(row) == line


def listing(*names: str) -> Answer:
    status = {"type": "sink", "connector": {"state": "RUNNING"}, "tasks": [{"id": 0, "state": "RUNNING"}]}
    return Answer(body={name: {"info": {"config": {}}, "status": {**status, "name": name}} for name in names})


def test_a_worker_that_goes_away_is_waited_out_and_one_that_never_was_there_is_not(script: Script) -> None:
    script.answers = [listing("c"), error(400, "no"), listing("c")]
    watcher = Watcher(script.client(), Settings(), unfit="x", sleep=lambda _seconds: None)
    seen = [(len(found), "no offsets" in trouble) for found, trouble in watcher.looks(1.0, 3)]
    assert seen == [(1, True), (0, False), (1, True)]
    script.answers = [error(400, "no")]
    with pytest.raises(ConnectError):
        next(Watcher(script.client(), Settings()).looks(1.0))


def test_a_name_that_is_not_there_is_an_error_once_and_what_is_deleted_later_goes_from_the_table(
    script: Script,
) -> None:
    script.answers = [listing("a-1", "a-2", "b"), listing("a-2", "a-3")]
    watcher = Watcher(script.client(), Settings(), ["a-*", "b"], unfit="x", sleep=lambda _seconds: None)
    assert [[row.name for row in found] for found, _ in watcher.looks(1.0, 2)] == [["a-1", "a-2", "b"], ["a-2", "a-3"]]
    script.answers = [listing("a-1")]
    with pytest.raises(ConnectorNotFound):
        next(Watcher(script.client(), Settings(), ["b"]).looks(1.0))
