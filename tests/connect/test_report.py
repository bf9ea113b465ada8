from __future__ import annotations

import pytest

from streamguard.connect.answers import ConnectorStatus, Deployed, TaskStatus
from streamguard.connect.report import trouble


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
