"""Records into the open transaction."""

from __future__ import annotations

import threading
from typing import Any

from streamguard.kafka.exactly_once.produce import Refusals, guarded


class Producer:
    def __init__(self) -> None:
        self.times: list[int] = []

    def produce(self, _topic: str, *record: Any) -> None:
        self.times.append(record[5])

    def poll(self, _seconds: float) -> None: ...


def test_a_record_of_time_0_is_not_written_as_one_of_now() -> None:
    producer = Producer()
    produce = guarded(producer, threading.Event(), Refusals())  # type: ignore[arg-type]
    produce("t", b"of 1970", timestamp=0)
    produce("t", b"of then", timestamp=7)
    produce("t", b"of now")
    assert producer.times == [1, 7, 0]
