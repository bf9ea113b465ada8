"""Sends the streams of a run at their pace and keeps account of every record: acknowledged, failed, or on its way.

A stream is sent in slices, each within one block; its records are counted when the last of a slice has its answer.
What waits for an answer is bounded in records and in bytes, so memory stays flat whatever Kafka does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from streamguard.datagen.encoding.splicer import size_of
from streamguard.datagen.producing.delivery import Answers, Delivery, Explain, positions_of
from streamguard.datagen.producing.lanes import Lane
from streamguard.datagen.producing.pacing import EVERYTHING, SHORTEST_WAIT, FullSpeed
from streamguard.datagen.producing.progress import Progress

Report = Callable[[Any, Any], None]

ROOM = 100_000
"""Records that may wait for an answer."""

ROOM_BYTES = 64 * 1024 * 1024
"""Bytes of records that may wait for an answer, by their mean size."""

LOOK = 0.25
"""Seconds between two looks at the progress, and the longest that a stop is overlooked."""

SILENCE = 3.0
"""Kafka counts as away when it leaves records without an answer for this many seconds."""

LAST_CALL = 4.0
"""Seconds without an answer after which a run that was told to stop gives up waiting: a supervisor waits five."""


class Outlet(Protocol):
    """Where records go; `streamguard.kafka.publish.Publisher` is the one for Kafka."""

    @property
    def waiting(self) -> int: ...

    def send(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        times: Sequence[int] | None,
        report: Report,
    ) -> int: ...

    def serve(self, seconds: float) -> None: ...

    def give_up(self) -> None: ...


Permit = Callable[[str, int], int]
"""Up to which index of a stream one may send that wants to go on from an index: further ones are not reserved yet."""


Agree = Callable[[Mapping[str, int]], Mapping[str, int] | None]
"""Told how far a worker has sent each stream when it ends: how far all of them shall; None: they are not there yet."""


def unlimited(_stream: str, _index: int) -> int:
    """No reservations."""
    return EVERYTHING


@dataclass(frozen=True)
class Totals:
    """What became of the records of a worker; `progress.failed` counts every one that Kafka did not acknowledge."""

    progress: Progress
    error: str | None
    """What Kafka said of the first record that failed."""


class Publishing:
    """Some streams into one outlet, from the first record to the last report."""

    def __init__(
        self,
        lanes: Iterable[Lane],
        outlet: Outlet,
        *,
        clock: Callable[[], float],
        stopped: Callable[[], bool],
        show: Callable[[Progress], None],
        explain: Explain = str,
        duration: float | None = None,
        permit: Permit = unlimited,
        agree: Agree | None = None,
    ) -> None:
        """`duration` (seconds) ends the run; `show` is called a few times a second. `agree`: with other workers."""
        self._lanes, self._outlet = list(lanes), outlet
        self._clock, self._stopped, self._show, self._explain = clock, stopped, show, explain
        self._duration, self._permit, self._agree = duration, permit, agree
        self._answers = Answers(explain, clock)
        self._produced = self._size = 0
        self._handed = self._answered = 0
        self._deliveries: set[Delivery] = set()
        self._begin = self._answer_at = self._look_at = clock()

    def publish(self) -> Totals:
        """Send until the limits, the time, a stop, or a failure; then wait for the reports that are missing."""
        while not self._stopped():
            busy = self._has_room() and sum(map(self._advance, self._lanes)) > 0  # not any: each of them has its turn
            self._look()
            if all(lane.is_done for lane in self._lanes) or self._ends():
                break
            self._outlet.serve(0.0 if busy else self._pause())
        if self._agree is not None:
            self._end_together(self._agree)
        for lane in self._lanes:
            self._send_labels(lane, lane.limit if lane.is_done else 0)
        self._drain()
        error = self._answers.error
        now = self._clock()
        progress = self._progress(now)
        self._show(progress)
        return Totals(progress, None if error is None else self._explain(error))

    def _end_together(self, agree: Agree) -> None:
        """Wherever workers were when they were stopped: what is sent has no holes, and ends where the furthest is."""
        reached = {lane.source.name: lane.reached for lane in self._lanes}
        while (ends := agree(reached)) is None:
            if self._has_given_up():
                return
            self._outlet.serve(LOOK)
            self._look()
        for lane in self._lanes:
            lane.limit, lane.pace = min(lane.limit, ends[lane.source.name]), FullSpeed()
        while not all(lane.is_done for lane in self._lanes) and not self._has_given_up():
            busy = self._has_room() and sum(map(self._advance, self._lanes)) > 0
            self._look()
            self._outlet.serve(0.0 if busy else SHORTEST_WAIT)

    def _has_given_up(self) -> bool:
        return self._answers.failed > 0 or self._clock() - self._answer_at >= LAST_CALL

    @property
    def _elapsed(self) -> float:
        return self._clock() - self._begin

    def _has_room(self) -> bool:
        waiting = self._outlet.waiting
        return waiting < ROOM and waiting * self._size <= ROOM_BYTES * max(1, self._produced)

    def _pause(self) -> float:
        """Seconds to wait for reports: until there is more to send, or room for it."""
        if not self._has_room():
            return LOOK
        elapsed = self._elapsed
        waits = [lane.pace.wait(elapsed, lane.next) for lane in self._lanes if not lane.is_done]
        return max(SHORTEST_WAIT, min([LOOK, *waits]))

    def _advance(self, lane: Lane) -> bool:
        """Send the next slice of a lane, if it is due; is there more?"""
        if lane.is_done:
            return False
        lane.due = min(lane.pace.due(self._elapsed, lane.next), lane.limit)
        allowed = min(lane.due, self._permit(lane.source.name, lane.next)) if lane.due > lane.next else lane.due
        stop = lane.slice_to(allowed)
        if stop <= lane.next:
            if lane.is_ahead:  # while others send, what this one has sent goes on becoming known
                self._send_labels(lane, lane.pace.expected(self._elapsed) or 0)
            return False
        self._send_slice(lane, lane.next, stop)
        return lane.due > lane.next

    def _send_slice(self, lane: Lane, first: int, stop: int) -> None:
        block = lane.read(first, stop)
        many = len(block.values) + 1  # one more, so that it is not complete before all is sent
        delivery = self._delivery(lane, many)
        delivery.first, delivery.stop = first, stop
        lane.outstanding.append(delivery)
        sent = self._send_all(lane.source.topic, block.keys, block.values, block.times, delivery)
        self._produced += sent
        if sent < len(block.values):  # the run ends while the queue is full
            self._withdraw(delivery, len(block.values) - sent)
            stop = delivery.stop = lane.limit = block.indexes[sent]
            block = lane.read(first, stop)
        self._size += size_of(block.keys) + size_of(block.values)
        delivery.records, delivery.tallies = sent, (block.counts, block.campaigns, block.faults)
        if lane.source.truth_topic and block.truth:
            self._send_beside(lane.source.truth_topic, block.truth, block.times is not None, delivery)
        self._withdraw(delivery, 1)
        lane.sent(block, stop)
        self._send_labels(lane)

    def _send_labels(self, lane: Lane, others: int = 0) -> None:
        """What became known by now; no record waits for it, but it is accounted for as well."""
        if due := lane.labels(others):
            delivery = self._delivery(lane, 1)
            self._send_beside(lane.source.labels_topic or "", due, True, delivery)
            self._withdraw(delivery, 1)

    def _send_beside(self, topic: str, told: Sequence[Any], timed: bool, delivery: Delivery) -> None:
        keys, values = [one.key for one in told], [one.value for one in told]
        times = [one.time for one in told] if timed else None
        delivery.left += len(values)
        self._handed += len(values)
        sent = self._send_all(topic, keys, values, times, delivery)
        delivery.beside = {topic: sent}
        self._withdraw(delivery, len(values) - sent)

    def _send_all(
        self,
        topic: str,
        keys: Sequence[bytes | None],
        values: Sequence[bytes | None],
        times: Sequence[int] | None,
        delivery: Delivery,
    ) -> int:
        """Queue records; while the queue is full, serve and go on with the others. Fewer than all when the run ends."""
        sent = 0
        while sent < len(values):
            rest = None if times is None else times[sent:]
            more = self._outlet.send(topic, keys[sent:], values[sent:], rest, delivery.report)
            sent += more
            if sent < len(values):
                self._outlet.serve(LOOK)
                self._look()
                if self._ends():
                    break
        return sent

    def _delivery(self, lane: Lane, records: int) -> Delivery:
        delivery = Delivery(self._answers, records, partial(self._settle, lane))
        self._deliveries.add(delivery)
        self._handed += records
        return delivery

    def _withdraw(self, delivery: Delivery, records: int) -> None:
        """So many of its records were not sent."""
        self._handed -= records
        delivery.withdraw(records)

    def _settle(self, lane: Lane, delivery: Delivery) -> None:
        """Count records whose answers are complete, less those that failed."""
        answers, records = self._answers, delivery.records
        self._deliveries.discard(delivery)
        answers.count(delivery.tallies)
        answers.beside.update(delivery.beside)
        if delivery.refused:
            own = [value for topic, value in delivery.refused if topic == lane.source.topic]
            records -= len(own)
            answers.beside.subtract(topic for topic, _ in delivery.refused if topic != lane.source.topic)
            if own:
                block = lane.read(delivery.first, delivery.stop)
                for position in positions_of(own, block.values):
                    failed = lane.read(block.indexes[position], block.indexes[position] + 1)
                    answers.count((failed.counts, failed.campaigns, failed.faults), -1)
        answers.acknowledged += records

    def _ends(self) -> bool:
        if self._answers.failed or self._stopped():
            return True
        return self._duration is not None and self._elapsed >= self._duration

    def _drain(self) -> None:
        """Wait for missing reports: as long as they come, and after a stop no longer than Kafka may be silent."""
        told = None
        while self._waiting:
            self._outlet.serve(LOOK)
            self._look()
            if told is None and self._stopped():
                told = self._clock()
            if told is not None and self._clock() - max(told, self._answer_at) >= LAST_CALL:
                self._outlet.give_up()
                return

    def _look(self) -> None:
        now = self._clock()
        if now >= self._look_at:
            self._look_at = now + LOOK
            self._answers.turn()
            self._note_answers(now)
            self._show(self._progress(now))

    @property
    def _waiting(self) -> int:
        """Records without an answer. The outlet's own number is quicker to have, and counts more than records."""
        return sum(delivery.left for delivery in self._deliveries)

    def _note_answers(self, now: float) -> None:
        """Answers came if fewer wait than were sent since the last time."""
        waiting = self._waiting
        answered = self._handed - waiting
        if answered != self._answered or not waiting:
            self._answered, self._answer_at = answered, now

    def _progress(self, now: float) -> Progress:
        answers, silent = self._answers, now - self._answer_at
        return Progress(
            seconds=now - self._begin,
            produced=self._produced,
            acknowledged=answers.acknowledged,
            failed=answers.failed,
            waiting=self._waiting,
            silent=silent if silent >= SILENCE else 0.0,
            size=self._size,
            counts=dict(answers.tallies[0]),
            campaigns=dict(answers.tallies[1]),
            faults=dict(answers.tallies[2]),
            beside=dict(answers.beside),
            reasons=dict(answers.reasons),
            partitions=dict(answers.partitions),
            latencies=answers.latencies.copy(),
            recent=answers.recent,
            positions={lane.source.name: lane.position(now - self._begin) for lane in self._lanes},
        )
