"""What a ksql server has: streams, tables, queries and types, as its REST API tells, ours and ksqlDB's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

from streamguard.engine.analysis.changes import change
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.client.entities import type_text
from streamguard.engine.client.http import KsqlClient
from streamguard.engine.language import syntax as s
from streamguard.engine.language.canonical import MADE, Made
from streamguard.engine.language.parse import parse_one
from streamguard.engine.language.types import Type, quoted
from streamguard.errors import StatementError

ASKED = "SHOW STREAMS EXTENDED; SHOW TABLES EXTENDED; SHOW QUERIES; SHOW TYPES;"
PERSISTENT = "PERSISTENT"
SERVERS_OWN = frozenset(("CLEANUP_POLICY",))
"""Properties that ksqlDB shows and takes from nobody."""


@dataclass(frozen=True)
class DeployedQuery:
    """A persistent query: its id, the text that made it, and the statement if our parser takes it."""

    id: str
    text: str
    sink: str
    statement: Made | None = None

    @property
    def is_insert(self) -> bool:
        """Whether INSERT INTO made it, so that its sink is another statement's."""
        return isinstance(self.statement, s.InsertInto) or self.text.lstrip()[:6].upper() == "INSERT"


@dataclass(frozen=True)
class DeployedSource:
    """A stream or table. `columns` are name, type as text, and whether it is of the key."""

    name: str
    kind: str
    topic: str
    formats: tuple[str, str]
    columns: tuple[tuple[str, str, bool], ...]
    text: str
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    statement: Made | None = None


@dataclass(frozen=True)
class Deployed:
    """Everything that statements made on one server, by name and by id; `types` as text."""

    sources: Mapping[str, DeployedSource] = field(default_factory=dict)
    queries: Mapping[str, DeployedQuery] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)

    def columns(self) -> dict[str, tuple[str, ...]]:
        """The names of the columns of every source."""
        return {name: tuple(column[0] for column in each.columns) for name, each in self.sources.items()}

    def metastore(self) -> Metastore:
        """As much of it as our own analysis takes, for planning against."""
        after = Metastore(types=types_of(self.types))
        waiting = [each.statement for each in self.sources.values() if each.statement is not None]
        waiting += [each.statement for each in self.queries.values() if isinstance(each.statement, s.InsertInto)]
        while waiting:
            later: list[Made] = []
            for number, statement in enumerate(waiting):
                try:
                    after = change(statement, after, number).metastore
                except StatementError:
                    later.append(statement)
            if len(later) == len(waiting):
                break
            waiting = later
        return after


def read(client: KsqlClient) -> Deployed:
    """Ask a server."""
    streams, tables, queries, types = client.ksql(ASKED)
    described = [*streams.get("sourceDescriptions", ()), *tables.get("sourceDescriptions", ())]
    named = {name: type_text(schema) for name, schema in (types.get("types") or {}).items()}
    known = types_of(named)
    return Deployed(
        {str(each["name"]).strip("`"): _source(each, known) for each in described},
        {str(each["id"]): _query(each, known) for each in _persistent(queries.get("queries", ()))},
        named,
    )


def types_of(texts: Mapping[str, str]) -> dict[str, Type]:
    """Types by name, of those that our parser takes."""
    found: dict[str, Type] = {}
    for name, text in texts.items():
        with suppress(StatementError):
            made = parse_one(f"CREATE TYPE {quoted(name)} AS {text}")
            assert isinstance(made, s.CreateType)
            found[name] = made.type
    return found


def _persistent(rows: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    return (row for row in rows if str(row.get("queryType", PERSISTENT)) == PERSISTENT)


def _source(described: Mapping[str, Any], types: Mapping[str, Type]) -> DeployedSource:
    text = str(described.get("statement") or "")
    return DeployedSource(
        str(described["name"]).strip("`"),
        str(described["type"]),
        str(described["topic"]),
        (str(described.get("keyFormat")), str(described.get("valueFormat"))),
        tuple(_column(each) for each in described.get("fields") or () if each.get("type") != "HEADER"),
        text,
        tuple(str(each["id"]) for each in described.get("readQueries") or ()),
        tuple(str(each["id"]) for each in described.get("writeQueries") or ()),
        _parsed(text, types),
    )


def _column(described: Mapping[str, Any]) -> tuple[str, str, bool]:
    return str(described["name"]).strip("`"), type_text(described["schema"]), described.get("type") == "KEY"


def _query(row: Mapping[str, Any], types: Mapping[str, Type]) -> DeployedQuery:
    text = str(row.get("queryString") or "")
    sinks = row.get("sinks") or [""]
    return DeployedQuery(str(row["id"]), text, str(sinks[0]).strip("`"), _parsed(text, types))


def _parsed(text: str, types: Mapping[str, Type]) -> Made | None:
    """The statement, if it is one that our parser takes and that makes something."""
    try:
        statement = parse_one(text, types=types)
    except (StatementError, RecursionError):
        return None
    if not isinstance(statement, MADE):
        return None
    given = tuple(each for each in statement.properties if each.name not in SERVERS_OWN)
    return replace(statement, properties=given)
