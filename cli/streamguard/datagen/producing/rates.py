"""What can be read from a row of progress: rates of the moment, how long is left. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from streamguard.datagen.producing.progress import Progress

WINDOW = 2.0
"""Seconds over which rates are taken."""


@dataclass
class Rates:
    """The latest progress and those of the seconds before it; a run ends after `duration` seconds, if that is set."""

    duration: float | None = None
    latest: Progress = field(default_factory=lambda: Progress(0.0))
    _seen: deque[Progress] = field(default_factory=deque)

    def add(self, progress: Progress) -> None:
        """The next one."""
        self.latest = progress
        self._seen.append(progress)
        while progress.seconds - self._seen[0].seconds > WINDOW:
            self._seen.popleft()

    @property
    def actual(self) -> float:
        """Records acknowledged a second."""
        return self._a_second(lambda progress: progress.acknowledged)

    @property
    def size(self) -> float:
        """Bytes sent a second."""
        return self._a_second(lambda progress: progress.size)

    @property
    def target(self) -> float | None:
        """Records due a second; None as fast as possible."""
        if expected_of(self.latest) is None or not self._seen or expected_of(self._seen[0]) is None:
            return None
        return self._a_second(lambda progress: expected_of(progress) or 0)

    @property
    def behind(self) -> int:
        """Records that are due and have not been sent; of one or two a run is rightly late."""
        expected = expected_of(self.latest)
        return 0 if expected is None else max(0, expected - sent_of(self.latest))

    @property
    def part(self) -> float | None:
        """How much of the run is done, from 0 to 1; None if it has no end."""
        total, parts = total_of(self.latest), []
        if total:
            parts.append(done_of(self.latest) / total)
        if self.duration:
            parts.append(min(1.0, self.latest.seconds / self.duration))
        return max(parts, default=None)

    @property
    def left(self) -> float | None:
        """Seconds until the run is done, as far as that can be said."""
        ends = []
        if self.duration is not None:
            ends.append(max(0.0, self.duration - self.latest.seconds))
        total, rate = total_of(self.latest), self._a_second(sent_of)
        if total is not None and rate > 0:
            ends.append((total - sent_of(self.latest)) / rate)
        return min(ends, default=None)

    def _a_second(self, count: Callable[[Progress], float]) -> float:
        if not self._seen:
            return 0.0
        seconds = self.latest.seconds - self._seen[0].seconds
        return (count(self.latest) - count(self._seen[0])) / seconds if seconds > 0 else 0.0


def expected_of(progress: Progress) -> int | None:
    """Records due in all streams; None if one is sent as fast as possible."""
    found = [position.expected for position in progress.positions.values()]
    return None if None in found else sum(number for number in found if number is not None)


def total_of(progress: Progress) -> int | None:
    """Records of all streams when the run is over; None if one has no end."""
    found = [position.total for position in progress.positions.values()]
    return None if None in found or not found else sum(number for number in found if number is not None)


def sent_of(progress: Progress) -> int:
    """Indexes sent in all streams."""
    return sum(position.sent for position in progress.positions.values())


def done_of(progress: Progress) -> int:
    """Indexes acknowledged in all streams, as far as there is no gap."""
    return sum(position.acknowledged for position in progress.positions.values())
