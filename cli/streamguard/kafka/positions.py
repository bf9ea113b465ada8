"""How far topics are written and groups have read, over clients that are kept; for one thread."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamguard.errors import TopicError
from streamguard.kafka import clients
from streamguard.kafka.listed import listed
from streamguard.model import Place
from streamguard.settings import Settings

SECONDS = 5.0


class Positions:
    """Every method may raise `KafkaUnavailable`; the next call tries again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: AdminClient | None = None
        self._readers: dict[str, Consumer] = {}

    def places(self, topics: Collection[str]) -> list[Place]:
        """The partitions of topics; `TopicError` if there is no such topic."""
        with self._asking() as admin:
            known = admin.list_topics(timeout=SECONDS).topics
        missing = sorted(set(topics) - known.keys())
        if missing:
            clients.require_shown(self._settings, missing[0])
            raise TopicError(f"Kafka has no topic {', '.join(missing)}: `streamguard topics apply` makes them")
        return [(topic, number) for topic in topics for number in sorted(known[topic].partitions)]

    def ends(self, places: Iterable[Place], *, committed: bool) -> dict[Place, int]:
        """The next offset of each partition; `committed`: only up to the first open transaction."""
        with self._asking() as admin:
            return listed(admin, places, OffsetSpec.latest(), seconds=SECONDS, wait=2 * SECONDS, committed=committed)

    def committed(self, groups: Iterable[str]) -> dict[str, dict[Place, int]]:
        """The offsets that each group has committed; nothing for a group that Kafka does not know."""
        with self._asking() as admin:
            known = admin.list_topics(timeout=SECONDS).topics
            places = [TopicPartition(name, number) for name, topic in known.items() for number in topic.partitions]
            return {
                group: {
                    (at.topic, at.partition): at.offset
                    for at in self._reader(group).committed(places, SECONDS)
                    if at.offset >= 0
                }
                for group in groups
            }

    def _reader(self, group: str) -> Consumer:
        if group not in self._readers:
            self._readers[group] = clients.offsets_reader(self._settings, group)
        return self._readers[group]

    @contextmanager
    def _asking(self) -> Iterator[AdminClient]:
        client = self._client = self._client or clients.admin(self._settings)
        try:
            with clients.translated(self._settings):
                yield client
        except Exception as exc:
            # The next call makes new ones: these may remember leaders of before for minutes.
            self._client, self._readers = None, {}
            if isinstance(exc, TimeoutError):
                raise clients.unavailable(self._settings) from exc
            raise
