"""A member of a consumer group that reads from positions which somebody else keeps, in a database say.

Kafka divides the partitions; where to begin in each is asked of whoever stores what was read, together with it. What is
committed to Kafka is a copy, for those who look how far the group is; nothing depends on it.

All methods are for one thread, in whose calls Kafka is polled. Nothing is read from partitions that were assigned until
`begin` says where.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamguard.errors import TopicError
from streamguard.kafka import clients
from streamguard.kafka.exactly_once import verdicts
from streamguard.kafka.exactly_once.session import Clients, Membership
from streamguard.kafka.exactly_once.siblings import leave_to_others
from streamguard.kafka.exactly_once.verdicts import Rebuild
from streamguard.model import Place
from streamguard.settings import Settings

NOTHING_STORED = -1
"""The position of a partition of which nothing was ever stored: it is read from its beginning."""
AT_ONCE = 500
"""Records asked for in one call: what is in memory at most above the limit of a batch."""
CLOSE_SECONDS = 1.5
LITTLE_AHEAD = {"queued.max.messages.kbytes": 16_384, "queued.min.messages": 20_000}
"""What is fetched ahead for a partition."""

LOG = logging.getLogger("streamguard.kafka.positioned")


@dataclass(frozen=True)
class Read:
    """Records in the order of reading, and the next offsets of their partitions before and after them."""

    records: Sequence[Message]
    starts: Mapping[Place, int]
    ends: Mapping[Place, int]


class PositionedReader:
    """Reads `topics` as the static member `instance` of `group`.

    `ready` is set while partitions are assigned. A stored position that the topic no longer has is a TopicError:
    nothing is passed over silently.
    """

    def __init__(self, place: Membership, topics: Sequence[str], ready: threading.Event) -> None:
        self._place = place
        self._ready = ready
        self.assigned: list[Place] = []
        self.assignments = 0
        """Grows with every change of what is assigned."""
        self.wants_positions = False
        """Whether partitions are assigned, and nobody has said where to begin."""
        self._next: dict[Place, int] = {}
        self._held: list[Message] = []
        self._paused: list[TopicPartition] = []
        self._consumer: Consumer = place.clients.consumer(
            place.settings,
            place.group,
            instance=place.instance,
            error_cb=lambda _error: place.note_disturbance(),
            **{"auto.offset.reset": "error", **LITTLE_AHEAD},
        )
        self._consumer.subscribe(list(topics), on_assign=self._assign, on_revoke=self._revoke, on_lost=self._revoke)

    def begin(self, positions: Mapping[Place, int]) -> None:
        """Read what is assigned, from these positions; from the beginning where there is none."""
        self.resume()  # librdkafka keeps a pause when partitions are taken and come back
        self._next = {place: positions.get(place, NOTHING_STORED) for place in self.assigned}
        self._consumer.assign(
            [
                TopicPartition(topic, number, OFFSET_BEGINNING if offset == NOTHING_STORED else offset)
                for (topic, number), offset in self._next.items()
            ]
        )
        self.wants_positions = False

    def reposition(self) -> None:
        """Read nothing until `begin` says anew where."""
        if self.assigned:
            self._consumer.assign([])
            self.wants_positions = True
        self._held = []

    def read(self, most: int, most_bytes: int, *, first: float, more: float) -> Read | None:
        """At most so many records and about so many bytes; None if there are none.

        Waits `first` seconds for one, and `more` seconds for more once there is one.
        """
        before = self.assignments
        records, self._held = self._held, []
        if not records:
            records = self._consumed(1, first)
        size = sum(map(len, records))
        while records and len(records) < most and size < most_bytes and self.assignments == before:
            wanted = min(AT_ONCE, most - len(records))
            found = self._consumed(wanted, more)
            records += found
            size += sum(map(len, found))
            if len(found) < wanted:
                break
        if self.assignments != before:  # some of these may belong to another member by now
            return None
        return self._advanced(records) if records else None

    def keep_place(self, seconds: float) -> None:
        """Be a member of the group that wants no records."""
        if not self._paused and self._next and not self.wants_positions:
            self._paused = [TopicPartition(*place) for place in self._next]
            self._consumer.pause(self._paused)
        before = self.assignments
        found = self._consumed(1, seconds)
        if self.assignments == before:
            self._held += found  # on its way before the pause: it is the next one

    def resume(self) -> None:
        """Want records again."""
        if self._paused:
            self._consumer.resume(self._paused)
            self._paused = []

    def commit(self, ends: Mapping[Place, int]) -> None:
        """Tell Kafka how far we are, and do not wait for its answer."""
        ours = [TopicPartition(*place, offset) for place, offset in ends.items() if place in self._next]
        if ours:
            with suppress(KafkaException):
                self._consumer.commit(offsets=ours, asynchronous=True)

    def lag(self) -> dict[Place, int]:
        """Of each partition that is read, how many records are behind the last one that was read; without asking."""
        behind: dict[Place, int] = {}
        for place, after in self._next.items():
            low, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
            behind[place] = max(0, high - max(after, low, 0))
        return behind

    def close(self, *, for_good: bool) -> None:
        """Let go of everything, in time even if Kafka does not answer; `for_good`: others take over at once."""
        self._ready.clear()
        for work in (self._close, partial(leave_to_others, self._place)) if for_good else (self._close,):
            ended = threading.Thread(target=work, name="close", daemon=True)
            ended.start()
            ended.join(CLOSE_SECONDS)

    def _close(self) -> None:
        with suppress(KafkaException, RuntimeError):
            self._consumer.close()

    def _consumed(self, most: int, seconds: float) -> list[Message]:
        try:
            found: list[Message] = self._consumer.consume(most, seconds)
        except KafkaException as exc:
            self._judge(exc.args[0])
            return []
        if not found and not self.assigned:
            clients.require_admission(self._place.settings)
        good = [record for record in found if record.error() is None]
        if len(good) != len(found):
            for record in found:
                error = record.error()
                if error is not None:
                    self._judge(error)
        return good

    def _advanced(self, records: list[Message]) -> Read:
        ends: dict[Place, int] = {}
        for record in records:
            ends[record.topic() or "", record.partition() or 0] = (record.offset() or 0) + 1
        starts = {place: self._next[place] for place in ends}
        self._next |= ends
        return Read(records, starts, ends)

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign([])  # keeps the place in the group, and fetches nothing
        self._place.member = consumer.memberid()
        self._changed([(each.topic, each.partition) for each in partitions])

    def _revoke(self, _consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._changed([])

    def _changed(self, assigned: list[Place]) -> None:
        self.assigned = assigned
        self.assignments += 1
        self.wants_positions = bool(assigned)
        self._next, self._held = {}, []
        if assigned:
            self._ready.set()
        else:
            self._ready.clear()

    def _judge(self, error: KafkaError) -> None:
        """Of an error that was consumed instead of a record."""
        if error.code() in verdicts.REPLACED:
            if self._place.may_be_itself():
                raise Rebuild(error.str())
            raise self._place.fenced(error.str())
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise TopicError(
                f"{self._place.group} can not go on, its next records are no longer in the topic: {error.str()}; "
                "if the topic was made anew, have the stored positions of it forgotten"
            )
        if error.code() in verdicts.HOPELESS:
            raise clients.translate(KafkaException(error), self._place.settings)
        LOG.warning("%s: %s", self._place.group, error.str())


def membership(settings: Settings, group: str, source: Clients = clients) -> Membership:
    """The place of this process in a group: its name is the same at every start."""
    return Membership(settings, group, f"{group}.{settings.instance}", source)
