"""Where records end: the MongoDB collections and Iceberg tables that the pipeline's connectors write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamguard.connect.templates.render import Connector

MONGODB = "com.mongodb.kafka.connect.MongoSinkConnector"
ICEBERG = "org.apache.iceberg.connect.IcebergSinkConnector"


@dataclass(frozen=True)
class Collection:
    """A collection of MongoDB that holds the latest record of each key of a topic."""

    topic: str
    database: str
    name: str

    def __str__(self) -> str:
        return f"mongodb {self.name}"


@dataclass(frozen=True)
class Table:
    """An Iceberg table that holds every record of a topic, with its partition and offset."""

    topic: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"iceberg {self.name}"


def sinks_of(connectors: Iterable[Connector], topics: Iterable[str]) -> tuple[list[Collection], list[Table]]:
    """Where one of `topics` alone goes; a connector of another kind writes nothing that can be read back here."""
    collections, tables = [], []
    for connector in connectors:
        for topic in topics:
            if connector.topics != (topic,):
                continue
            if connector.class_name == MONGODB:
                collections.append(Collection(topic, connector.config["database"], connector.config["collection"]))
            elif connector.class_name == ICEBERG:
                namespace, _, name = connector.config["iceberg.tables"].rpartition(".")
                tables.append(Table(topic, namespace, name))
    return collections, tables
