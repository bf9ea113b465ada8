"""A record as confluent_kafka gives it, made by hand."""

from __future__ import annotations

from typing import Any

from confluent_kafka import Message


def record(
    value: bytes | None,
    *,
    topic: str = "bank-transactions",
    partition: int = 0,
    offset: int = 0,
    key: bytes | None = b"a",
    timestamp: tuple[int, int] = (1, 1700000000000),
    headers: Any = None,
    error: Any = None,
) -> Message:
    """A record; `timestamp` is its type and milliseconds."""
    return Message(
        topic=topic,
        partition=partition,
        offset=offset,
        key=key,
        value=value,
        timestamp=timestamp,
        headers=headers,
        error=error,
    )


class Written:
    """A `Produce` that keeps what it is given: topic, value, key, timestamp, headers."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes | None, int | None, Any]] = []

    def __call__(  # noqa: PLR0917
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        timestamp: int | None = None,
        headers: Any = None,
        partition: int = -1,
    ) -> None:
        self.records.append((topic, value, key, timestamp, headers))
