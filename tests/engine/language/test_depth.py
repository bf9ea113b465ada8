"""What is nested as deep as the parser takes it can also be planned, compiled and run."""

from __future__ import annotations

import pytest

from streamguard.engine.analysis.changes import CHANGING, change
from streamguard.engine.execution.topology import Record, Topology
from streamguard.engine.language import printing
from streamguard.engine.language.parse import parse_one
from streamguard.engine.language.parse_type import DEPTH
from tests.engine.records import applied
from tests.engine.sentences import SOURCES

DEEP = DEPTH - 3  # the statement, the query and the item of the list are nodes too
NESTS = {
    "+": "a" + " + a" * DEEP,
    "+ of decimals": "d" + " + d" * DEEP,
    "+ of texts": "t" + " + t" * DEEP,
    "/": "c" + " / c" * DEEP,
    "-": "- " * DEEP + "a",
    "NOT": "NOT " * DEEP + "f",
    "(": "(" * DEEP + "a" + ")" * DEEP,
    "=": "(f = " * DEEP + "f" + ")" * DEEP,
    "IS NULL": "(" * DEEP + "a" + " IS NULL)" * DEEP,
    "AND, OR": "(f AND (f OR " * (DEEP // 2) + "f" + "))" * (DEEP // 2),
    "CASE": "CASE WHEN f THEN " * DEEP + "a" + " END" * DEEP,
    "ELSE": "CASE WHEN f THEN 1 ELSE " * DEEP + "a" + " END" * DEEP,
    "CAST": "CAST(" * DEEP + "a" + " AS BIGINT)" * DEEP,
    "a function": "ABS(" * DEEP + "a" + ")" * DEEP,
    "a function of many": "CONCAT('x', " * DEEP + "t" + ")" * DEEP,
    "ARRAY": "ARRAY[" * DEEP + "a" + "]" * DEEP,
    "STRUCT": "STRUCT(p := " * DEEP + "a" + ")" * DEEP,
    "MAP": "MAP('a' := " * DEEP + "a" + ")" * DEEP,
    "an element": "l[" * DEEP + "1" + "]" * DEEP,
    "a lambda": "TRANSFORM(l, x => " * 12 + "1" + ")" * 12,
}


@pytest.mark.parametrize("expression", NESTS.values(), ids=NESTS)
def test_the_deepest_nest_that_is_taken_runs(expression: str) -> None:
    statement = parse_one(f"CREATE STREAM z AS SELECT k, {expression} AS v FROM s;")  # noqa: S608
    assert isinstance(statement, CHANGING)
    assert parse_one(printing.statement(statement)) == statement
    query = change(statement, applied(SOURCES), 1).query
    assert query is not None
    errors: list[str] = []
    topology = Topology({"q": query.plan}, lambda _record, _query, reason: errors.append(reason))
    value = b'{"a":1,"b":2,"c":1.5,"d":1.25,"t":"x","f":true,"l":[1,2]}'
    [(topic, record)] = topology.process("s", Record(value, b"k"))
    assert (topic, errors) == ("Z", [])
    assert record.raw_value is not None
    assert b"null" not in record.raw_value
