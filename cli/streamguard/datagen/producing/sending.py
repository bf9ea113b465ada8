"""One worker's part of a run: its streams, a publisher, and what is between them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.lanes import Lane
from streamguard.datagen.producing.orders import Orders, lane_of
from streamguard.datagen.producing.progress import Progress
from streamguard.datagen.producing.publishing import Agree, Permit, Publishing, Totals, unlimited
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.truth import Delayed
from streamguard.kafka.publish import Publisher, reason

if TYPE_CHECKING:
    from pathlib import Path

    from streamguard.datagen.records.run import Run
    from streamguard.datagen.records.sums import Summer


def sources_of(run: Run, cache_dir: Path) -> list[Source]:
    """The streams that a run writes, ready to be asked for records."""
    return [Source(run, stream.name, cache_dir) for stream in run.written_streams()]


def topics_of(run: Run) -> tuple[list[str], list[str]]:
    """The topics of its streams, and those beside them."""
    truth = run.resolved().truth
    beside = [] if truth is None else [truth.topic, *([truth.labels.topic] if truth.labels else [])]
    return [stream.topic for stream in run.written_streams()], beside


def _take_beginning(lane: Lane) -> None:
    """A run that goes on in the middle of a block: what was sent of it before is summed up as well."""
    begin = lane.next // BLOCK * BLOCK
    if lane.sums is not None and begin < lane.next:
        lane.sums.take(lane.read(begin, lane.next))


def send(
    run: Run,
    orders: Orders,
    sources: Iterable[Source],
    publisher: Publisher,
    *,
    stopped: Callable[[], bool],
    show: Callable[[Progress], None],
    summers: Mapping[str, Summer] | None = None,
    permit: Permit = unlimited,
    agree: Agree | None = None,
    worker: int = 0,
) -> Totals:
    """Send this worker's part of every stream; `summers` by stream sum up what was sent."""
    now = datetime.now(UTC)
    lanes = []
    for source in sources:
        lane = lane_of(source, run, orders, now, worker)
        lane.sums = (summers or {}).get(source.name)
        _take_beginning(lane)
        lane.later = Delayed() if source.labels_topic else None
        first = orders.first.get(source.name, 0)
        if lane.later is not None and worker == 0 and first:
            lane.later.take(source.waiting(first))
        lanes.append(lane)
    return Publishing(
        lanes,
        publisher,
        clock=time.monotonic,
        stopped=stopped,
        show=show,
        explain=reason,
        duration=orders.duration,
        permit=permit,
        agree=agree,
    ).publish()
