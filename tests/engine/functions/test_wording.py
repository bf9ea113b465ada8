"""Expressions in ksqlDB's messages."""

from __future__ import annotations

import pytest

from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse
from streamguard.engine.language.wording import text


def first(source: str) -> s.Expression:
    [statement] = parse(f"SELECT {source} FROM i EMIT CHANGES;")  # noqa: S608  ksql of a test
    assert isinstance(statement, s.Query)
    item = statement.query.items[0]
    assert isinstance(item, s.Item)
    return item.expression


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a + b * 2", "(A + (B * 2))"),
        ("`a b` = 'it''s'", "(`a b` = 'it''s')"),
        ("sum(x)", "SUM(X)"),
        ("NOT a AND b IS NOT NULL", "((NOT A) AND (B IS NOT NULL))"),
        ("a NOT BETWEEN 1 AND 2", "(NOT (A BETWEEN 1 AND 2))"),
        ("a IN (1, null, true)", "(A IN (1, null, true))"),
        ("a LIKE 'x' ESCAPE '!'", "(A LIKE 'x' ESCAPE '!')"),
        ("a IS NOT DISTINCT FROM b", "(A IS NOT DISTINCT FROM B)"),
        ("CASE a WHEN 1 THEN 'x' ELSE 'y' END", "(CASE A WHEN 1 THEN 'x' ELSE 'y' END)"),
        ("CAST(a AS DECIMAL(3, 1))", "CAST(A AS DECIMAL(3, 1))"),
        ("MAP('a' := ARRAY[1, 1E10])", "MAP('a':=ARRAY[1, 1.0E10])"),
        ("STRUCT(f := 1)->f", "STRUCT(F:=1)->F"),
        ("l[1]", "L[1]"),
        ("TRANSFORM(l, (x) => x + 1)", "TRANSFORM(L, (X) => (X + 1))"),
        ("-a", "-A"),
        ("i.a", "I.A"),
    ],
)
def test_text(source: str, expected: str) -> None:
    assert text(first(source)) == expected


def test_columns_can_be_told_with_their_source() -> None:
    assert text(first("abs(a) + i.b"), "T") == "(ABS(T.A) + I.B)"
