"""Where a run is, as one value: what the screen, the metrics, the journal and the summary are made from.

Each worker has its own; `together` makes one of many.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TypeVar

from streamguard.datagen.producing.latencies import Classes, added

K = TypeVar("K")


@dataclass(frozen=True)
class About:
    """What does not change while a run is under way. `topics` are its streams' own, with their partitions."""

    title: str
    server: str
    topics: Mapping[str, int]
    workers: int = 1


@dataclass(frozen=True)
class Position:
    """How far a stream is: every record below `acknowledged` has its answer, none from `sent` on has been sent.

    `total` is where it ends, None if it has no end; `expected` is how many a run that is never late has sent by now,
    None as fast as possible.
    """

    acknowledged: int
    sent: int
    total: int | None = None
    expected: int | None = None


@dataclass(frozen=True)
class Progress:
    """Counts of records, of one worker or of all. Records of truth and labels are in `beside` only.

    `silent` is how many seconds Kafka has left records unanswered, 0.0 while it answers; `partitions` counts a sample.
    """

    seconds: float
    produced: int = 0
    acknowledged: int = 0
    failed: int = 0
    waiting: int = 0
    silent: float = 0.0
    size: int = 0
    """Bytes of keys and values of all records sent."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Acknowledged records by label."""
    campaigns: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    beside: Mapping[str, int] = field(default_factory=dict)
    """Acknowledged records of truth and labels, by topic."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Failed records by what Kafka said."""
    partitions: Mapping[tuple[str, int], int] = field(default_factory=dict)
    latencies: Classes = field(default_factory=Counter)
    recent: Classes = field(default_factory=Counter)
    """Of the last seconds only."""
    positions: Mapping[str, Position] = field(default_factory=dict)
    """By stream."""


def together(parts: Iterable[Progress]) -> Progress:
    """The progress of all workers as one."""
    parts = list(parts)
    return Progress(
        seconds=max((part.seconds for part in parts), default=0.0),
        produced=sum(part.produced for part in parts),
        acknowledged=sum(part.acknowledged for part in parts),
        failed=sum(part.failed for part in parts),
        waiting=sum(part.waiting for part in parts),
        silent=max((part.silent for part in parts), default=0.0),
        size=sum(part.size for part in parts),
        counts=_sum(part.counts for part in parts),
        campaigns=_sum(part.campaigns for part in parts),
        faults=_sum(part.faults for part in parts),
        beside=_sum(part.beside for part in parts),
        reasons=_sum(part.reasons for part in parts),
        partitions=_sum(part.partitions for part in parts),
        latencies=added(part.latencies for part in parts),
        recent=added(part.recent for part in parts),
        positions=_positions(part.positions for part in parts),
    )


def _sum(many: Iterable[Mapping[K, int]]) -> dict[K, int]:
    total: Counter[K] = Counter()
    for one in many:
        total.update(one)
    return dict(total)


def _positions(many: Iterable[Mapping[str, Position]]) -> dict[str, Position]:
    """Of a stream: acknowledged is what the slowest worker has, sent what the fastest one has."""
    found: dict[str, list[Position]] = {}
    for one in many:
        for stream, position in one.items():
            found.setdefault(stream, []).append(position)
    return {stream: reduce(_both, positions) for stream, positions in found.items()}


def _both(one: Position, other: Position) -> Position:
    expected = None if one.expected is None or other.expected is None else max(one.expected, other.expected)
    return Position(min(one.acknowledged, other.acknowledged), max(one.sent, other.sent), one.total, expected)
