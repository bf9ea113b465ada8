"""From what somebody asked for to a run and its orders: what is not asked for, the world says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from streamguard.datagen.producing.orders import Orders, at_full_speed
from streamguard.datagen.records.run import Run
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.streams import LabelColumn

if TYPE_CHECKING:
    from streamguard.datagen.world.model import World

MODES = ("stream", "batch", "velocity", "day")
BATCH = 10_000
"""Records of a batch, unless it is told how many."""
VELOCITY = "velocity_burst"
BURSTING = 0.5
"""The part of all records that mode velocity gives to bursts of one actor."""
DAY_SPEED = 60.0
"""In mode day, seconds of the day in each second: a day in 24 minutes."""
DAY = (0.40, 0.20, 0.12, 0.10, 0.12, 0.20, 0.35, 0.55, 0.75, 0.90, 1.00, 1.15,
       1.40, 1.20, 1.00, 1.00, 1.20, 1.60, 2.50, 2.70, 1.90, 1.20, 0.80, 0.55)  # fmt: skip
"""What an hour of the day has of the mean, from midnight: quiet nights, evenings with nearly three times as much."""


class Contradiction(ValueError):
    """What somebody asks for contradicts itself, or the world: a sentence about it."""


@dataclass(frozen=True)
class Wishes:
    """What somebody asks for; None and nothing: as the world has it. Shares are parts of one, times in seconds."""

    name: str
    seed: int
    mode: str = "stream"
    rate: float | None = None
    full_speed: bool = False
    speed: float | None = None
    count: int | None = None
    duration: float | None = None
    since: datetime | None = None
    days: float | None = None
    then_live: bool = False
    truth: bool = True
    workers: int = 1
    counts: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, float] = field(default_factory=dict)
    """Shares of values of the world's label."""
    campaigns: Mapping[str, float] = field(default_factory=dict)
    faults: Mapping[str, float] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)
    streams: tuple[str, ...] = ()


def plan(world: World, wishes: Wishes, now: datetime) -> tuple[Run, Orders]:
    """The run and how it is sent. Raises Contradiction where wishes contradict each other or the world."""
    clock, stops = world.clock, world.stops
    since, days = wishes.since or clock.start, wishes.days or clock.days
    if wishes.mode == "day" and days is None:
        days = 1.0
    backfill = since is not None or days is not None
    then_live = wishes.then_live or clock.then_live
    fast = wishes.full_speed or (clock.fast and wishes.rate is None) or wishes.mode == "batch"
    speed = wishes.speed or (DAY_SPEED if wishes.mode == "day" and not fast else clock.scale)
    if then_live and not backfill:
        raise Contradiction("nothing comes before: --then-live goes on after --from or --days")
    if then_live and speed != 1.0:
        raise Contradiction("--speed and --then-live exclude each other: what is live goes as fast as the clock")
    start, end = _period(since, days, now)
    run = Run(
        world=world,
        name=wishes.name,
        seed=wishes.seed,
        start=start,
        rate=wishes.rate,
        full_speed=fast,
        backfill=backfill,
        to=_end(end, backfill=backfill, then_live=then_live, growing=since is None or days is None),
        streams=wishes.streams,
        truth=wishes.truth,
        counts=wishes.counts,
        shares=_shares(world, wishes.labels),
        campaigns=_campaigns(world, wishes),
        faults=wishes.faults,
        topics=wishes.topics,
    )
    count = wishes.count or stops.count or (BATCH if wishes.mode == "batch" and not backfill else None)
    orders = Orders(
        count=count,
        duration=wishes.duration or stops.duration,
        speed=speed,
        paced=backfill and speed != 1.0,
        then_live=then_live,
        workers=wishes.workers,
    )
    return run, orders


def overrides(world: World, mode: str, rate: float | None) -> dict[str, Any]:
    """What a mode puts at places of the world's file: a realistic day needs a rate with a daily curve."""
    if mode != "day":
        return {}
    places = {}
    for stream in world.streams:
        mean = stream.rate.mean if rate is None else rate
        if len(stream.rate.day) == 1 and not stream.rate.steps:
            places[f"streams.{stream.name}.rate"] = {"per_second": mean, "day": list(DAY)}
        elif rate is not None:
            places[f"streams.{stream.name}.rate"] = {"per_second": mean, "day": list(stream.rate.day)}
    return places


def retention_notes(start: datetime, now: datetime, configs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """A sentence for each topic that will not keep records with dates from `start` on: Kafka deletes by date."""
    age = (now - start).total_seconds() * 1000
    notes = []
    for topic, config in configs.items():
        kept = int(config.get("retention.ms", -1))
        if 0 <= kept < age and "delete" in config.get("cleanup.policy", "delete"):
            notes.append(
                f"{topic} keeps records for {kept / 86_400_000:g} days (retention.ms), by their own dates: "
                "Kafka deletes older ones within minutes"
            )
    return notes


def _period(since: datetime | None, days: float | None, now: datetime) -> tuple[datetime, datetime]:
    """When event time begins, and when what is past ends."""
    length = None if days is None else timedelta(days=days)
    if since is None:
        return (now if length is None else now - length), now
    end = now if length is None else since + length
    if since >= now:
        raise Contradiction(f"--from {since:%Y-%m-%d %H:%M} is not past: leave it out for records of now")
    if end > now:
        raise Contradiction(
            f"{days:g} days from {since:%Y-%m-%d} on end in the future: leave --days out to go on up to now, "
            "and add --then-live to go on from there"
        )
    return since, end


def written_at_once(run: Run, orders: Orders) -> Run:
    """The run for a file that need not be paced: event times at the world's rate, and the last one is about now."""
    if orders.duration is not None or orders.then_live or run.full_speed:
        return run
    if run.backfill:
        return replace(run, full_speed=at_full_speed(run, orders))
    count, rate = orders.count or 0, run.written_streams()[0].rate.mean
    try:
        start = run.start - timedelta(seconds=count / rate)
    except OverflowError:
        raise Contradiction(
            f"{count:,} records at {rate:g} a second would begin before the year 1: ask for fewer with --count"
        ) from None
    return replace(run, start=start, backfill=True, full_speed=True)


def _end(end: datetime, *, backfill: bool, then_live: bool, growing: bool) -> datetime | None:
    """Where a backfill ends; None: nowhere, or where now is when it gets there."""
    return None if not backfill or (then_live and growing) else end


def _shares(world: World, labels: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Shares of the world's label, with those of the file for what is named neither here nor last in it."""
    if not labels:
        return {}
    for stream in world.streams:
        for column in stream.columns:
            if isinstance(column, LabelColumn) and {*labels} <= {*map(str, column.choices.values)}:
                declared = dict(zip(map(str, column.choices.values), column.choices.shares, strict=True))
                named = {name: labels.get(name, share) for name, share in list(declared.items())[:-1]}
                if sum(named.values()) > 1 + 1e-9:
                    raise Contradiction(_too_much(column.name, named, labels))
                return {column.name: named}
    raise Contradiction(f"the world {world.name} has no label with {' and '.join(labels)}")


def _too_much(column: str, shares: Mapping[str, float], given: Mapping[str, float]) -> str:
    """Why shares of a label do not go together, and which of those that nobody gave are in the way."""
    told = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
    left = max(0.0, 1 - sum(share for name, share in shares.items() if name in given))
    others = " and ".join(f"--{name}-share {left:.0%}" for name in shares if name not in given).replace("%", "")
    hint = f": add {others}, or less" if left else f": add {others}"
    return f"shares of {column} are more than 100 percent together: {told}{hint if others else ''}"


def _campaigns(world: World, wishes: Wishes) -> Mapping[str, float]:
    if wishes.mode != "velocity":
        return wishes.campaigns
    bursts = [one for one in world.campaigns if isinstance(one, Burst) and one.kind == VELOCITY]
    if not bursts:
        raise Contradiction(
            f"the world {world.name} has no campaign of kind {VELOCITY}, which mode velocity is made of"
        )
    raised = {one.name: BURSTING / len(bursts) for one in bursts}
    return {**raised, **wishes.campaigns}
