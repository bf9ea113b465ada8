from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from streamguard.datagen.producing.orders import Orders
from streamguard.datagen.producing.planning import (
    BATCH,
    Contradiction,
    Wishes,
    overrides,
    plan,
    retention_notes,
    written_at_once,
)
from streamguard.datagen.world.model import Clock, Stops, World
from streamguard.datagen.world.reading import read_world
from streamguard.project import shipped

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def bank() -> World:
    return read_world(shipped() / "init" / "worlds" / "bank.yml")


def wishes(**given: object) -> Wishes:
    return Wishes("r", 7, **given)  # type: ignore[arg-type]


def test_without_wishes_records_begin_now_at_the_rate_of_the_world(bank: World) -> None:
    run, orders = plan(bank, wishes(), NOW)
    assert (run.start, run.to, run.rate, run.full_speed, run.backfill) == (NOW, None, None, False, False)
    assert (orders.count, orders.duration, orders.speed, orders.then_live) == (None, None, 1.0, False)


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        ({"days": 30}, NOW - 30 * DAY, NOW),
        ({"since": NOW - 9 * DAY}, NOW - 9 * DAY, NOW),
        ({"since": NOW - 9 * DAY, "days": 2}, NOW - 9 * DAY, NOW - 7 * DAY),
        ({"days": 30, "then_live": True}, NOW - 30 * DAY, None),
        ({"since": NOW - 9 * DAY, "days": 2, "then_live": True}, NOW - 9 * DAY, NOW - 7 * DAY),
    ],
)
def test_a_backfill_has_the_dates_that_were_asked_for(
    bank: World, given: dict[str, object], start: datetime, end: datetime | None
) -> None:
    run, orders = plan(bank, wishes(**given), NOW)
    assert (run.backfill, run.start, run.to) == (True, start, end)
    assert not orders.paced, "the past is written as fast as possible"


def test_a_backfill_can_be_paced(bank: World) -> None:
    _, orders = plan(bank, wishes(days=1, speed=60), NOW)
    assert (orders.paced, orders.speed) == (True, 60)


def test_the_world_says_what_nobody_asks_for(bank: World) -> None:
    world = replace(bank, clock=Clock(days=3, then_live=True), stops=Stops(count=10, duration=5.0))
    run, orders = plan(world, wishes(), NOW)
    assert (run.start, run.backfill, orders.then_live) == (NOW - 3 * DAY, True, True)
    assert (orders.count, orders.duration) == (10, 5.0)
    _, asked = plan(world, wishes(count=7), NOW)
    assert asked.count == 7


def test_a_batch_is_so_many_at_once(bank: World) -> None:
    run, orders = plan(bank, wishes(mode="batch"), NOW)
    assert (run.full_speed, orders.count) == (True, BATCH)


def test_velocity_raises_the_campaigns_of_that_kind(bank: World) -> None:
    run, _ = plan(bank, wishes(mode="velocity"), NOW)
    assert run.campaigns == {"fast-spending": 0.5}


def test_a_day_has_quiet_nights_and_takes_24_minutes(bank: World) -> None:
    run, orders = plan(bank, wishes(mode="day"), NOW)
    assert (run.start, run.to, orders.speed, orders.paced) == (NOW - DAY, NOW, 60.0, True)
    rate = overrides(bank, "day", 20.0)["streams.transactions.rate"]
    assert rate["per_second"] == 20.0
    assert max(rate["day"]) > 6 * min(rate["day"])
    assert overrides(bank, "stream", 20.0) == {}


def test_shares_that_are_not_named_stay_as_declared(bank: World) -> None:
    run, _ = plan(bank, wishes(labels={"fraudulent": 0.4}), NOW)
    assert run.shares == {"evaluation": {"fraudulent": 0.4, "unidentified": 0.2}}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"labels": {"fraudulent": 0.9}}, "more than 100 percent together"),
        ({"labels": {"odd": 0.9}}, "no label with odd"),
        ({"then_live": True}, "nothing comes before"),
        ({"days": 1, "then_live": True, "speed": 2}, "exclude each other"),
        ({"since": NOW + DAY}, "is not past"),
        ({"since": NOW - DAY, "days": 2}, "in the future"),
    ],
)
def test_contradictions_are_told(bank: World, given: dict[str, object], says: str) -> None:
    with pytest.raises(Contradiction, match=says):
        plan(bank, wishes(**given), NOW)


def test_a_file_that_would_begin_before_the_calendar_is_refused(bank: World) -> None:
    run, _ = plan(bank, wishes(), NOW)
    with pytest.raises(Contradiction, match="begin before the year 1: ask for fewer with --count"):
        written_at_once(run, Orders(count=10**15))


def test_a_topic_that_forgets_what_is_written_is_told() -> None:
    week = {"retention.ms": "604800000", "cleanup.policy": "delete"}
    configs = {"short": week, "ever": {"retention.ms": "-1"}, "compacted": {**week, "cleanup.policy": "compact"}}
    assert retention_notes(NOW - 3 * DAY, NOW, configs) == []
    (note,) = retention_notes(NOW - 30 * DAY, NOW, configs)
    assert note.startswith("short keeps records for 7 days")
