"""What became of records: slices count down to their last answer, and only a record that failed is looked at."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from streamguard.datagen.producing.latencies import Classes, class_of

SAMPLED = 15
"""One record in sixteen of a slice, and its last, is asked how long it took and where it went."""

RECENT = 5.0
"""Seconds that `recent` latencies reach back, and up to twice as many."""

Tallies = tuple[Mapping[str, int], Mapping[str, int], Mapping[str, int]]
"""Records by label, by campaign, by fault."""

Explain = Callable[[object], str]
"""What an error of a delivery report says."""


class Record(Protocol):
    """A record with its answer, as confluent_kafka reports it."""

    def latency(self) -> float | None: ...

    def partition(self) -> int | None: ...

    def topic(self) -> str | None: ...

    def value(self) -> Any: ...


class Answers:
    """Everything that is known about the records of one worker that have had their answers."""

    def __init__(self, explain: Explain, clock: Callable[[], float]) -> None:
        self.tallies: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
        self.beside: Counter[str] = Counter()
        self.acknowledged = 0
        self.failed = 0
        self.error: object | None = None
        self.reasons: Counter[str] = Counter()
        self.partitions: Counter[tuple[str, int]] = Counter()
        self.latencies: Classes = Counter()
        self._explain, self._clock = explain, clock
        self._recent: deque[tuple[float, Classes]] = deque([(clock(), Counter())])

    @property
    def recent(self) -> Classes:
        """Latencies of the last seconds."""
        total: Classes = Counter()
        for _, classes in self._recent:
            total.update(classes)
        return total

    def sample(self, record: Record) -> None:
        """Note how long a record took, and where it went."""
        seconds = record.latency()
        if seconds is not None:
            number = class_of(seconds)
            self.latencies[number] += 1
            self._recent[-1][1][number] += 1
        partition = record.partition()
        if partition is not None:
            self.partitions[record.topic() or "", partition] += 1

    def turn(self) -> None:
        """Let what is old fall out of `recent`; to be called now and then."""
        now = self._clock()
        if now - self._recent[-1][0] >= RECENT:
            self._recent.append((now, Counter()))
            while len(self._recent) > 2:
                self._recent.popleft()

    def count(self, tallies: Tallies, sign: int = 1) -> None:
        """Add records, or take them away again."""
        for own, more in zip(self.tallies, tallies, strict=True):
            for name, number in more.items():
                own[name] += sign * number

    def refuse(self, error: object) -> None:
        """Count a record that was not acknowledged."""
        self.failed += 1
        self.error = self.error or error
        self.reasons[self._explain(error)] += 1


class Delivery:
    """Records that were sent together; `report` is called once for each of them."""

    __slots__ = ("_answers", "_complete", "beside", "first", "left", "records", "refused", "stop", "tallies")

    def __init__(self, answers: Answers, left: int, complete: Callable[[Delivery], None]) -> None:
        """`complete` is called when the last of the `left` records has its answer."""
        self.left = left
        self.refused: list[tuple[str, bytes | None]] = []
        self.first = self.stop = self.records = 0
        self.tallies: Tallies = ({}, {}, {})
        self.beside: Mapping[str, int] = {}
        self._answers, self._complete = answers, complete

    def report(self, error: object | None, record: Record) -> None:
        """The answer for one record."""
        self.left -= 1
        if error is not None:
            self._answers.refuse(error)
            self.refused.append((record.topic() or "", record.value()))
        elif self.left & SAMPLED:
            return
        else:
            self._answers.sample(record)
        if not self.left:
            self._complete(self)

    def withdraw(self, records: int) -> None:
        """So many were not sent after all."""
        self.left -= records
        if records and not self.left:
            self._complete(self)


def positions_of(wanted: Sequence[bytes | None], values: Sequence[bytes | None]) -> list[int]:
    """Where the wanted values are; one that is there twice may be wanted twice."""
    places: dict[bytes | None, list[int]] = {}
    for position in range(len(values) - 1, -1, -1):
        places.setdefault(values[position], []).append(position)
    return [places[value].pop() for value in wanted if places.get(value)]
