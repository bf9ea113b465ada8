"""A stream on its way: what is asked of it, how far it is, and what of it is sent next."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.delivery import Delivery
from streamguard.datagen.producing.pacing import EVERYTHING, Pace, whole_share
from streamguard.datagen.producing.progress import Position

SLICE = 1_024
"""Records sent at one time: between two slices, reports are run."""


class Written(Protocol):
    """What some indexes became; keys, values, times and indexes are parallel."""

    @property
    def indexes(self) -> Sequence[int]: ...
    @property
    def keys(self) -> Sequence[bytes | None]: ...
    @property
    def values(self) -> Sequence[bytes | None]: ...
    @property
    def times(self) -> Sequence[int] | None: ...
    @property
    def counts(self) -> Mapping[str, int]: ...
    @property
    def faults(self) -> Mapping[str, int]: ...
    @property
    def campaigns(self) -> Mapping[str, int]: ...
    @property
    def truth(self) -> Sequence[Any]: ...
    @property
    def labels(self) -> Sequence[Any]: ...


class Source(Protocol):
    """One stream of a run, as bytes: the places from `first` up to `stop`, exclusive, of block `number`."""

    @property
    def name(self) -> str: ...
    @property
    def topic(self) -> str: ...
    @property
    def truth_topic(self) -> str | None: ...
    @property
    def labels_topic(self) -> str | None: ...

    def block(self, number: int, first: int, stop: int) -> Written: ...

    def due_at(self, index: int) -> float: ...


class Sums(Protocol):
    """Sums up what was sent, see `sums`."""

    def take(self, block: Any) -> None: ...


class Later(Protocol):
    """Labels that are not due yet, see `truth`; `now` is in milliseconds since 1970."""

    def take(self, labels: Any) -> None: ...

    def due(self, now: int) -> Sequence[Any]: ...


@dataclass
class Lane:
    """One stream on its way to Kafka. `limit` is the index that ends it."""

    source: Source
    pace: Pace
    limit: int = EVERYTHING
    next: int = 0
    total: int | None = None
    worker: int = 0
    workers: int = 1
    sums: Sums | None = None
    later: Later | None = None
    start: int = 0
    """Event time of record 0, in milliseconds since 1970."""
    due: int = field(default=0, init=False)
    reached: int = field(default=0, init=False)
    """Where the last slice that was sent ends; `next` may lie further on, in this worker's next block."""
    outstanding: deque[Delivery] = field(default_factory=deque, init=False)

    def __post_init__(self) -> None:
        self.reached = self.next
        self._skip()

    @property
    def is_done(self) -> bool:
        return self.next >= self.limit

    @property
    def watermark(self) -> int:
        """Every record of this lane below this index is acknowledged."""
        while self.outstanding and not self.outstanding[0].left and not self.outstanding[0].refused:
            self.outstanding.popleft()
        return self.outstanding[0].first if self.outstanding else min(self.next, self.limit)

    def position(self, elapsed: float) -> Position:
        """How far it is, `elapsed` seconds after its sender began."""
        expected = self.pace.expected(elapsed)
        due = None if expected is None else min(expected, self.limit)
        return Position(self.watermark, self.reached, self.total, due)

    def read(self, first: int, stop: int) -> Written:
        """What indexes of one block became."""
        number, begin = divmod(first, BLOCK)
        return self.source.block(number, begin, stop - number * BLOCK)

    def sent(self, block: Written, stop: int) -> None:
        """This was sent, and with it everything of this worker below `stop`."""
        if self.sums is not None:
            self.sums.take(block)
        if self.later is not None:
            self.later.take(block.labels)
        self.next = self.reached = stop
        self._skip()

    @property
    def is_ahead(self) -> bool:
        """Whether what it sends next lies behind blocks of other workers."""
        return self.next > self.reached

    def labels(self, others: int = 0) -> Sequence[Any]:
        """Those that are due at the event time of the last record that is sent: by this worker, or, up to this one's
        next block, by `others`, who are at that index. None is from after the stream's end."""
        if self.later is None or self.source.labels_topic is None:
            return ()
        last = min(self.limit, max(self.reached, min(self.next, others))) - 1
        return self.later.due(self.start + round(self.source.due_at(max(0, last)) * 1000))

    def slice_to(self, stop: int) -> int:
        """The end of the next slice, if everything below `stop` may be sent."""
        _, end = whole_share(self.next, BLOCK, self.worker, self.workers)
        return min(stop, self.limit, end, self.next + SLICE)

    def _skip(self) -> None:
        self.next, _ = whole_share(self.next, BLOCK, self.worker, self.workers)
