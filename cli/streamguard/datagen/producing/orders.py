"""How a run is sent: none of this changes a record. Pure, and picklable for workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from streamguard.datagen.producing.lanes import Lane
from streamguard.datagen.producing.pacing import EVERYTHING, Backfill, FullSpeed, Pace, Paced

if TYPE_CHECKING:
    from streamguard.datagen.records.journal import Resumed
    from streamguard.datagen.records.run import Run
    from streamguard.datagen.records.source import Source

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Orders:
    """What ends a run, and how fast it goes.

    `count` is records of each stream; `duration` is seconds; `speed` is seconds of event time in each second. A
    backfill goes as fast as possible unless `paced`; `then_live`: and then as its records become due. `first` is where
    each stream goes on, after an interruption.
    """

    count: int | None = None
    duration: float | None = None
    speed: float = 1.0
    paced: bool = False
    then_live: bool = False
    workers: int = 1
    first: Mapping[str, int] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As the journal keeps it: all but where streams go on."""
        return {name: value for name, value in asdict(self).items() if name != "first"}


def orders_of(resumed: Resumed, given: Mapping[str, Any]) -> Orders:
    """How a run goes on: as its journal says, for what is left of its duration, but for what is given anew."""
    told = {name: resumed.orders[name] for name in Orders().document() if name in resumed.orders}
    if told.get("duration") is not None:
        told["duration"] = max(0.0, told["duration"] - resumed.seconds)
    first = {name: position.watermark for name, position in resumed.positions.items()}
    return Orders(**{**told, **given}, first=first)


def lane_of(source: Source, run: Run, orders: Orders, now: datetime, worker: int = 0) -> Lane:
    """How one stream of a run is sent by one worker, beginning now."""
    first = orders.first.get(source.name, 0)
    pace = _pace(source, run, orders, now, first)
    limits = [EVERYTHING if orders.count is None else orders.count]
    if source.total is not None and not orders.then_live:
        limits.append(source.total)
    if isinstance(pace, Paced) and orders.duration is not None:
        limits.append(source.due(pace.origin + orders.duration * orders.speed))
    return Lane(
        source,
        pace,
        min(limits),
        first,
        worker=worker,
        workers=orders.workers,
        start=(run.start - EPOCH) // MILLISECOND,
    )


def at_full_speed(run: Run, orders: Orders) -> bool:
    """Are its records written as fast as possible? What is past is, unless its pace is asked for."""
    return run.full_speed or (run.backfill and not orders.paced)


def _pace(source: Source, run: Run, orders: Orders, now: datetime, first: int) -> Pace:
    if orders.then_live:
        end = run.to or now
        return Backfill(source, (end - run.start).total_seconds(), growing=run.to is None)
    if at_full_speed(run, orders):
        return FullSpeed()
    return Paced(source, orders.speed, origin=source.due_at(first) if first else 0.0)
