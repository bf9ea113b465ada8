"""Topics and records of a test's own."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from streamguard.kafka import clients
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.positions import Positions
from streamguard.kafka.tail import Record, tail
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.settings import Settings
from tests.stack.loops import PARTITIONS, wait_until


class OwnTopics:
    """Topics of one test; their names begin with a `prefix` that no other test has, and the fixture removes them."""

    def __init__(self, settings: Settings, test: str) -> None:
        self.prefix = f"{test}-{os.getpid()}-{os.urandom(3).hex()}-"
        self._settings = settings
        self._names: list[str] = []

    def create(self, name: str, partitions: int = PARTITIONS, **config: str) -> str:
        """Make a topic, with or without the prefix in front; its whole name. `_` is `.` in names of the config."""
        whole = name if name.startswith(self.prefix) else self.prefix + name
        create_topic(
            self._settings, Topic(whole, partitions, config={key.replace("_", "."): it for key, it in config.items()})
        )
        self._names.append(whole)
        return whole

    def adopt(self, name: str) -> str:
        """Remove a topic at the end that somebody else makes."""
        self._names.append(name)
        return name

    def remove(self) -> None:
        """Remove all of them."""
        Cluster(self._settings).delete(self._names)


def write(settings: Settings, topic: str, values: Iterable[bytes | None], **config: Any) -> int:
    """Write records, keyed by their number; how many."""
    producer, number = clients.producer(settings, **config), 0
    for number, value in enumerate(values, 1):
        producer.produce(topic, value, b"%d" % number)
        producer.poll(0)
    assert producer.flush(30) == 0
    return number


def read(settings: Settings, topic: str) -> list[Record]:
    """Every committed record of a topic, once no transaction is open on it."""
    settle(settings, topic)
    return list(tail(settings, topic, last=None))


def settle(settings: Settings, topic: str) -> None:
    """Return when no transaction is open: Kafka writes the end of one a little after it has answered the commit."""
    positions = Positions(settings)
    places = positions.places([topic])

    def ended() -> bool:
        return positions.ends(places, committed=True) == positions.ends(places, committed=False)

    wait_until(ended, f"no transaction is open on {topic}")
