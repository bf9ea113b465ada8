"""What a channel has told already: remembered in memory, and in the topic `notifications-sent` for the next process.

A mark is written as soon as the channel has taken a message, not in the transaction that commits the offsets: that
would hide the marks of a batch of many messages until the last is sent, and a process that is killed before would send
all of them again. So a mark is there before the offset moves, and only the message that was under way at a kill is in
doubt.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

from streamguard.errors import KafkaUnavailable
from streamguard.kafka import group_offsets
from streamguard.kafka.positions import Positions
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.services.notifier.decision import Decision
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.services.notifier")
TOPIC = "notifications-sent"
MOST = 100_000
"""Decisions that a channel remembers: the last ones it has told. 25 MB."""
READ_SECONDS = 10.0
READING: Mapping[str, Any] = {**TO_THE_END, "queued.max.messages.kbytes": 512}
"""For each partition; 64 MB of marks would be fetched ahead otherwise, and their memory kept. It is no slower."""


@dataclass(frozen=True)
class Mark:
    """A record of the topic: this channel has told this revision. `time` in milliseconds since 1970."""

    key: bytes
    value: bytes
    time: int
    topic: str = TOPIC


class Told:
    """The decisions that one channel of a pipeline has told, the last `most` of them; for any thread.

    `write` returns when marks are in Kafka.
    """

    def __init__(
        self, pipeline: str, channel: str, write: Callable[[Sequence[Mark]], None], *, most: int = MOST
    ) -> None:
        self._channel = channel
        self._prefix = f"{pipeline}/{channel}/"
        self._write = write
        self._most = most
        self._known: dict[bytes, int] = {}
        """When what was told, by the digest of its key."""
        self._by_age: list[tuple[int, bytes]] = []
        """A heap of the same. Marks that are read come in the order of their partitions, not of their times."""
        self._lock = threading.Lock()

    def has(self, decision: Decision) -> bool:
        """Was it told?"""
        with self._lock:
            return _digest(self._key(decision)) in self._known

    def add(self, decisions: Iterable[Decision], message_id: str, milliseconds: int) -> None:
        """They are told: remember it here and in Kafka. Raises KafkaError if Kafka has not taken it; try again."""
        value = json.dumps({"channel": self._channel, "message_id": message_id}).encode()
        marks = [Mark(self._key(decision), value, milliseconds) for decision in decisions]
        self._write(marks)
        self.restore((mark.key, mark.time) for mark in marks)

    def restore(self, marks: Iterable[tuple[bytes | None, int]]) -> None:
        """Remember marks that were written, by key and time; those of others are left out, and those that are older
        than the last `most`."""
        prefix, known, by_age = self._prefix.encode(), self._known, self._by_age
        with self._lock:
            for key, time in marks:
                if key is None or not key.startswith(prefix):
                    continue
                digest = _digest(key)
                if known.get(digest, -1) < time:
                    known[digest] = time
                    heappush(by_age, (time, digest))
                while len(known) > self._most:
                    then, oldest = heappop(by_age)
                    if known[oldest] == then:  # and was not told again since
                        del known[oldest]

    def prepare(self, settings: Settings) -> Callable[[Any], Iterator[None]]:
        """For the loop: before partitions are read, all marks are, in small steps."""

        def steps(_partitions: object) -> Iterator[None]:
            while True:
                try:
                    yield from self._read(settings)
                except KafkaUnavailable:
                    LOG.warning("%s waits for %s, to know what it has told", self._channel, TOPIC)
                    yield
                else:
                    return

        return steps

    def _read(self, settings: Settings) -> Iterator[None]:
        places = Positions(settings).places([TOPIC])
        ends = {number: bounds.end for (_, number), bounds in group_offsets.bounds(settings, places).items()}
        with Reader(settings, TOPIC, dict.fromkeys(ends), **READING) as reader:
            for messages in reader.steps(ends, READ_SECONDS):
                self.restore((message.key(), message.timestamp()[1]) for message in messages)
                yield

    def _key(self, decision: Decision) -> bytes:
        return f"{self._prefix}{decision.decision_id}/{decision.revision}".encode()


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=16).digest()
