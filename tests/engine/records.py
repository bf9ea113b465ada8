"""Records in memory for the engine's core: what a consumer would give it, and what it would write."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, Query, Source
from streamguard.engine.analysis.plan import QueryPlan, plan
from streamguard.engine.execution.compile import compile_source
from streamguard.engine.execution.topology import Record
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.parse import parse


@dataclass
class Written:
    """What the queries produced, and what they reported."""

    records: list[tuple[str, Record]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def produce(
        self, topic: str, *, value: bytes | None, key: bytes | None, timestamp: int, headers: Any = None
    ) -> None:
        self.records.append((topic, Record(value, key, timestamp, with_headers=headers)))

    def on_error(self, message: Any, query: str, reason: str) -> None:
        self.errors.append((query, reason))

    def to(self, topic: str) -> list[Record]:
        return [record for other, record in self.records if other == topic]

    def values(self, topic: str) -> list[Any]:
        return [None if record.raw_value is None else orjson.loads(record.raw_value) for record in self.to(topic)]


def applied(
    text: str, variables: Mapping[str, str] | None = None, session: Mapping[str, str] | None = None
) -> Metastore:
    """The metastore after the statements of the text; ids count from 0, those of push queries too."""
    metastore, properties = Metastore(), dict(session or {})
    for statement in parse(text, variables):
        match statement:
            case s.SetProperty(name=name, value=str(value)):
                properties[name] = value
            case s.Query():
                made = plan(statement, metastore, properties)
                assert isinstance(made, QueryPlan)
                metastore = metastore.with_query(Query(f"QUERY_{len(metastore.queries)}", statement.text, made))
            case _ if isinstance(statement, CHANGING):
                metastore = change(statement, metastore, len(metastore.queries), properties).metastore
    return metastore


def run(metastore: Metastore, topic: str, records: Sequence[Record]) -> Written:
    """Give the records of one topic to all queries that read it."""
    written = Written()
    plans = {query.id: query.plan for query in metastore.queries.values() if query.plan.source.topic == topic}
    if plans:
        compile_source(plans)(records, written.produce, written.on_error)
    return written


def key_bytes(source: Source, key: Any) -> bytes | None:
    """A key as a producer of that source would write it."""
    if key is None:
        return None
    if source.key_format == "JSON":
        return orjson.dumps(key)
    kind = source.keys[0].type if source.keys else t.STRING
    codes: dict[t.Type, str] = {t.INTEGER: ">i", t.BIGINT: ">q", t.DOUBLE: ">d"}
    return struct.pack(codes[kind], key) if kind in codes else str(key).encode()
