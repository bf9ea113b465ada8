"""Writing records into the open transaction."""

from __future__ import annotations

import threading
from typing import Protocol

from confluent_kafka import Message, Producer

from streamguard.kafka.exactly_once.verdicts import Stopped

Record = Message
"""A consumed record, for those outside `kafka`, who do not import confluent_kafka."""
Headers = list[tuple[str, str | bytes | None]]
EARLIEST = 1
"""Milliseconds: librdkafka takes a time of 0 as now, half a century late."""
ROOM = 0.1
"""Seconds to wait for room in the producer's queue before looking whether a stop is wanted."""


class Produce(Protocol):
    """Writes one record into the open transaction; waits while the producer's queue is full.

    `timestamp` is in milliseconds since 1970; without one it is now.
    """

    def __call__(  # noqa: PLR0917  the order of the values in a record; handlers write thousands a second
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        timestamp: int | None = None,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None: ...


class Refusals:
    """Remembers the first refusal of a record in a transaction, in case a handler hides it."""

    first: Exception | None = None

    def forget(self) -> None:
        self.first = None

    def check(self) -> None:
        """Raise it."""
        if self.first is not None:
            raise self.first


def guarded(producer: Producer, stop: threading.Event, refusals: Refusals) -> Produce:
    """`producer.produce` that waits while the queue is full, until `stop`."""
    write, poll = producer.produce, producer.poll

    def produce(  # noqa: PLR0917
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        timestamp: int | None = None,
        headers: Headers | None = None,
        partition: int = -1,
    ) -> None:
        time = 0 if timestamp is None else timestamp or EARLIEST
        while True:
            try:
                write(topic, value, key, partition, None, None, time, headers)
                return
            except BufferError:
                if stop.is_set():
                    raise Stopped from None
                poll(ROOM)
            except Exception as exc:
                refusals.first = refusals.first or exc
                raise

    return produce
