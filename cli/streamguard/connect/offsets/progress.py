"""How far sinks have read, for a wait that is over once committed offsets move."""

from __future__ import annotations

from collections.abc import Mapping

from streamguard.connect.offsets.reading import topics_of
from streamguard.connect.rest.client import ConnectClient
from streamguard.kafka import backlog, group_offsets
from streamguard.model import Place
from streamguard.settings import Settings


class Offsets:
    """Committed offsets as Connect tells them, which knows the group; ends as Kafka tells them."""

    def __init__(self, client: ConnectClient, settings: Settings) -> None:
        self._client = client
        self._settings = settings

    def backlog(self, name: str, config: Mapping[str, str]) -> dict[Place, int]:
        """The partitions that have records for the sink, each with the offset at which it goes on."""
        partitions = group_offsets.partitions(self._settings)
        topics = [topic for topic in topics_of(config, partitions) if topic in partitions]
        places = [(topic, number) for topic in topics for number in partitions[topic]]
        bounds = group_offsets.bounds(self._settings, places)
        committed = self.committed(name)
        latest = config.get("consumer.override.auto.offset.reset") == "latest"
        starts: dict[Place, int] = {}
        for place, bound in bounds.items():
            at = committed.get(place, bound.end if latest else bound.first)
            if at < bound.end:
                starts[place] = max(at, bound.first)
        return {place: starts[place] for place in backlog.with_records(self._settings, starts)}

    def committed(self, name: str) -> dict[Place, int]:
        """The committed offsets of the sink."""
        found = self._client.offsets(name)
        return {(one.topic, one.partition): one.offset for one in found if one.offset is not None}
