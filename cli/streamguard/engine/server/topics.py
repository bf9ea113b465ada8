"""The topics of one request: those that exist, and those that its statements need made, with ksqlDB's rules for both.

Nothing is made before every statement of the request was checked. Segments of topics that are compacted end by their
size, never by the clock: Kafka would end one at the first commit after records of the past, whose own time is long ago,
and compact the changes of a table away before anybody has read them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.language import printing
from streamguard.engine.language import syntax as s
from streamguard.engine.server.rejection import bad_statement
from streamguard.kafka.cluster import Cluster

RETENTION = "retention.ms"
COMPACTED: Mapping[str, str] = {
    "cleanup.policy": "compact",
    "segment.ms": str(2**63 - 1),
    "segment.bytes": str(128 * 1024 * 1024),
}


def config_of(source: Source, inherited: str | None, window_retention: int | None) -> dict[str, str]:
    """How the topic of a source is made; `inherited` is the retention of the topic that its query reads.

    A table's topic keeps the last record of each key. Of windows too, unless the statement says how long: Kafka would
    delete by the clock what is old by the records' own time, and so the results of history.
    """
    wanted = None if source.retention_ms is None else str(source.retention_ms)
    if not source.is_table:
        retention = wanted or inherited
        return {} if retention is None else {RETENTION: retention}
    if wanted is None:
        return dict(COMPACTED)
    longest = source.retention_ms if source.retention_ms == -1 else max(source.retention_ms or 0, window_retention or 0)
    return {"cleanup.policy": "compact,delete", RETENTION: str(longest)}


class Topics:
    """What would exist after the statements so far."""

    def __init__(self, cluster: Cluster, partitions: Mapping[str, int]) -> None:
        self.partitions = dict(partitions)
        self._cluster = cluster
        self._wanted: dict[str, tuple[int, int]] = {}
        self._configs: dict[str, dict[str, str]] = {}

    def is_new(self, topic: str) -> bool:
        """Whether a topic is one that will be made, and so is empty."""
        return topic in self._wanted

    def declare(self, source: Source, statement: s.CreateSource) -> None:
        """Have the topic of a CREATE STREAM or TABLE with columns; a Rejection if that can not be."""
        if self._knows(source.topic):
            self._check_existing(source, statement)
        elif source.partitions is None:
            raise bad_statement(_missing(source.topic, statement), statement.text + ";")
        else:
            self._plan(source, source.partitions, config_of(source, None, None))

    def write(self, made: QueryPlan, statement: s.Statement) -> None:
        """Have the topics that a query reads and writes; a Rejection if that can not be."""
        sink, source = made.sink, made.source
        assert sink is not None
        self._require(source.topic, statement)
        if made.insert:
            self._require(sink.topic, statement)
        elif sink.topic in self.partitions:
            self._check_existing(sink, statement)
        else:
            inherited = None if sink.is_table else self._retention(source.topic)
            self._plan(
                sink, sink.partitions or self.partitions[source.topic], config_of(sink, inherited, made.retention)
            )

    def make(self) -> None:
        """Make those that are wanted."""
        for name, wanted in self._wanted.items():
            self._cluster.create({name: wanted}, self._configs[name])

    def _knows(self, topic: str) -> bool:
        if topic not in self.partitions and (partitions := self._cluster.appears(topic)):
            self.partitions[topic] = partitions
        return topic in self.partitions

    def _require(self, topic: str, statement: s.Statement) -> None:
        if not self._knows(topic):
            raise bad_statement(f"Kafka topic does not exist: {topic}", statement.text + ";")

    def _retention(self, topic: str) -> str | None:
        """How long the records of a topic are kept, where that was said of this topic and not of all."""
        if topic in self._configs:
            return self._configs[topic].get(RETENTION)
        return self._cluster.own_config(topic).get(RETENTION)

    def _plan(self, source: Source, partitions: int, config: dict[str, str]) -> None:
        self._wanted[source.topic] = (partitions, source.replicas or self._cluster.replication)
        self._configs[source.topic] = config
        self.partitions[source.topic] = partitions

    def _check_existing(self, source: Source, statement: s.Statement) -> None:
        """As Kafka has it, a topic keeps its partitions: a statement can not ask for another number."""
        has = self.partitions[source.topic]
        if source.partitions is None or source.partitions == has:
            return
        factor = self._cluster.replication_of(source.topic)
        raise bad_statement(
            f"A Kafka topic with the name '{source.topic}' already exists, with different partition/replica "
            f"configuration than required. KSQL expects {source.partitions} partitions (topic has {has}), and "
            f"{source.replicas or factor} replication factor (topic has {factor}).",
            statement.text + ";",
        )


def _missing(topic: str, statement: s.CreateSource) -> str:
    example = replace(statement, properties=(*statement.properties, s.Property("PARTITIONS", 2)))
    return (
        f"Topic '{topic}' does not exist. If you want to create a new topic for the stream/table please re-run the "
        "statement providing the required 'PARTITIONS' configuration in the WITH clause (and optionally 'REPLICAS'). "
        f"For example: {printing.statement(example)};"
    )
