"""Sends a run's records at their pace and keeps account of every one: acknowledged, failed, or still on its way."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from streamguard.datagen.encoding import JsonEncoder
from streamguard.datagen.pacing import FullSpeed, Pace
from streamguard.datagen.worlds.bank import EVALUATIONS, FRAUDULENT, Run, blocks

Report = Callable[[object | None, object], None]
Record = tuple[bytes, bytes, Report]

LOOK = 0.25
"""Seconds between two looks at the progress, and the longest that a stop is overlooked."""

SILENCE = 3.0
"""Kafka counts as away when it leaves records without an answer for this many seconds."""

LAST_CALL = 4.0
"""Seconds without an answer after which a run that was told to stop gives up waiting: a supervisor waits five."""


class Outlet(Protocol):
    """Where records go; `streamguard.kafka.publish.Publisher` is the one for Kafka."""

    def send(self, key: bytes, value: bytes, report: Report) -> bool: ...

    def serve(self, seconds: float) -> None: ...


class Tally:
    """Counts delivery reports: acknowledged records by evaluation, the people whom fraudulent ones name, failures."""

    def __init__(self) -> None:
        self.acknowledged = [0] * len(EVALUATIONS)
        self.people: set[int] = set()
        self.failed = 0
        self.error: object | None = None
        self._counters = [partial(self._count, evaluation) for evaluation in range(len(EVALUATIONS))]

    @property
    def answered(self) -> int:
        return sum(self.acknowledged) + self.failed

    def report(self, evaluation: int, sender: int, receiver: int) -> Report:
        """What to call when the record of this evaluation between these people was delivered, or was not."""
        if evaluation == FRAUDULENT:
            return partial(self._count_fraudulent, sender, receiver)
        return self._counters[evaluation]

    def _count(self, evaluation: int, error: object | None, _record: object) -> None:
        if error is None:
            self.acknowledged[evaluation] += 1
        else:
            self.failed += 1
            self.error = self.error or error

    def _count_fraudulent(self, sender: int, receiver: int, error: object | None, record: object) -> None:
        self._count(FRAUDULENT, error, record)
        if error is None:
            self.people.add(sender)
            self.people.add(receiver)


@dataclass(frozen=True)
class Progress:
    """Where a run is. `silent` is how many seconds Kafka has left records unanswered; 0.0 while it answers."""

    seconds: float
    produced: int
    acknowledged: int
    failed: int
    waiting: int
    silent: float


@dataclass(frozen=True)
class Totals:
    """What became of a run; `failed` counts every record that Kafka did not acknowledge."""

    produced: int
    acknowledged: dict[str, int]
    failed: int
    error: object | None
    seconds: float
    fraudulent_people: int


class Publishing:
    """One run into one outlet, from the first record to the last report."""

    def __init__(
        self,
        run: Run,
        encoder: JsonEncoder,
        outlet: Outlet,
        *,
        clock: Callable[[], float],
        stopped: Callable[[], bool],
        show: Callable[[Progress], None],
        count: int | None = None,
        duration: float | None = None,
    ) -> None:
        """`count` and `duration` (seconds) end the run; `show` is called a few times a second."""
        self._outlet, self._clock, self._stopped, self._show = outlet, clock, stopped, show
        self._pace = FullSpeed() if run.rate is None else Pace(run.rate)
        self._limit = _limit(run.rate, count, duration)
        self._duration = duration
        self._tally = Tally()
        self._records = _records(run, encoder, self._tally)
        self._produced = 0
        self._begin = self._answer_at = self._look_at = clock()
        self._answered = 0

    def publish(self) -> Totals:
        """Send until the count, the time, a stop, or a failure; then wait for the reports that are missing."""
        while not self._stopped():
            due = self._pace.due(self._clock() - self._begin)
            for _ in range(int(min(due, self._limit - self._produced))):
                if not self._send(next(self._records)):
                    break
            self._look()
            if self._produced >= self._limit or self._ends():
                break
            self._outlet.serve(min(LOOK, self._pace.wait(self._clock() - self._begin)))
        self._drain()
        self._look(last=True)
        seconds = self._clock() - self._begin
        acknowledged = dict(zip(EVALUATIONS, self._tally.acknowledged, strict=True))
        failed = self._produced - sum(self._tally.acknowledged)
        return Totals(self._produced, acknowledged, failed, self._tally.error, seconds, len(self._tally.people))

    @property
    def _waiting(self) -> int:
        """Records that have had no report yet."""
        return self._produced - self._tally.answered

    def _send(self, record: Record) -> bool:
        """Queue one record; while the queue is full, serve and try the same one again. False when the run ends."""
        key, value, report = record
        while not self._outlet.send(key, value, report):
            self._outlet.serve(LOOK)
            self._look()
            if self._ends():
                return False
        self._produced += 1
        return True

    def _ends(self) -> bool:
        if self._tally.failed or self._stopped():
            return True
        return self._duration is not None and self._clock() - self._begin >= self._duration

    def _drain(self) -> None:
        """Wait for missing reports: as long as they come, and after a stop no longer than Kafka may be silent."""
        told = None
        while self._waiting:
            self._outlet.serve(LOOK)
            self._look()
            if told is None and self._stopped():
                told = self._clock()
            if told is not None and self._clock() - max(told, self._answer_at) >= LAST_CALL:
                return

    def _look(self, *, last: bool = False) -> None:
        now, answered, waiting = self._clock(), self._tally.answered, self._waiting
        if answered != self._answered or not waiting:
            self._answered, self._answer_at = answered, now
        if now < self._look_at and not last:
            return
        self._look_at = now + LOOK
        silent = now - self._answer_at
        self._show(
            Progress(
                seconds=now - self._begin,
                produced=self._produced,
                acknowledged=sum(self._tally.acknowledged),
                failed=self._tally.failed,
                waiting=waiting,
                silent=silent if silent >= SILENCE else 0.0,
            )
        )


def _limit(rate: float | None, count: int | None, duration: float | None) -> float:
    """How many records at most: a paced run sends those that are due before its time is up, and no other."""
    limits = [math.inf if count is None else count]
    if rate is not None and duration is not None:
        limits.append(math.ceil(rate * duration))
    return min(limits)


def _records(run: Run, encoder: JsonEncoder, tally: Tally) -> Iterator[Record]:
    for chunk in blocks(run):
        reports = map(tally.report, chunk.evaluations, chunk.senders, chunk.receivers)
        yield from zip(encoder.keys(chunk), encoder.values(chunk), reports, strict=True)
