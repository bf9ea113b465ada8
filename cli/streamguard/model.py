"""The values that the parts of streamguard hand to each other: a pipeline and what it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Place = tuple[str, int]
"""A topic and the number of one of its partitions."""


@dataclass(frozen=True)
class Topic:
    """A topic as a pipeline wants it. `replication` None means the setting's default."""

    name: str
    partitions: int
    replication: int | None = None
    config: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Column:
    """A column of an Iceberg table; `type` is one of Iceberg's primitive type names."""

    name: str
    type: str
    required: bool = False


@dataclass(frozen=True)
class Table:
    """An Iceberg table with an explicit schema: the sink never creates or changes one."""

    name: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Lake:
    """The Iceberg namespace of a pipeline and its tables."""

    namespace: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class Generator:
    """What `produce` writes for a pipeline: a world into a topic, `rate` records a second (None: as the world says)."""

    world: str
    topic: str
    rate: float | None = None


@dataclass(frozen=True)
class Pipeline:
    """One `init/NAME.yml`, read and checked; or a folder of connectors that has none, and then only the name.

    `generator` is None where nothing is produced. See `project.generator_of`. `variables` are what ``${name}`` stands
    for in its statements, by names in lower case.
    """

    name: str
    topics: tuple[Topic, ...] = ()
    services: tuple[str, ...] = ()
    generator: Generator | None = None
    lake: Lake | None = None
    mongodb_database: str | None = None
    postgres_database: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

    def topic(self, name: str) -> Topic | None:
        """The topic of that name, or None."""
        return next((topic for topic in self.topics if topic.name == name), None)
