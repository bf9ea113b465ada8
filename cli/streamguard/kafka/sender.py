"""Sending records outside of any loop: all are acknowledged by Kafka, or an error says why not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from confluent_kafka import KafkaException, Producer

from streamguard.kafka import clients
from streamguard.kafka.exactly_once.produce import EARLIEST
from streamguard.settings import Settings

SECONDS = 30.0
ROOM = 0.1
"""Seconds to wait for room in the producer's queue."""


class Outgoing(Protocol):
    """What is sent; `time` in milliseconds since 1970, None for now. What has `plain_headers` is sent with them."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def time(self) -> int | None: ...


class Sender:
    """A producer that is made when it is first needed, kept, and made anew after an error: one that has given up some
    records has no order to promise for the next. For any thread; the records of one call stay together.
    """

    def __init__(self, settings: Settings, make: Callable[[Settings], Producer] = clients.producer) -> None:
        self._settings = settings
        self._make = make
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def __call__(self, records: Iterable[Outgoing]) -> None:
        """Send records in their order, and return when all are acknowledged; wait while the producer's queue is full.

        Raises:
            KafkaError: one was not; others may have been. Who keeps the records sends all of them again.
        """
        with self._lock:
            producer = self._producer or self._make(self._settings)
            self._producer = None
            try:
                with clients.translated(self._settings):
                    self._send(producer, records)
            except BaseException:
                clients.discard(producer)
                raise
            self._producer = producer

    def close(self) -> None:
        """Let go of the producer."""
        with self._lock:
            self._producer = None

    def _send(self, producer: Producer, records: Iterable[Outgoing]) -> None:
        errors: list[Any] = []

        def delivered(error: Any, _record: Any) -> None:
            if error is not None:
                errors.append(error)

        for record in records:
            time = 0 if record.time is None else record.time or EARLIEST
            headers = getattr(record, "plain_headers", None)
            while True:
                try:
                    producer.produce(
                        record.topic,
                        value=record.value,
                        key=record.key,
                        timestamp=time,
                        headers=headers,
                        on_delivery=delivered,
                    )
                    break
                except BufferError:
                    producer.poll(ROOM)
        left = producer.flush(SECONDS)
        if errors:
            raise KafkaException(errors[0])
        if left:
            raise clients.unavailable(self._settings)
