"""A reader of committed records that never stops: it sees what any reader saw, and can be asked later.

An aborted record that became visible, or a record that changed or vanished afterwards, is found by comparing what was
seen at the time with what is there in the end.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Mapping
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamguard.kafka import clients
from streamguard.kafka.reader import GROUP
from streamguard.kafka.tail import record_of
from streamguard.model import Place
from streamguard.settings import Settings

WAIT = 0.1
BATCH = 1_000


class Watch:
    """Reads places in a thread, from an offset each or the first that is left; keeps offset and digest of each record.

    Kafka being away is waited out. It can be read from any thread: lists only ever grow.
    """

    def __init__(self, settings: Settings, starts: Mapping[Place, int]) -> None:
        self._settings = settings
        self._starts = dict(starts)
        self._offsets: dict[Place, list[int]] = {place: [] for place in starts}
        self._digests: dict[Place, list[int]] = {place: [] for place in starts}
        self._next = dict(starts)
        self._failure: KafkaException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading; what was seen can still be asked."""
        self._stop.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what ended the reading, if something did."""
        if self._failure is not None:
            raise clients.translate(self._failure, self._settings)

    def position(self, place: Place) -> int:
        """The offset before which everything was read; the ends of transactions take offsets too."""
        return self._next[place]

    def behind(self, place: Place, offset: int) -> int:
        """How many of the records seen are at `offset` or later."""
        offsets = self._offsets[place]
        return len(offsets) - bisect_left(offsets, offset)

    def seen(self, place: Place, since: int) -> list[tuple[int, int]]:
        """Offset and digest (the hash of the `Record`) of the records from `since` on, in the order of reading."""
        pairs = zip(self._offsets[place], self._digests[place], strict=False)  # one may have grown just now
        return [(offset, digest) for offset, digest in pairs if offset >= since]

    def _run(self) -> None:
        config: dict[str, Any] = {"enable.partition.eof": True}
        consumer: Consumer = clients.consumer(self._settings, GROUP, **config)
        try:
            consumer.assign([TopicPartition(topic, number, at) for (topic, number), at in self._starts.items()])
            while not self._stop.is_set():
                for message in consumer.consume(BATCH, WAIT):
                    self._take(message)
        except KafkaException as exc:
            self._failure = exc
        finally:
            consumer.close()

    def _take(self, message: Message) -> None:
        place = (message.topic() or "", message.partition() or 0)
        error, offset = message.error(), message.offset() or 0
        if error is None:
            self._digests[place].append(hash(record_of(message)))
            self._offsets[place].append(offset)
            self._next[place] = offset + 1
        elif error.code() == KafkaError._PARTITION_EOF:
            self._next[place] = max(self._next[place], offset)
        elif error.code() in clients.DENIED:
            raise KafkaException(error)
