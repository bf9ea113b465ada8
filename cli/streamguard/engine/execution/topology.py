"""Queries as a pure object: a record in, the records that it causes out. No Kafka, no clock.

What tests, `ksql test` and the conformance runner drive; the server runs the same compiled function in its loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.compile import compile_source


@dataclass(frozen=True)
class Record:
    """A record in the shape of `confluent_kafka.Message`; `time` in ms."""

    raw_value: bytes | None
    raw_key: bytes | None = None
    time: int = 0
    position: int = 0
    in_partition: int = 0
    with_headers: Sequence[tuple[str, bytes | None]] | None = None

    def value(self) -> bytes | None:
        """The value's bytes."""
        return self.raw_value

    def key(self) -> bytes | None:
        """The key's bytes."""
        return self.raw_key

    def timestamp(self) -> tuple[int, int]:
        """Kafka's kind of timestamp (1: set by the producer), and the time."""
        return (1, self.time)

    def partition(self) -> int:
        """The partition."""
        return self.in_partition

    def offset(self) -> int:
        """The offset."""
        return self.position

    def headers(self) -> Sequence[tuple[str, bytes | None]] | None:
        """The headers."""
        return self.with_headers

    def at(self, offset: int) -> Record:
        """The same record at another offset."""
        return replace(self, position=offset)


class Topology:
    """Queries by id, with their state."""

    def __init__(self, plans: Mapping[str, QueryPlan], on_error: Callable[[Any, str, str], None] | None = None) -> None:
        self._on_error = on_error or _ignore
        by_topic: dict[str, dict[str, QueryPlan]] = {}
        for query_id, plan in plans.items():
            by_topic.setdefault(plan.source.topic, {})[query_id] = plan
        self._runs = {topic: compile_source(chosen) for topic, chosen in by_topic.items()}

    @property
    def topics(self) -> set[str]:
        """The topics that the queries read."""
        return set(self._runs)

    def process(self, topic: str, record: Record) -> list[tuple[str, Record]]:
        """The records that the queries write because of one that was read, each with its topic, in order."""
        made: list[tuple[str, Record]] = []

        def produce(topic: str, *, value: bytes | None, key: bytes | None, timestamp: int, headers: Any = None) -> None:
            made.append((topic, Record(value, key, timestamp, with_headers=headers)))

        self._runs[topic]([record], produce, self._on_error)
        return made


def _ignore(_record: Any, _query: str, _reason: str) -> None:
    """What goes to the processing log goes nowhere."""
