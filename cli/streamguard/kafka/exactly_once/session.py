"""The clients of a loop, from one ``init_transactions`` to the next, and their place in the consumer group."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streamguard.errors import Fenced, KafkaUnavailable
from streamguard.errors import KafkaError as KafkaRefusal
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.produce import Refusals, guarded
from streamguard.kafka.exactly_once.siblings import Siblings, unsigned
from streamguard.kafka.exactly_once.steps import Steps
from streamguard.kafka.exactly_once.verdicts import Stopped, timed_out
from streamguard.settings import Settings

OnAssign = Callable[[list[TopicPartition]], list[TopicPartition]]
Prepare = Callable[[list[TopicPartition]], Iterator[None]]
AT_ONCE = 0.05
"""Seconds of preparation after which Kafka is polled again."""
INIT_TIMEOUT = 0.03
"""The first of a row that doubles. Kafka is busy for some 50 ms with ending the transaction of a killed predecessor;
librdkafka would ask again after 500 ms, a new call asks at once."""
PAUSE = 0.05
HANGING_AFTER = 4.0
"""Seconds of time-outs, with a broker that answers, after which the offsets of a group count as withheld."""

DOUBT = 60.0
"""Seconds; within that time after a broker died, its clients have joined their groups again."""

LOG = logging.getLogger("streamguard.kafka.exactly_once.loop")


class Clients(Protocol):
    """Where a loop gets its clients: the module `clients`, or what a test has instead."""

    def consumer(self, settings: Settings, group: str, *, instance: str | None = None, **config: Any) -> Consumer: ...

    def transactional_producer(self, settings: Settings, transactional_id: str, **config: Any) -> Producer: ...

    def members(self, settings: Settings, group: str) -> dict[str, str]: ...


@dataclass
class Membership:
    """Our place in the group: `instance` is ours at every start, `member` is what Kafka calls us this time."""

    settings: Settings
    group: str
    instance: str
    clients: Clients
    member: str | None = None
    committed: dict[tuple[str, int], TopicPartition] = field(default_factory=dict)
    """The last offset of each partition that this process knows to be committed."""
    _disturbed = _doubted = -DOUBT
    """When a connection broke last, and when a takeover was doubted, by the clock of `time.monotonic`."""

    def note_disturbance(self) -> None:
        """A connection to Kafka broke."""
        self._disturbed = time.monotonic()

    def may_be_itself(self) -> bool:
        """Whether a takeover may be one by ourselves: soon after a connection broke, and the first for a while.

        A request to join the group that is repeated, because its answer got lost with a broker, replaces the member
        that the first one made. Another process, which would be driven away now, comes back and is believed.
        """
        now = time.monotonic()
        doubt = now - self._disturbed < DOUBT <= now - self._doubted
        if doubt:
            self._doubted = now
        return doubt

    def was_replaced(self, steps: Steps, stop: threading.Event) -> bool:
        """Whether another process has our place: asked when a silence of ours may explain an error as well.

        Only asked, not tried out: joining the group again would drive the other one away.
        """
        while not stop.is_set():
            try:
                members = steps.made(self.clients.members, self.settings, self.group)
            except (KafkaRefusal, KafkaUnavailable):  # away, or back and without a coordinator for the group yet
                clients.require_admission(self.settings)
                stop.wait(PAUSE)
                continue
            return members.get(self.instance, self.member) != self.member and not self.may_be_itself()
        raise Stopped

    def is_alone(self, steps: Steps) -> bool:
        """Whether Kafka answers, and knows of no other static member of the group."""
        try:
            return set(steps.made(self.clients.members, self.settings, self.group)) <= {self.instance}
        except (KafkaRefusal, KafkaUnavailable):
            return False

    def fenced(self, why: str) -> Fenced:
        """The error to end with."""
        return Fenced(f"another process runs as {self.instance} and has taken over ({why}); this one ends")


class Session:
    """A producer, a consumer, and the partitions that the consumer has."""

    def __init__(
        self,
        membership: Membership,
        steps: Steps,
        stop: threading.Event,
        *,
        reset: str,
        on_assign: OnAssign | None,
        ready: threading.Event,
        failpoint: Failpoint,
        prepare: Prepare | None = None,
        shared: bool = False,
    ) -> None:
        place, self._membership = membership, membership
        self._steps = steps
        self._stop = stop
        self._on_assign = on_assign
        self._prepare = prepare
        self._preparation: tuple[Iterator[None], list[TopicPartition]] | None = None
        self.siblings = Siblings(place, steps) if shared else None
        self._ready = ready
        self._failpoint = failpoint
        self._paused: list[TopicPartition] = []
        self._closing = False
        self.assigned: list[TopicPartition] = []
        self.assignments = 0
        """Grows with every change of what is assigned."""
        self.astray = False
        """Whether a record was consumed that nobody handled: after this batch, back to the committed offsets."""
        self.refusals = Refusals()
        self.consumer = place.clients.consumer(
            place.settings,
            place.group,
            instance=place.instance,
            error_cb=lambda _error: place.note_disturbance(),
            **{"auto.offset.reset": reset},
        )
        self.producer = place.clients.transactional_producer(
            place.settings, place.instance, error_cb=self._note_disturbance
        )
        self.produce = guarded(self.producer, stop, self.refusals)

    def open(self, topics: Sequence[str]) -> None:
        """Join the group while the transactions are being initialised: the assignment is served only after that."""
        self.consumer.subscribe(list(topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._lose)
        self._steps.patiently(self._init_transactions, timeout=INIT_TIMEOUT)

    def _init_transactions(self, timeout: float) -> None:
        try:
            self.producer.init_transactions(timeout)
        except KafkaException as exc:
            if timed_out(exc.args[0]):
                self.producer.poll(0)  # serves the events that say why nobody answers
            raise

    def close(self) -> None:
        """Leave what is unfinished to the successor; at a stop, return in time even if Kafka does not answer."""
        self._ready.clear()
        self._closing = True
        clients.discard(self.producer)
        try:
            self._steps.made(self.consumer.close, more_grace=self._steps.limits.close)
        except Stopped:
            LOG.warning("the consumer of %s did not close in time", self._membership.instance)
        except KafkaException as exc:
            LOG.warning("the consumer of %s was not closed well: %s", self._membership.instance, exc)
        if self.siblings is not None and self._stop.is_set():
            self.siblings.leave()
        self._steps.end()
        del self.producer, self.produce, self.consumer  # their callbacks refer to us

    def reposition(self) -> None:
        """Go back to the committed offsets, or to where `on_assign` says."""
        self.astray = False
        if self.assigned:
            self._start(self.assigned)

    def pause(self) -> None:
        """Want no records."""
        if not self._paused and self.assigned:
            self._paused = self.assigned
            self.consumer.pause(self._paused)

    def resume(self) -> None:
        """Want records again, from where it was.

        librdkafka keeps a pause when partitions are taken and come back: what was paused is resumed, whoever has it.
        """
        if self._paused:
            self.consumer.resume(self._paused)
            self._paused = []

    @property
    def preparing(self) -> bool:
        """Whether partitions are assigned that are not read yet."""
        return self._preparation is not None

    def prepare(self) -> None:
        """Go on with what comes before reading, for a moment; once it is done, read."""
        assert self._preparation is not None
        steps, committed = self._preparation
        end = time.monotonic() + AT_ONCE
        for _ in steps:
            if time.monotonic() > end:
                return
        self._preparation = None
        starts = committed if self._on_assign is None else self._on_assign(committed)
        self.consumer.assign([TopicPartition(p.topic, p.partition, p.offset) for p in starts])

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if self.siblings is not None:
            self.siblings.begin()
        self._start(partitions)
        self._membership.member = consumer.memberid()
        self.assigned = partitions
        self.assignments += 1
        self._ready.set()

    def _revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """Served by `consume`, so never inside a transaction: the batch in hand has been committed or given up."""
        self._failpoint.reached("on_revoke")
        self.assigned = []
        self.assignments += 1
        self._preparation = None
        self._ready.clear()

    def _lose(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Kafka has not heard from us for too long. librdkafka joins again, unless somebody has our place."""
        self._revoke(consumer, partitions)
        if self._closing:  # in the thread that makes the calls: it can not wait for another one
            return
        if self._membership.was_replaced(self._steps, self._stop):
            raise self._membership.fenced("it had been silent for too long")

    def _start(self, partitions: list[TopicPartition]) -> None:
        committed = self._committed(partitions) if partitions else []
        self._preparation = iter(()) if self._prepare is None else self._prepare(committed), committed
        self.prepare()
        if self.preparing:  # nothing is fetched meanwhile, and the place in the group is kept
            self.consumer.assign([])

    def _committed(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        siblings = self.siblings
        patience = HANGING_AFTER if siblings is None else 0.0
        while True:
            try:
                found = self._steps.patiently(self.consumer.committed, partitions, here=True, within=patience)
            except KafkaException:
                ours = siblings is None or siblings.are_none_of(partitions)
                if ours and patience == HANGING_AFTER:
                    self._end_hanging_transaction(partitions)
                patience = HANGING_AFTER
                continue
            if siblings is None:
                return found
            known = [unsigned(each) for each in found]
            if not siblings.bury(owner for _, owner in known):
                return [each for each, _ in known]

    def _end_hanging_transaction(self, partitions: list[TopicPartition]) -> None:
        """Kafka gives nobody the offsets of a group while a transaction that has some for it is open.

        A broker that was killed in the middle of a commit sometimes ends the transaction without telling the group; the
        offsets are then withheld for ever. Another commit of the same transactional id ends that. It must not change
        them, so it has those that this process knows to be committed; nobody else may have had the partitions since.
        """
        places = [(p.topic, p.partition) for p in partitions]
        known = [self._membership.committed[place] for place in places if place in self._membership.committed]
        if not known or not self._membership.is_alone(self._steps):
            return
        LOG.warning("Kafka withholds the offsets of %s: committing them again", self._membership.group)
        self.producer.begin_transaction()
        membership = self.consumer.consumer_group_metadata()
        self._steps.in_transaction(self.producer.send_offsets_to_transaction, known, membership)
        self._steps.in_transaction(self.producer.commit_transaction)

    def _note_disturbance(self, _error: KafkaError) -> None:
        self._steps.disturbed = True
        self._membership.note_disturbance()
