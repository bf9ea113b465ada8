"""Single records, written outside of any loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streamguard.kafka import clients
from streamguard.kafka.writer import Writer
from streamguard.settings import Settings


@dataclass(frozen=True)
class Record:
    time: int
    topic: str = "orders"
    key: bytes | None = None
    value: bytes | None = b"{}"


class Producer:
    def __init__(self) -> None:
        self.times: list[int] = []

    def produce(self, _topic: str, *, timestamp: int, **_more: Any) -> None:
        self.times.append(timestamp)

    def flush(self, _seconds: float) -> int:
        return 0


def test_a_record_of_time_0_is_not_written_as_one_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer()
    monkeypatch.setattr(clients, "producer", lambda _settings: producer)
    Writer(Settings()).write([Record(0), Record(7)])
    assert producer.times == [1, 7]
