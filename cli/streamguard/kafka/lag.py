"""How far consumer groups are behind in some topics, looked at again and again, for Prometheus.

A group of exactly-once topics may stay one record a partition behind at rest: the end of a transaction takes an offset
too, and offsets alone do not tell it from a record (see `backlog`).
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka.admin import OffsetSpec

from streamguard.errors import KafkaError
from streamguard.kafka import clients
from streamguard.kafka.group_offsets import SECONDS, GroupReaders, partitions
from streamguard.kafka.listed import listed
from streamguard.model import Place
from streamguard.settings import Settings

INTERVAL = 5.0
"""Seconds between two looks."""
BUDGET = 5.0
"""Seconds that groups may be asked in one look; the others' turn comes in the next."""


@dataclass(frozen=True)
class Lag:
    """What a look found: records behind by group and topic, and the sum of a topic's next offsets."""

    behind: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ends: Mapping[str, int] = field(default_factory=dict)


def lag_of(committed: Mapping[str, Mapping[Place, int]], ends: Mapping[Place, int]) -> Lag:
    """From the committed offsets of groups and the next offset of each partition."""
    behind: defaultdict[tuple[str, str], int] = defaultdict(int)
    for group, offsets in committed.items():
        for (topic, number), offset in offsets.items():
            behind[group, topic] += max(0, ends.get((topic, number), offset) - offset)
    taken: defaultdict[str, int] = defaultdict(int)
    for (topic, _), end in ends.items():
        taken[topic] += end
    return Lag(dict(behind), dict(taken))


class GroupLag:
    """Looks at all groups that have committed offsets of `topics`. `run` in a thread, `collect` from any."""

    def __init__(
        self, settings: Settings, topics: Collection[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._topics = frozenset(topics)
        self._readers = GroupReaders(settings, clock=clock)
        self._lag = Lag()
        self._is_up = False
        self._lock = threading.Lock()

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set. While Kafka is away there is no lag, rather than an old one."""
        while not stop.is_set():
            try:
                found, is_up = self.look(), True
            except KafkaError:
                found, is_up = Lag(), False
            with self._lock:
                self._lag, self._is_up = found, is_up
            stop.wait(INTERVAL)
        self._readers.close()

    def look(self) -> Lag:
        """One look. Raises KafkaError."""
        admin = clients.admin(self._settings)
        there = partitions(self._settings)
        places = [(topic, number) for topic in sorted(self._topics & there.keys()) for number in there[topic]]
        with clients.translated(self._settings):
            try:
                groups = admin.list_consumer_groups(request_timeout=SECONDS).result(SECONDS).valid
                ends = listed(admin, places, OffsetSpec.latest(), seconds=SECONDS, wait=2 * SECONDS)
            except TimeoutError as exc:
                raise clients.unavailable(self._settings) from exc
        paces = self._readers.look({group.group_id: places for group in groups}, BUDGET)
        return lag_of({group: pace.last.offsets for group, pace in paces.items()}, ends)

    def collect(self) -> Iterator[Any]:
        """For prometheus_client."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

        with self._lock:
            found, is_up = self._lag, self._is_up
        behind = GaugeMetricFamily(
            "streamguard_consumer_lag_records",
            "Records that a consumer group has not read yet.",
            labels=("group", "topic"),
        )
        for (group, topic), count in sorted(found.behind.items()):
            behind.add_metric([group, topic], count)
        yield behind
        ends = CounterMetricFamily(
            "streamguard_topic_offsets", "Offsets that the records of a topic have taken.", labels=("topic",)
        )
        for topic, count in sorted(found.ends.items()):
            ends.add_metric([topic], count)
        yield ends
        yield GaugeMetricFamily("streamguard_kafka_up", "1 if Kafka answered the last look.", value=is_up)
