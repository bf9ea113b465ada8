"""What INSERT VALUES converts for a column, and what it refuses."""

from __future__ import annotations

import orjson
import pytest

from streamguard.engine.execution.inserts import insert
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.errors import AnalysisError
from tests.engine.records import applied

METASTORE = applied("""
    CREATE STREAM x (i INT, b BIGINT, d DOUBLE, e DECIMAL(6, 2), s STRING, t BOOLEAN, da DATE, ti TIME, ts TIMESTAMP,
      y BYTES, l ARRAY<BIGINT>, m MAP<STRING, DOUBLE>, st STRUCT<f BIGINT, g STRING>)
      WITH (KAFKA_TOPIC = 'x', VALUE_FORMAT = 'JSON');
""")


def written(column: str, value: str) -> object:
    [statement] = parse(f"INSERT INTO x ({column}) VALUES ({value});")  # noqa: S608  ksql of a test
    assert isinstance(statement, s.InsertValues)
    made = insert(statement, METASTORE, {}, 0)
    assert made.value is not None
    return orjson.loads(made.value)[column.upper()]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("b", "1", 1),
        ("d", "1", 1.0),
        ("d", "1.5", 1.5),
        ("e", "1", 1.0),
        ("e", "1.255", 1.26),
        ("i", "ABS(-3) + 1", 4),
        ("s", "CONCAT('a', 'b')", "ab"),
        ("da", "'1970-01-02'", 1),
        ("ti", "'00:00:01'", 1000),
        ("ts", "'1970-01-01T00:00:01'", 1000),
        ("y", "'YQ=='", "YQ=="),
        ("l", "ARRAY[1, null]", [1, None]),
        ("m", "MAP('a' := 1)", {"a": 1.0}),
        ("st", "STRUCT(f := 1)", {"F": 1, "G": None}),
        ("s", "null", None),
    ],
)
def test_values_become_those_of_the_column(column: str, value: str, expected: object) -> None:
    assert written(column, value) == expected


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("i", "'1'", "Expected type INTEGER for field `I` but got STRING('1')"),
        ("s", "1", "Expected type STRING for field `S` but got INTEGER(1)"),
        ("i", "2147483648", "Expected type INTEGER for field `I` but got BIGINT(2147483648)"),
        ("b", "1.5", "Expected type BIGINT for field `B` but got DECIMAL(2, 1)(1.5)"),
        ("t", "'true'", "Expected type BOOLEAN for field `T` but got STRING('true')"),
        ("l", "ARRAY['x']", "Expected type ARRAY<BIGINT> for field `L` but got ARRAY<STRING>(ARRAY['x'])"),
        ("st", "STRUCT(h := 1)", "Expected type STRUCT<`F` BIGINT, `G` STRING> for field `ST`"),
        ("y", "'?'", "Expected type BYTES for field `Y` but got STRING('?')"),
        ("e", "12345.678", "Failed to insert values into 'X'. Numeric field overflow"),
        ("da", "'tomorrow'", "Failed to insert values into 'X'. a text is not a date"),
    ],
)
def test_what_is_no_value_of_the_column_is_refused(column: str, value: str, words: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        written(column, value)
    assert words in str(refused.value)
