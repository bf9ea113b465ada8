"""What pull queries may ask, the keys that they look up, and the table that they read."""

# ruff: noqa: S608  statements are made of clauses that the tests chose

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.analysis.metastore import Metastore, SourceWindow
from streamguard.engine.execution.pull import RANGES, SCANS, Pull, disjuncts, pull
from streamguard.engine.execution.topology import Record
from streamguard.engine.execution.views import Table
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse, parse_one
from streamguard.errors import AnalysisError

SOURCES = """
CREATE STREAM events (id INT KEY, kind STRING, n INT) WITH (KAFKA_TOPIC='events', VALUE_FORMAT='JSON');
CREATE TABLE declared (id INT PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='declared', VALUE_FORMAT='JSON');
CREATE TABLE counted AS SELECT id, COUNT(*) AS n FROM events GROUP BY id;
CREATE TABLE kinds AS SELECT kind, COUNT(*) AS n FROM events GROUP BY kind;
CREATE TABLE pairs WITH (KEY_FORMAT='JSON') AS SELECT id, kind, COUNT(*) AS n FROM events GROUP BY id, kind;
CREATE TABLE hourly AS SELECT id, COUNT(*) AS n FROM events WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY id;
"""
NO_SCANS = {SCANS: "false"}


@pytest.fixture(scope="module")
def metastore() -> Metastore:
    made = Metastore()
    for number, statement in enumerate(parse(SOURCES)):
        assert isinstance(statement, CHANGING)
        made = change(statement, made, number).metastore
    return made


def asked(text: str, metastore: Metastore, session: Mapping[str, str] | None = None) -> Pull:
    statement = parse_one(text)
    assert isinstance(statement, s.Query)
    return pull(statement, metastore, session or {})


def key(number: int) -> bytes:
    return struct.pack(">i", number)


@pytest.mark.parametrize(
    ("where", "keys"),
    [
        ("id = 3", {key(3)}),
        ("3 = id", {key(3)}),
        ("id = 1 + 2", {key(3)}),
        ("id IN (1, 2)", {key(1), key(2)}),
        ("id = 1 OR id = 2", {key(1), key(2)}),
        ("id = 1 AND n > 4", {key(1)}),
        ("(id = 1 OR id = 2) AND (n = 1 OR n = 2)", {key(1), key(2)}),
    ],
)
def test_keys_that_are_named_are_looked_up(metastore: Metastore, where: str, keys: set[bytes]) -> None:
    assert asked(f"SELECT * FROM counted WHERE {where};", metastore).keys == frozenset(keys)


@pytest.mark.parametrize(
    "where", ["n = 3", "id > 3", "id = 1 OR n = 2", "id <> 1", "NOT id = 1", "id + 1 = 2", "id = n"]
)
def test_everything_else_is_a_scan(metastore: Metastore, where: str) -> None:
    assert asked(f"SELECT * FROM counted WHERE {where};", metastore).keys is None
    with pytest.raises(AnalysisError, match="table scan"):
        asked(f"SELECT * FROM counted WHERE {where};", metastore, NO_SCANS)


def test_a_key_of_several_columns_needs_all_of_them(metastore: Metastore) -> None:
    assert asked("SELECT * FROM pairs WHERE id = 1 AND kind = 'a';", metastore).keys == frozenset(
        [b'{"ID":1,"KIND":"a"}']
    )
    assert asked("SELECT * FROM pairs WHERE id = 1;", metastore).keys is None
    with pytest.raises(AnalysisError, match="Multi-column sources must specify every key"):
        asked("SELECT * FROM pairs WHERE id = 1;", metastore, NO_SCANS)


def test_a_range_of_texts_is_no_scan(metastore: Metastore) -> None:
    assert asked("SELECT * FROM kinds WHERE kind >= 'a';", metastore, NO_SCANS).keys is None
    with pytest.raises(AnalysisError, match="must currently be '='"):
        asked("SELECT * FROM kinds WHERE kind >= 'a';", metastore, {**NO_SCANS, RANGES: "false"})
    for where in ("kind > 'a' AND kind < 'b'", "kind < 'a' OR kind > 'b'"):
        with pytest.raises(AnalysisError):
            asked(f"SELECT * FROM kinds WHERE {where};", metastore, NO_SCANS)


@pytest.mark.parametrize(
    ("select", "reason"),
    [
        ("SELECT * FROM declared;", "The `DECLARED` table isn't queryable."),
        ("SELECT * FROM counted WHERE id IN ('1', 2);", "'1' can not be converted to the type of the key column"),
        ("SELECT * FROM counted WHERE id IN (NULL);", "Primary key columns can not be NULL"),
        ("SELECT COUNT(*) FROM counted GROUP BY id;", "Pull queries don't support GROUP BY clauses."),
        ("SELECT * FROM counted WINDOW TUMBLING (SIZE 1 SECOND);", "Pull queries don't support WINDOW clauses."),
        ("SELECT * FROM counted LIMIT -1;", "negative integers in the LIMIT clause"),
        ("SELECT id, ROWOFFSET FROM events;", "the following columns in SELECT clauses: `ROWOFFSET`"),
        ("SELECT * FROM counted WHERE ROWPARTITION = 1;", "the following columns in WHERE clauses: `ROWPARTITION`"),
    ],
)
def test_what_a_pull_query_can_not_ask(metastore: Metastore, select: str, reason: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        asked(select, metastore)
    assert reason in str(refused.value)


def test_a_source_table_is_queryable_and_shows_its_headers(metastore: Metastore) -> None:
    columns = "id INT PRIMARY KEY, n INT, h BYTES HEADER('abc')"
    statement = parse_one(f"CREATE SOURCE TABLE own ({columns}) WITH (KAFKA_TOPIC='own', VALUE_FORMAT='JSON');")
    assert isinstance(statement, s.CreateSource)
    made = asked("SELECT * FROM own WHERE id = 3;", change(statement, metastore, 99).metastore)
    assert (made.keys, made.marks) == (frozenset([key(3)]), ["KEY", "", "HEADER('abc')"])


def test_keys_and_bounds_of_windows_are_marked(metastore: Metastore) -> None:
    hourly = asked("SELECT * FROM hourly WHERE id = 1;", metastore)
    assert [column.name for column in hourly.plan.columns] == ["ID", "WINDOWSTART", "WINDOWEND", "N"]
    assert hourly.marks == ["KEY", "KEY", "KEY", ""]
    assert asked("SELECT * FROM events;", metastore).marks == ["", "", ""]


NAMES = st.sampled_from("abc").map(s.Name)
CLAUSES = st.recursive(
    NAMES, lambda inner: st.builds(s.Binary, st.sampled_from(["AND", "OR"]), inner, inner), max_leaves=8
)


def holds(node: s.Expression, true: frozenset[str]) -> bool:
    if isinstance(node, s.Name):
        return node.name in true
    assert isinstance(node, s.Binary)
    both = (holds(node.left, true), holds(node.right, true))
    return all(both) if node.operator == "AND" else any(both)


@given(CLAUSES, st.frozensets(st.sampled_from("abc")))
def test_the_alternatives_of_a_clause_mean_the_clause(node: s.Expression, true: frozenset[str]) -> None:
    assert holds(node, true) == any(all(holds(part, true) for part in parts) for parts in disjuncts(node))


def counted(metastore: Metastore, window: SourceWindow | None = None, retention: int | None = None) -> Table:
    source = metastore.source("HOURLY" if window else "COUNTED")
    assert source is not None
    return Table(source, retention)


def test_a_view_has_the_last_record_of_each_key(metastore: Metastore) -> None:
    table = counted(metastore)
    for time, (name, value) in enumerate([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"4"), (b"c", None)]):
        table.take(Record(value, name, time))
    assert [(each.raw_key, each.raw_value) for each in table.records(None)] == [(b"a", b"3"), (b"b", b"2")]
    assert [each.raw_value for each in table.records({b"b", b"c", b"d"})] == [b"2"]


def test_windows_of_a_key_are_found_together_and_forgotten_by_age(metastore: Metastore) -> None:
    table = counted(metastore, SourceWindow("TUMBLING", 10), retention=100)
    for start in (0, 50, 150):
        table.take(Record(b"{}", key(1) + struct.pack(">q", start), start))
    assert [each.time for each in table.records({key(1)})] == [0, 50, 150]
    table.expire()
    assert [each.time for each in table.records({key(1)})] == [150]
    table.take(Record(None, key(1) + struct.pack(">q", 150), 151))
    assert table.records(None) == []
    assert table.rows == {}
