"""Reading a topic without a group: from given offsets, to its end, or on and on. Nothing is committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamguard.kafka import clients
from streamguard.settings import Settings

GROUP = "sg.reader"
"""librdkafka wants a name of a group; nothing ever joins or commits to it."""
TO_THE_END: Mapping[str, Any] = {"fetch.wait.max.ms": 10}
"""For those who read no further: at the end Kafka is asked once more, and would wait half a second for new records."""

PIECE = 10_000
"""Records that are read at once, at most."""


class Reader:
    """A consumer of committed records that is assigned to partitions by hand; offset None is the beginning."""

    def __init__(self, settings: Settings, topic: str, starts: Mapping[int, int | None], **config: Any) -> None:
        self._settings = settings
        self._consumer: Consumer = clients.consumer(
            settings, GROUP, **{"enable.partition.eof": True, "auto.offset.reset": "earliest", **config}
        )
        # 0 and not OFFSET_BEGINNING, which librdkafka asks for only after half a second; below the first record that
        # is kept, auto.offset.reset moves it there.
        self._consumer.assign([TopicPartition(topic, number, offset or 0) for number, offset in starts.items()])
        self._ends: dict[int, int] = {}
        self._at_end: set[int] = set()
        self._partitions = set(starts)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def at_end(self) -> bool:
        """Whether every partition was read to its end by the last `poll`."""
        return self._at_end == self._partitions

    def poll(self, records: int, timeout: float) -> list[Message]:
        """Up to `records` records; fewer, or none, after `timeout` seconds."""
        found: list[Message] = []
        with clients.translated(self._settings):
            for message in self._consumer.consume(records, timeout):
                error = message.error()
                if error is None:
                    self._at_end.discard(_partition(message))
                    found.append(message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    self._at_end.add(_partition(message))
                    self._ends[_partition(message)] = message.offset() or 0
                elif not error.retriable():
                    raise KafkaException(error)
        if not found and not self.at_end:
            clients.require_admission(self._settings)
        return found

    def to_end(self, timeout: float) -> Iterator[Message]:
        """All committed records up to the end of every partition, or up to an open transaction."""
        yield from self._until(lambda: self.at_end, timeout)

    def to_offsets(self, ends: Mapping[int, int], timeout: float) -> Iterator[Message]:
        """All committed records below these offsets."""
        yield from self._until(lambda: self.reached(ends), timeout)

    def reached(self, ends: Mapping[int, int]) -> bool:
        """Whether everything below these offsets was read."""
        return all(self._ends.get(number, -1) >= end for number, end in ends.items())

    def steps(self, ends: Mapping[int, int], timeout: float) -> Iterator[list[Message]]:
        """The same as `to_offsets` in the pieces that come, some of them empty: for who has something else to do."""
        yield from self._pieces(lambda: self.reached(ends), timeout)

    def _until(self, done: Callable[[], bool], timeout: float) -> Iterator[Message]:
        for messages in self._pieces(done, timeout):
            yield from messages

    def _pieces(self, done: Callable[[], bool], timeout: float) -> Iterator[list[Message]]:
        deadline = time.monotonic() + timeout
        while not done():
            messages = self.poll(PIECE, 0.02)
            yield messages
            if messages:
                deadline = time.monotonic() + timeout  # whoever takes them may have taken their time
            elif time.monotonic() > deadline:
                raise clients.unavailable(self._settings)

    def close(self) -> None:
        """Leave."""
        self._consumer.close()


def _partition(message: Message) -> int:
    number = message.partition()
    assert number is not None  # an assigned partition's record or end always says which
    return number
