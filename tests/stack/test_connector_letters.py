"""Dead letters of a connector on a real worker, by the name of the connector; tests/soak has ten times as many."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.letters import Place
from tests.stack.poisoned import AFTER, BEFORE, Poisoned
from tests.stack.records import OwnTopics

pytestmark = pytest.mark.usefixtures("connect")

RECORDS = 1_000


@pytest.fixture
def poisoned(settings: Settings, project: Project, own: OwnTopics) -> Iterator[Poisoned]:
    with Poisoned(Place(settings, project, own), RECORDS) as made:
        yield made


def test_what_a_connector_refuses_is_listed_by_stage_and_comes_back_once_after_the_fix_although_the_replay_is_killed(
    poisoned: Poisoned, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    dlq = partial(poisoned.place.command(monkeypatch, capfdbinary), "connectors", "dlq")
    sink, bad = poisoned.sink, sum(map(len, poisoned.bad.values()))
    poisoned.deploy(BEFORE)
    poisoned.refuse()
    poisoned.check_listed(dlq("list", sink, "-o", "json"), replayed=False)
    shown = dlq("show", sink, "--stage", "TRANSFORMATION", "-n", "2", "-o", "json")
    assert {one["reason"] for one in shown.document} == {
        "Value (…, …) was out of range for requested data type (NumberFormatException)",
        "Could not parse timestamp: value (…) does not match pattern (********) (ParseException)",
    }
    poisoned.check_no_secret(dlq("show", sink, "--stage", "TRANSFORMATION", "-n", "2", "--value"))
    (dry,) = dlq("replay", sink, "--stage", "TASK_PUT", "--dry-run", "-o", "json").document
    assert (dry["to"], dry["records"]) == (poisoned.source, len(poisoned.bad["TASK_PUT"]))

    poisoned.deploy(AFTER)
    first = len(poisoned.bad["TRANSFORMATION"])
    dlq("replay", sink, "--stage", "TRANSFORMATION", "--yes").check(0, f"Replayed {first} records")
    poisoned.place.killed("mid_produce:20", "connectors", "dlq", "replay", sink, "--rate", "15", "--yes")
    assert poisoned.replayed() == first + 15
    dlq("replay", sink, "--yes").check(0, f"Replayed {bad - first - 15} records")
    dlq("replay", sink, "--yes").check(0, "Nothing to do")
    poisoned.check_replayed()
    poisoned.check_listed(dlq("list", sink, "-o", "json"), replayed=True)
    poisoned.check_no_secret(dlq("show", sink, "--stage", "TRANSFORMATION", "-n", "2", "--value"))
    dlq("list", f"{sink}s").check(1, f"has no connector {sink}s")
