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
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
"""Decisions that a channel remembers: the last ones it has told. About 15 MB."""
READ_SECONDS = 10.0


@dataclass(frozen=True)
class Mark:
    """A record of the topic: this channel has told this revision. `time` in milliseconds since 1970."""

    key: bytes
    value: bytes
    time: int
    topic: str = TOPIC


class Told:
    """The decisions that one channel has told, the last `most` of them; for any thread.

    `write` returns when marks are in Kafka.
    """

    def __init__(self, channel: str, write: Callable[[Sequence[Mark]], None], *, most: int = MOST) -> None:
        self._channel = channel
        self._write = write
        self._most = most
        self._known: dict[bytes, None] = {}
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
        self.restore(mark.key for mark in marks)

    def restore(self, keys: Iterable[bytes | None]) -> None:
        """Remember marks that were written before; those of other channels are left out."""
        prefix, known = f"{self._channel}/".encode(), self._known
        with self._lock:
            for key in keys:
                if key is not None and key.startswith(prefix):
                    digest = _digest(key)
                    known.pop(digest, None)
                    known[digest] = None
                    if len(known) > self._most:
                        del known[next(iter(known))]

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
        with Reader(settings, TOPIC, dict.fromkeys(ends), **TO_THE_END) as reader:
            for messages in reader.steps(ends, READ_SECONDS):
                self.restore(message.key() for message in messages)
                yield

    def _key(self, decision: Decision) -> bytes:
        return f"{self._channel}/{decision.decision_id}/{decision.revision}".encode()


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=16).digest()
