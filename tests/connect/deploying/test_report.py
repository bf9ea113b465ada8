from __future__ import annotations

import pytest

from streamguard.connect.deploying.report import status_row, trouble
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, TaskStatus


def connector(name: str, state: str, *tasks: str) -> Deployed:
    shown = tuple(TaskStatus(number, task, "w") for number, task in enumerate(tasks))
    return Deployed(name, {}, ConnectorStatus(name, state, "w", "sink", "", shown))


GOOD = connector("good", "RUNNING", "RUNNING", "RUNNING")


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], ""),
        ([connector("p", "PAUSED", "PAUSED"), connector("s", "STOPPED")], ""),
        ([connector("f", "RUNNING", "RUNNING", "FAILED")], "1 of 2 connectors not running: f FAILED"),
        (
            [connector("n", "RUNNING"), Deployed("a", {}, None)],
            "2 of 3 connectors not running: a UNASSIGNED, n starting",
        ),
    ],
)
def test_connectors_that_should_run_and_do_not_are_named(others: list[Deployed], said: str) -> None:
    assert trouble({one.name: one for one in [GOOD, *others]}) == said


def test_a_row_has_every_part_that_failed_with_its_worker_and_cause() -> None:
    tasks = (
        TaskStatus(0, "FAILED", "w0", "x\nCaused by: a.B: one"),
        TaskStatus(1, "RUNNING", "w1"),
        TaskStatus(2, "FAILED", "w2", "x\nCaused by: a.B: two"),
    )
    row = status_row(Deployed("c", {}, ConnectorStatus("c", "FAILED", "w", "sink", "a.C: own", tasks)))
    assert row["cause"] == "C: own"
    assert row["failures"] == [
        {"task": None, "worker": "w", "cause": "C: own"},
        {"task": 0, "worker": "w0", "cause": "B: one"},
        {"task": 2, "worker": "w2", "cause": "B: two"},
    ]
    assert status_row(GOOD)["failures"] == []
    assert status_row(Deployed("c", {}, None))["state"] == "UNASSIGNED"
