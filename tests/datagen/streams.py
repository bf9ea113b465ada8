"""A stream, an outlet and a clock in memory, for tests of what sends records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.producing.publishing import Report

ANSWER = 1e-4
"""Seconds in which the outlet answers, unless it is told otherwise."""
LABELS = ("fraudulent", "unidentified", "legitimate")


@dataclass(frozen=True)
class Truth:
    index: int
    key: bytes
    value: bytes
    time: int


@dataclass(frozen=True)
class Slice:
    """Indexes and what they became."""

    indexes: Sequence[int]
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    times: Sequence[int] | None
    counts: Mapping[str, int]
    campaigns: Mapping[str, int]
    faults: Mapping[str, int]
    truth: Sequence[Truth]
    labels: Sequence[Truth]


@dataclass
class Numbers:
    """Record i says i; those in `doubled` are written twice, those in `dropped` not at all."""

    name: str = "numbers"
    topic: str = "numbers"
    truth_topic: str | None = None
    labels_topic: str | None = None
    doubled: frozenset[int] = frozenset()
    dropped: frozenset[int] = frozenset()
    event_times: bool = False
    label_delay: int = 500
    """Milliseconds."""
    asked: list[tuple[int, int, int]] = field(default_factory=list)

    def block(self, number: int, first: int, end: int) -> Slice:
        assert 0 <= first < end <= BLOCK
        self.asked.append((number, first, end))
        covered = range(number * BLOCK + first, number * BLOCK + end)
        written = [i for i in covered if i not in self.dropped for _ in range(1 + (i in self.doubled))]
        faults = {"duplicate": len(self.doubled.intersection(covered)), "dropped": len(covered) - len({*written})}
        return Slice(
            indexes=written,
            keys=[b"%d" % (index % 7) for index in written],
            values=[b"%s-%09d" % (self.name.encode(), index) for index in written],
            times=[index * 1000 for index in written] if self.event_times else None,
            counts=Counter(label_of(index) for index in written),
            campaigns={"fast-spending": campaign} if (campaign := sum(i % 100 == 0 for i in written)) else {},
            faults={name: count for name, count in faults.items() if count},
            truth=[Truth(i, b"t", b"truth-%d" % i, i * 1000) for i in covered if i % 10 == 0]
            if self.truth_topic
            else [],
            labels=[Truth(i, b"l", b"label-%d" % i, i * 10 + self.label_delay) for i in covered if i % 100 == 0]
            if self.labels_topic
            else [],
        )

    def due_at(self, index: int) -> float:
        """A hundred records a second."""
        return index / 100

    def value(self, index: int) -> bytes:
        return b"%s-%09d" % (self.name.encode(), index)


def label_of(index: int) -> str:
    return LABELS[min(index % 10, 2)]


@dataclass(frozen=True)
class Sent:
    """A record as a delivery report shows it."""

    name: str
    key: bytes | None
    content: bytes | None
    time: int | None
    sent_at: float
    answered_at: float = 0.0

    def topic(self) -> str:
        return self.name

    def value(self) -> bytes | None:
        return self.content

    def partition(self) -> int:
        return len(self.key or b"") % 3

    def latency(self) -> float:
        return self.answered_at - self.sent_at


@dataclass
class Memory:
    """Takes records, answers them in `serve`, which also is the only thing that takes time."""

    room: int = 1_000_000
    most: int = 1_000_000
    answer: float = ANSWER
    now: float = 0.0
    away: tuple[float, float] = (-1.0, -1.0)
    refuses: Callable[[bytes], bool] = lambda _: False
    queue: list[tuple[Sent, Report]] = field(default_factory=list)
    delivered: list[Sent] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    deepest: int = 0

    @property
    def waiting(self) -> int:
        return len(self.queue)

    def send(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        times: Sequence[int] | None,
        report: Report,
    ) -> int:
        taken = min(len(values), self.room - len(self.queue))
        for at in range(taken):
            time = None if times is None else times[at]
            self.queue.append((Sent(topic, keys[at], values[at], time, self.now), report))
            self.times.append(self.now)
        self.deepest = max(self.deepest, len(self.queue))
        return taken

    def serve(self, seconds: float) -> None:
        here = not self.away[0] <= self.now < self.away[1]
        self.now += self.answer if here and self.queue else max(seconds, ANSWER)
        if not here:
            return
        answered, self.queue = self.queue[: self.most], self.queue[self.most :]
        for record, report in answered:
            self._answer(record, report, "refused" if self.refuses(record.content or b"") else None)

    def give_up(self) -> None:
        given_up, self.queue = self.queue, []
        for record, report in given_up:
            self._answer(record, report, "no answer")

    def values(self, topic: str = "numbers") -> list[Any]:
        return [record.content for record in self.delivered if record.name == topic]

    def _answer(self, record: Sent, report: Report, error: object | None) -> None:
        done = Sent(record.name, record.key, record.content, record.time, record.sent_at, self.now)
        if error is None:
            self.delivered.append(done)
        report(error, done)
