"""Records a second, by what a consumer group commits."""

from __future__ import annotations

import time

from streamguard.kafka.positions import Positions
from streamguard.settings import Settings

PAUSE = 0.02


def committed(settings: Settings, group: str, topic: str) -> int:
    """The sum of a group's offsets."""
    return _sum(Positions(settings), group, topic)


def rate(settings: Settings, group: str, topic: str, records: int, *, after: int = 0) -> float:
    """Between the first commit of a group after it had `after` records, and that with which it has `records` more."""
    positions = Positions(settings)
    first: tuple[float, int] | None = None
    while True:
        done, now = _sum(positions, group, topic) - after, time.monotonic()
        if done and first is None:
            first = now, done
        if first is not None and done >= records:
            return (done - first[1]) / (now - first[0])
        time.sleep(PAUSE)


def _sum(positions: Positions, group: str, topic: str) -> int:
    return sum(offset for (name, _), offset in positions.committed([group])[group].items() if name == topic)
