"""What a shell offers while a statement is typed: keywords, and the names that a server has. Pure but for `ask`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamguard.engine.client.http import KsqlClient
from streamguard.engine.language.pieces import pieces
from streamguard.engine.language.printing import name as printed_name
from streamguard.engine.language.reader import RESERVED
from streamguard.engine.language.types import text_literal

ASKED = "SHOW STREAMS EXTENDED; SHOW TABLES EXTENDED; SHOW TOPICS; SHOW QUERIES; SHOW FUNCTIONS; SHOW PROPERTIES;"
# fmt: off
MORE_WORDS = (
    "ADVANCE", "ALTER", "ARRAY", "ASSERT", "BIGINT", "BOOLEAN", "BYTES", "CHANGES", "COLUMN", "DATE", "DECIMAL",
    "DEFINE", "DOUBLE", "EMIT", "EXPLAIN", "FINAL", "FUNCTION", "GRACE", "HEADERS", "HOPPING", "IF", "INTEGER",
    "KEY", "LIST", "MAP", "PARTITION", "PAUSE", "PERIOD", "PRIMARY", "PROPERTIES", "QUERIES", "REPLACE",
    "RESUME", "RETENTION", "RUN", "SCRIPT", "SESSION", "SET", "SHOW", "SIZE", "SOURCE", "STREAMS", "STRING",
    "STRUCT", "TABLES", "TIMESTAMP", "TOPIC", "TOPICS", "TUMBLING", "TYPE", "TYPES", "UNDEFINE", "VARCHAR",
    "VARIABLES",
)
# fmt: on
KEYWORDS = tuple(sorted({*RESERVED, *MORE_WORDS}))
SHOWN = ("STREAMS", "TABLES", "TOPICS", "QUERIES", "FUNCTIONS", "PROPERTIES", "VARIABLES", "TYPES", "ALL TOPICS")
AFTER_SOURCE = frozenset(("FROM", "JOIN", "INTO", "DESCRIBE", "STREAM", "TABLE"))
AFTER_QUERY = frozenset(("TERMINATE", "PAUSE", "RESUME", "EXPLAIN"))
TYPED = re.compile(r"[`'\"]?[\w.@-]*\Z")
WORD = re.compile(r"[A-Za-z_][\w@]*")


@dataclass(frozen=True)
class Names:
    """What a server has. `columns` by source."""

    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    topics: Sequence[str] = ()
    queries: Sequence[str] = ()
    functions: Sequence[str] = ()
    properties: Sequence[str] = ()


@dataclass(frozen=True)
class Offer:
    """A word to take the place of the last `typed` characters; `kind` says what it is."""

    word: str
    typed: int
    kind: str


def ask(client: KsqlClient) -> Names:
    """Ask a server for its names."""
    streams, tables, topics, queries, functions, properties = client.ksql(ASKED)
    described = [*streams.get("sourceDescriptions", ()), *tables.get("sourceDescriptions", ())]
    return Names(
        {_bare(each["name"]): [_bare(column["name"]) for column in each.get("fields") or ()] for each in described},
        _each(topics.get("topics"), "name"),
        _each(queries.get("queries"), "id"),
        _each(functions.get("functions"), "name"),
        [each for each in _each(properties.get("properties"), "name") if "." in each],
    )


def offers(before: str, names: Names) -> list[Offer]:
    """What fits behind the text before the cursor."""
    found = pieces(before)
    statement = found[-1].text if found and not found[-1].ended else ""
    match = TYPED.search(before)
    typed = match[0] if match is not None else ""
    done = statement[: len(statement) - len(typed)] if typed and statement.endswith(typed) else statement
    previous = [word.upper() for word in WORD.findall(done)]
    chosen = _quoted(typed, previous, names) if typed[:1] in ("'", '"', "`") else _bare_words(typed, previous, names)
    seen: dict[str, Offer] = {}
    for word, kind in chosen:
        seen.setdefault(word, Offer(word, len(typed), kind))
    return list(seen.values())


def _quoted(typed: str, previous: Sequence[str], names: Names) -> Iterator[tuple[str, str]]:
    """Inside quotes: properties after SET, topics after PRINT, names of columns and sources in backquotes."""
    last, quote = previous[-1] if previous else "", typed[0]
    known: Iterable[str] = ()
    if quote == "`":
        known = [*names.columns, *(column for columns in names.columns.values() for column in columns)]
    elif last in ("SET", "UNSET"):
        known = names.properties
    elif last in ("PRINT", "KAFKA_TOPIC", "TOPIC"):
        known = names.topics
    for each in known:
        if each.lower().startswith(typed[1:].lower()):
            yield f"{quote}{each}{quote}", "property" if last in ("SET", "UNSET") else "name"


def _bare_words(typed: str, previous: Sequence[str], names: Names) -> Iterator[tuple[str, str]]:
    last = previous[-1] if previous else ""
    source, dot, _ = typed.rpartition(".")
    if dot:
        known = _columns_of(source.upper(), previous, names)
        yield from _fitting([f"{source}.{printed_name(each)}" for each in known], typed, "column")
        return
    if last in ("SET", "UNSET"):
        yield from _fitting([text_literal(each) for each in names.properties], f"'{typed}", "property")
    elif last == "PRINT":
        yield from _fitting([text_literal(each) for each in names.topics], f"'{typed}", "topic")
    elif last in ("SHOW", "LIST"):
        yield from _fitting(SHOWN, typed, "keyword")
    elif last in AFTER_QUERY:
        yield from _fitting([*map(printed_name, names.queries), "ALL"], typed, "query")
    elif last in AFTER_SOURCE:
        yield from _fitting(map(printed_name, names.columns), typed, "source")
        yield from _fitting(("EXTENDED", "FUNCTION", "IF"), typed, "keyword")
    elif typed:
        yield from _anything(typed, previous, names)


def _anything(typed: str, previous: Sequence[str], names: Names) -> Iterator[tuple[str, str]]:
    """Columns of the sources that the statement names come first; all others only once it names none."""
    used = [source for source in names.columns if source in previous] or list(names.columns)
    columns = (printed_name(column) for source in used for column in names.columns[source])
    if previous:
        yield from _fitting(columns, typed, "column")
    yield from _fitting(KEYWORDS, typed, "keyword")
    if previous:
        yield from _fitting(map(printed_name, names.columns), typed, "source")
        yield from _fitting(names.functions, typed, "function")


def _columns_of(source: str, previous: Sequence[str], names: Names) -> Sequence[str]:
    """Of a source, or of the one that the alias stands for: the word before the alias."""
    if source in names.columns:
        return names.columns[source]
    for number, word in enumerate(previous):
        before = [each for each in previous[max(0, number - 2) : number] if each in names.columns]
        if word == source and before:
            return names.columns[before[-1]]
    return ()


def _fitting(words: Iterable[str], typed: str, kind: str) -> Iterator[tuple[str, str]]:
    """Those that begin with what is typed, in its case: ``sel`` becomes ``select``."""
    lower = typed.islower()
    for word in words:
        if word.lower().startswith(typed.lower()):
            yield word.lower() if lower and not word.startswith(("`", "'")) else word, kind


def _each(rows: Iterable[Mapping[str, Any]] | None, key: str) -> list[str]:
    return [str(row[key]) for row in rows or () if key in row]


def _bare(name: object) -> str:
    return str(name).strip("`")
