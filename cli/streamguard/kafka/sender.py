"""Sending records that somebody keeps until Kafka has them: all are acknowledged, or all are sent again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from confluent_kafka import KafkaException, Producer

from streamguard.errors import KafkaError
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.produce import EARLIEST, Headers
from streamguard.settings import Settings

SECONDS = 30.0
ROOM = 0.1
"""Seconds to wait for room in the producer's queue."""


class Outgoing(Protocol):
    """What is sent; `time` in milliseconds since 1970, None for now."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def time(self) -> int | None: ...
    @property
    def plain_headers(self) -> Headers: ...


class Sender:
    """A producer that is made when it is first needed, and anew after an error; for one thread."""

    def __init__(self, settings: Settings, make: Callable[[Settings], Producer] = clients.producer) -> None:
        self._settings = settings
        self._make = make
        self._producer: Producer | None = None

    def __call__(self, records: Iterable[Outgoing]) -> None:
        """Return when all records are acknowledged.

        Raises:
            KafkaError: one was not; those after it may have been, and are to be sent again with it.
        """
        producer = self._producer or self._make(self._settings)
        self._producer = None
        try:
            with clients.translated(self._settings):
                self._send(producer, records)
        except KafkaError:
            clients.discard(producer)
            raise
        self._producer = producer

    def _send(self, producer: Producer, records: Iterable[Outgoing]) -> None:
        errors: list[Any] = []

        def delivered(error: Any, _record: Any) -> None:
            if error is not None:
                errors.append(error)

        for record in records:
            time = 0 if record.time is None else record.time or EARLIEST
            while True:
                try:
                    producer.produce(
                        record.topic,
                        value=record.value,
                        key=record.key,
                        timestamp=time,
                        headers=record.plain_headers,
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
