"""Publishing to one topic: every record is accounted for by a delivery report, and nobody waits for a single one."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

from confluent_kafka import KafkaError, KafkaException

from streamguard.errors import TopicError
from streamguard.kafka import clients
from streamguard.settings import Settings

Report = Callable[[object | None, object], None]
"""Called once for each record, from `serve`, with an error or None and the record."""

CONNECT_TIMEOUT = 3.0


class Publisher:
    """A producer for one topic that exists. Nothing is dropped: a full queue refuses the record that did not fit."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._producer = clients.producer(settings, **{"linger.ms": 5, "batch.size": 256 * 1024})

    def require_topic(self, *, timeout: float = CONNECT_TIMEOUT) -> None:
        """Raise `KafkaUnavailable` or `TopicError` now rather than at the first record; `timeout` in seconds."""
        with clients.translated(self._settings):
            known = self._producer.list_topics(timeout=timeout).topics
        if self._topic not in known:
            raise TopicError(
                f"no topic {self._topic} at {self._settings.kafka_bootstrap}: make it with `streamguard topics apply`"
            )

    def send(self, key: bytes, value: bytes, report: Report) -> bool:
        """Queue a record; False when the queue is full: `serve` first, then send the same record again."""
        try:
            self._producer.produce(self._topic, value, key, on_delivery=report)
        except BufferError:
            return False
        except KafkaException as exc:
            raise clients.translate(exc, self._settings) from exc
        return True

    def serve(self, seconds: float) -> None:
        """Run the reports that have arrived; wait up to `seconds` for the first one."""
        self._producer.poll(seconds)

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        clients.discard(self._producer)


def reason(error: object) -> str:
    """What a delivery report's error says."""
    return str(error.str()) if isinstance(error, KafkaError) else str(error)
