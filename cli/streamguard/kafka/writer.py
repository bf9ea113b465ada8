"""Writing single records outside of any loop: each is acknowledged by Kafka, or an error says why not."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any, Protocol

from confluent_kafka import KafkaException

from streamguard.kafka import clients
from streamguard.kafka.exactly_once.produce import EARLIEST
from streamguard.settings import Settings

SECONDS = 30.0


class Record(Protocol):
    """What is written; `time` in milliseconds, where 0 is written as 1."""

    @property
    def topic(self) -> str: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def time(self) -> int: ...


class Writer:
    """A producer that is made when it is first needed, and kept; may be used by any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._producer: Any = None

    def write(self, records: Iterable[Record]) -> None:
        """Write records in their order, and return when all are acknowledged.

        Raises:
            KafkaError: one was not; those after it may have been.
        """
        errors: list[Any] = []

        def delivered(error: Any, _message: Any) -> None:
            if error is not None:
                errors.append(error)

        with self._lock, clients.translated(self._settings):
            if self._producer is None:
                self._producer = clients.producer(self._settings)
            for record in records:
                time = record.time or EARLIEST
                self._producer.produce(
                    record.topic, value=record.value, key=record.key, timestamp=time, on_delivery=delivered
                )
            left = self._producer.flush(SECONDS)
            if errors:
                raise KafkaException(errors[0])
            if left:
                self._producer.purge()
                raise clients.unavailable(self._settings)

    def close(self) -> None:
        """Let go of the producer."""
        with self._lock:
            self._producer = None
