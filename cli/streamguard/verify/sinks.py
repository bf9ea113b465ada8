"""Where records end: the MongoDB collections and Iceberg tables that the pipeline's connectors write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamguard.connect.render import Connector
from streamguard.errors import ConnectError

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


def sinks_of(connectors: Iterable[Connector]) -> tuple[list[Collection], list[Table]]:
    """What the connectors write; one of a kind that can not be read back here is left out."""
    collections, tables = [], []
    for connector in connectors:
        if connector.class_name == MONGODB:
            collections.append(
                Collection(_only_topic(connector), connector.config["database"], connector.config["collection"])
            )
        elif connector.class_name == ICEBERG:
            namespace, _, name = connector.config["iceberg.tables"].rpartition(".")
            tables.append(Table(_only_topic(connector), namespace, name))
    return collections, tables


def _only_topic(connector: Connector) -> str:
    if len(connector.topics) != 1:
        raise ConnectError(f"{connector.template} does not name one topic: verify can not tell what belongs there")
    return connector.topics[0]
