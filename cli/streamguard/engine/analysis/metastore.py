"""What the engine knows: sources and queries, as one immutable value. Changing it makes a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from streamguard.engine.language.types import Type, quoted, schema

if TYPE_CHECKING:
    from streamguard.engine.analysis.plan import QueryPlan

WRAPPING = ("AVRO", "JSON", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR")
"""Formats that can wrap a single column in a struct or write it bare."""


@dataclass(frozen=True)
class Column:
    """A column of a source."""

    name: str
    type: Type

    def __str__(self) -> str:
        return f"{quoted(self.name)} {self.type}"


@dataclass(frozen=True)
class HeaderColumn(Column):
    """A column of a record's headers: all of them, or with a `header` the last one of that name."""

    header: str = ""

    @property
    def mark(self) -> str:
        """How a schema shows where it comes from."""
        named = self.header.replace("'", "''")
        return f"HEADER('{named}')" if named else "HEADERS"

    def __str__(self) -> str:
        return f"{super().__str__()} {self.mark}"


@dataclass(frozen=True)
class SourceWindow:
    """The windows in the keys of a topic: `type` is TUMBLING, HOPPING or SESSION, `size` in ms (None for sessions)."""

    type: str
    size: int | None = None


@dataclass(frozen=True)
class TimestampColumn:
    """The column that a record's time is taken from; `pattern` is Java's, None for ms or a TIMESTAMP."""

    column: str
    pattern: str | None = None


@dataclass(frozen=True)
class FormatOptions:
    """What a format can be told: the delimiter of DELIMITED, and whether a single column is wrapped in a struct."""

    delimiter: str = ","
    wrap: bool | None = None


@dataclass(frozen=True)
class Source:
    """A stream or a table over a topic. `partitions`, `replicas`, `retention_ms` None: as the topic is, or the default.

    `headers` are columns that are read from a record's headers; `is_source`: a SOURCE table or stream, read only;
    `is_result`: a query made it.
    """

    name: str
    topic: str
    keys: tuple[Column, ...]
    values: tuple[Column, ...]
    key_format: str = "KAFKA"
    value_format: str = "JSON"
    kind: str = "STREAM"
    partitions: int | None = None
    replicas: int | None = None
    retention_ms: int | None = None
    window: SourceWindow | None = None
    timestamp: TimestampColumn | None = None
    key_options: FormatOptions = FormatOptions()
    value_options: FormatOptions = FormatOptions()
    headers: tuple[HeaderColumn, ...] = ()
    is_source: bool = False
    is_result: bool = False
    statement: str = ""

    @property
    def is_table(self) -> bool:
        """Whether a record replaces the one before it with the same key."""
        return self.kind == "TABLE"

    @property
    def key_features(self) -> frozenset[str]:
        """ksqlDB's serde features of the key: a single column is not wrapped where the format has the choice."""
        single = len(self.keys) == 1 and self.key_format in WRAPPING
        return frozenset(("UNWRAP_SINGLES",)) if single else frozenset()

    @property
    def value_features(self) -> frozenset[str]:
        """ksqlDB's serde features of the value: only what a statement asks for."""
        if self.value_options.wrap is None:
            return frozenset()
        return frozenset(("WRAP_SINGLES" if self.value_options.wrap else "UNWRAP_SINGLES",))

    @property
    def columns(self) -> tuple[Column, ...]:
        """Key columns, then value columns."""
        return self.keys + self.values

    def column(self, name: str) -> Column | None:
        """The column of that name, or None."""
        return next((column for column in (*self.columns, *self.headers) if column.name == name), None)

    def schema(self) -> str:
        """`` `ID` STRING KEY, `AMOUNT` DOUBLE ``, as ksqlDB prints it."""
        return ", ".join([*(f"{key} KEY" for key in self.keys), *map(str, self.values), *map(str, self.headers)])

    def fields(self) -> list[dict[str, object]]:
        """The columns in the form of ksqlDB's REST API."""
        headers: list[dict[str, object]] = [
            {"name": each.name, "schema": schema(each.type), "type": "HEADER"} for each in self.headers
        ]
        return [*fields(self.keys, self.values), *headers]


def fields(keys: tuple[Column, ...], values: tuple[Column, ...]) -> list[dict[str, object]]:
    """`fields[]` of a description in ksqlDB's REST API: key columns carry ``"type": "KEY"``."""
    shown: list[dict[str, object]] = [
        {"name": column.name, "schema": schema(column.type), "type": "KEY"} for column in keys
    ]
    shown += [{"name": column.name, "schema": schema(column.type)} for column in values]
    return shown


@dataclass(frozen=True)
class Query:
    """A persistent query: what it reads and writes, the statement that made it, and whether PAUSE holds it."""

    id: str
    statement: str
    plan: QueryPlan
    paused: bool = False

    @property
    def source(self) -> str:
        """The name of the stream that it reads."""
        return self.plan.source.name

    @property
    def sink(self) -> str:
        """The name of the stream that it writes."""
        return self.plan.sink.name if self.plan.sink else ""


@dataclass(frozen=True)
class Metastore:
    """Sources by name and persistent queries by id, both in the order they were made; types that CREATE TYPE named."""

    sources: Mapping[str, Source] = field(default_factory=dict)
    queries: Mapping[str, Query] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)

    def source(self, name: str) -> Source | None:
        """The source of that name, or None."""
        return self.sources.get(name)

    def with_source(self, source: Source) -> Metastore:
        """Add a source, or put it in the place of the one with its name."""
        return replace(self, sources={**self.sources, source.name: source})

    def without_source(self, name: str) -> Metastore:
        """Remove a source."""
        return replace(self, sources={key: value for key, value in self.sources.items() if key != name})

    def with_query(self, query: Query) -> Metastore:
        """Add a query, or put it in the place of the one with its id."""
        return replace(self, queries={**self.queries, query.id: query})

    def without_query(self, query_id: str) -> Metastore:
        """Remove a query."""
        return replace(self, queries={key: value for key, value in self.queries.items() if key != query_id})

    def with_type(self, name: str, kind: Type) -> Metastore:
        """Add a type."""
        return replace(self, types={**self.types, name: kind})

    def without_type(self, name: str) -> Metastore:
        """Remove a type; columns that were declared with it keep theirs."""
        return replace(self, types={key: kind for key, kind in self.types.items() if key != name})

    def readers(self, name: str) -> list[Query]:
        """The queries that read a source."""
        return [query for query in self.queries.values() if query.source == name]

    def writers(self, name: str) -> list[Query]:
        """The queries that write a source."""
        return [query for query in self.queries.values() if query.sink == name]
