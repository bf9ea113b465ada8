"""What the ksql engine asks of a Kafka cluster about its topics, over one admin client that is kept."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    ConfigSource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from streamguard.errors import StreamguardError, TopicError
from streamguard.kafka import clients
from streamguard.kafka.listed import listed
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.kafka.cluster")
SECONDS = 10.0
HEALTH_SECONDS = 1.0
NEWS_SECONDS = 1.0
"""Longest time that a new topic takes to be known everywhere."""


class Cluster:
    """Topics of the cluster in the settings; every method may raise `KafkaUnavailable`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None
        self.replication = settings.kafka_replication

    def answers(self) -> bool:
        """Whether a broker answers within a second."""
        try:
            self._metadata(HEALTH_SECONDS)
        except StreamguardError:
            return False
        return True

    def cluster_id(self) -> str:
        """The id that the cluster gave itself."""
        return str(self._metadata().cluster_id)

    def partitions(self) -> dict[str, int]:
        """The number of partitions of every topic."""
        return {name: len(topic.partitions) for name, topic in self._metadata().topics.items()}

    def replicas(self) -> dict[str, list[int]]:
        """The number of replicas of each partition of every topic."""
        topics = self._metadata().topics.items()
        return {name: [len(topic.partitions[n].replicas) for n in sorted(topic.partitions)] for name, topic in topics}

    def replication_of(self, topic: str) -> int:
        """The replication factor of a topic; 0 if there is no such topic."""
        return max(self.replicas().get(topic, []), default=0)

    def own_config(self, topic: str) -> dict[str, str]:
        """What was configured for a topic itself, not for all topics."""
        resource = ConfigResource(ResourceType.TOPIC, topic)
        with clients.translated(self._settings):
            entries = self._admin().describe_configs([resource], request_timeout=SECONDS)[resource].result(SECONDS)
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        return {name: str(entry.value) for name, entry in entries.items() if entry.source == own}

    def appears(self, topic: str) -> int:
        """The partitions of a topic that may have been made a moment ago, which brokers learn a little later; or 0."""
        end = time.monotonic() + NEWS_SECONDS
        while True:
            count = self.partitions().get(topic, 0)
            if count or time.monotonic() > end:
                return count
            time.sleep(0.05)

    def wait_for(self, topic: str, wrong: Callable[[list[int] | None], str], seconds: float) -> str:
        """What is `wrong` with a topic, given the replicas of its partitions (None: there is none), after at most
        `seconds`; empty as soon as nothing is.
        """
        end = time.monotonic() + seconds
        while True:
            reason = wrong(self.replicas().get(topic))
            if not reason or time.monotonic() > end:
                return reason
            time.sleep(0.05)

    def create(self, topics: Mapping[str, tuple[int, int]], config: Mapping[str, str] | None = None) -> None:
        """Create topics that are missing: partitions and replication factor by name."""
        if not topics:
            return
        wanted = [NewTopic(name, n, factor, config=dict(config or {})) for name, (n, factor) in topics.items()]
        with clients.translated(self._settings):
            for answer in self._admin().create_topics(wanted, request_timeout=SECONDS).values():
                try:
                    answer.result(SECONDS)
                except KafkaException as exc:
                    if exc.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                        raise
        for name in topics:
            self.appears(name)

    def delete(self, topics: Collection[str]) -> None:
        """Delete topics; one that is missing is no error."""
        if not topics:
            return
        with clients.translated(self._settings):
            for answer in self._admin().delete_topics(list(topics), request_timeout=SECONDS).values():
                try:
                    answer.result(SECONDS)
                except KafkaException as exc:
                    if exc.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                        raise

    def forget(self, topic: str, before: Mapping[int, int]) -> None:
        """Have the records of a topic before these offsets deleted; what does not work is left for next time."""
        wanted = [TopicPartition(topic, number, offset) for number, offset in before.items()]
        for answer in self._admin().delete_records(wanted, request_timeout=SECONDS).values():
            answer.add_done_callback(_told)

    def ends(self, topic: str, *, committed: bool = True) -> dict[int, int]:
        """The next offset of each partition of a topic, as a reader of committed records sees it, or of all."""
        return self._offsets(topic, OffsetSpec.latest(), committed=committed)

    def ranges(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first and the next offset of each partition of a topic, as a reader of committed records sees them."""
        starts, ends = self._offsets(topic, OffsetSpec.earliest()), self.ends(topic)
        return {number: (starts.get(number, 0), end) for number, end in ends.items()}

    def _offsets(self, topic: str, spec: OffsetSpec, *, committed: bool = True) -> dict[int, int]:
        count = self.partitions().get(topic, 0)
        if not count:
            raise TopicError(f"Kafka topic does not exist: {topic}")
        places = [(topic, number) for number in range(count)]
        with clients.translated(self._settings):
            found = listed(self._admin(), places, spec, seconds=SECONDS, wait=SECONDS, committed=committed)
        return {number: offset for (_, number), offset in found.items()}

    def _metadata(self, seconds: float = SECONDS) -> ClusterMetadata:
        return clients.metadata(self._admin(), self._settings, timeout=seconds)

    def _admin(self) -> AdminClient:
        if self._client is None:
            self._client = clients.admin(self._settings)
        return self._client


def _told(answer: Future[Any]) -> None:
    """Say why records were not deleted."""
    exc = answer.exception()
    if exc is not None:
        LOG.warning("records that are no longer needed were not deleted: %s", exc)
