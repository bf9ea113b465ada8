"""Statements in the form that ksqlDB shows."""

from __future__ import annotations

from streamguard.engine.language import syntax as s
from streamguard.engine.language.formatter import formatted
from streamguard.engine.language.parse import parse


def shown(text: str) -> str:
    (statement,) = parse(text)
    assert isinstance(statement, s.CreateAs | s.InsertInto)
    return formatted(statement)


def test_columns_have_their_source_and_every_item_a_name() -> None:
    text = "create stream o with (partitions=2, value_format='JSON') as select a, b + 1 as c, b->f from i where a > 1;"
    assert shown(text) == (
        "CREATE STREAM O WITH (PARTITIONS=2, VALUE_FORMAT='JSON') AS SELECT\n"
        "  I.A A,\n  (I.B + 1) C,\n  I.B->F F\n"
        "FROM I I\nWHERE (I.A > 1)\nEMIT CHANGES"
    )


def test_aggregates_and_windows() -> None:
    text = (
        "CREATE TABLE t AS SELECT k, COUNT(*) FROM s x WINDOW TUMBLING (SIZE 1 MINUTE) GROUP BY k HAVING COUNT(*) > 1;"
    )
    assert shown(text) == (
        "CREATE TABLE T AS SELECT\n  X.K K,\n  COUNT(*) KSQL_COL_1\nFROM S X\n"
        "WINDOW TUMBLING ( SIZE 1 MINUTES ) \nGROUP BY X.K\nHAVING (COUNT(*) > 1)\nEMIT CHANGES"
    )


def test_a_star_stands_on_the_first_line() -> None:
    assert shown("INSERT INTO `o` SELECT * FROM i;") == "INSERT INTO `o` SELECT *\nFROM I I\nEMIT CHANGES"
