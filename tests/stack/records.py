"""Topics and records of a test's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streamguard.kafka import clients
from streamguard.kafka.positions import Positions
from streamguard.kafka.tail import Record, tail
from streamguard.settings import Settings
from tests.stack.loops import wait_until


def write(settings: Settings, topic: str, values: Iterable[bytes | None], **config: Any) -> int:
    """Write records, keyed by their number; how many."""
    producer, number = clients.producer(settings, **config), 0
    for number, value in enumerate(values, 1):
        producer.produce(topic, value, b"%d" % number)
        producer.poll(0)
    assert producer.flush(30) == 0
    return number


def read(settings: Settings, topic: str) -> list[Record]:
    """Every committed record of a topic, once no transaction is open on it: Kafka writes the end of one a little after
    it has answered the commit."""
    positions = Positions(settings)
    places = positions.places([topic])

    def ended() -> bool:
        return positions.ends(places, committed=True) == positions.ends(places, committed=False)

    wait_until(ended, f"no transaction is open on {topic}")
    return list(tail(settings, topic, last=None))
