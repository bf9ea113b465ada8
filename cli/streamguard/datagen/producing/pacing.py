"""When records are due: a schedule without drift, and without a burst after a stall. Time is an argument.

The schedule says how many records are due after so many seconds of a stream's own time, whatever the rate does in
between: constant, a curve, steps. A sender that has fallen behind lives in the past for a while: its own clock goes
`CATCH_UP` times as fast as the true one until it has caught up, so a stall is made up for at one and a half times the
rate of the moment, be that rate high or low.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

CATCH_UP = 1.5
"""How much faster than the rate a sender may go that has fallen behind."""

AT_ONE_TIME = 0.05
"""Seconds by which its clock moves at most at one time; with `CATCH_UP`, no 100 ms see twice their share."""

SHORTEST_WAIT = 0.002
LONGEST_WAIT = 0.25
EVERYTHING = 1 << 62
"""As many as there are."""


class Schedule(Protocol):
    """A stream's own time: seconds since its start, and how many of its records are due by then."""

    def due(self, seconds: float) -> int: ...

    def due_at(self, index: int) -> float: ...


class Pace(Protocol):
    """What a sender asks. `elapsed` is seconds since the sender began; `granted` is how many records it has sent."""

    def due(self, elapsed: float, granted: int) -> int:
        """Up to which index it may send now."""

    def wait(self, elapsed: float, granted: int) -> float:
        """Seconds until there is more to send."""

    def expected(self, elapsed: float) -> int | None:
        """How many records a sender that is never late has sent; None: as many as it can."""


@dataclass(frozen=True)
class Constant:
    """Record i is due at i / rate seconds."""

    rate: float

    def due(self, seconds: float) -> int:
        return math.floor(seconds * self.rate + 1e-9) + 1

    def due_at(self, index: int) -> float:
        return index / self.rate


@dataclass
class Paced:
    """As the schedule says, `speed` seconds of it in each second, from `origin` seconds of it on."""

    schedule: Schedule
    speed: float = 1.0
    origin: float = 0.0
    begin: float = 0.0
    """`elapsed` at which it begins."""
    _clock: float = field(default=0.0, init=False)
    """How far the sender's own clock has come: never ahead of the true one."""
    _last: float = field(default=0.0, init=False)

    def due(self, elapsed: float, granted: int) -> int:
        now = elapsed - self.begin
        passed, self._last = now - self._last, now
        if self.expected(elapsed) - granted <= 1:  # one record is no burst, however long it was waited for
            self._clock = now
        else:
            self._clock = min(now, self._clock + min(CATCH_UP * passed, AT_ONE_TIME))
        return max(granted, self._due(self._clock))

    def wait(self, elapsed: float, granted: int) -> float:
        at = (self.schedule.due_at(granted) - self.origin) / self.speed
        return min(LONGEST_WAIT, max(SHORTEST_WAIT, at - (elapsed - self.begin)))

    def expected(self, elapsed: float) -> int:
        return self._due(elapsed - self.begin)

    def _due(self, seconds: float) -> int:
        return self.schedule.due(self.origin + seconds * self.speed)


class FullSpeed:
    """Everything is due at once."""

    def due(self, elapsed: float, granted: int) -> int:
        return EVERYTHING

    def wait(self, elapsed: float, granted: int) -> float:
        return 0.0

    def expected(self, elapsed: float) -> int | None:
        return None


class Backfill:
    """What lies in the past as fast as possible, then the rest when it is due: one row of indexes, no gap, no overlap.

    The past ends `behind` seconds after the stream's start, and goes on growing while it is being sent if `growing`.
    """

    def __init__(self, schedule: Schedule, behind: float, *, growing: bool) -> None:
        self._schedule, self._behind, self._growing = schedule, behind, growing
        self._live: Paced | None = None

    def due(self, elapsed: float, granted: int) -> int:
        if self._live is None:
            origin = self._behind + (elapsed if self._growing else 0.0)
            if granted < self._schedule.due(origin - AT_ONE_TIME):
                return self._schedule.due(origin)
            self._live = Paced(self._schedule, origin=origin, begin=elapsed)
        return self._live.due(elapsed, granted)

    def wait(self, elapsed: float, granted: int) -> float:
        return self._live.wait(elapsed, granted) if self._live else 0.0

    def expected(self, elapsed: float) -> int | None:
        return self._live.expected(elapsed) if self._live else None


def whole_share(index: int, block: int, worker: int, workers: int) -> tuple[int, int]:
    """The next indexes from `index` on that are this worker's: those of block b where b % workers == worker.

    Both ends lie in one block of `block` indexes; the second one is exclusive.
    """
    number = index // block
    own = number + (worker - number) % workers
    return max(index, own * block), (own + 1) * block
