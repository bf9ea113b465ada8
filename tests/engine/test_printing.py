"""A printed tree parses to the same tree."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from streamguard.engine import printing
from streamguard.engine import syntax as s
from streamguard.engine.parse import parse_one
from tests.engine.trees import STATEMENTS


@settings(max_examples=300, deadline=None)
@given(statement=STATEMENTS)
def test_a_printed_statement_parses_to_the_same_tree(statement: s.Statement) -> None:
    text = printing.statement(statement)
    assert parse_one(text) == statement
    assert printing.statement(parse_one(text)) == text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("select a+b*c from t", "SELECT A + (B * C) FROM T"),
        ("select (a+b)*c x from t emit changes", "SELECT (A + B) * C AS X FROM T EMIT CHANGES"),
        ("select not a = 1 and b or c from t", "SELECT ((NOT (A = 1)) AND B) OR C FROM T"),
        ("select - -1, -a, 1e3, .5 from t", "SELECT - (-1), - A, 1000.0E0, .5 FROM T"),
        ('select `a b`, t."c", s->`end` from t limit 3', "SELECT `a b`, T.`c`, S->`end` FROM T LIMIT 3"),
        ("drop stream if exists x delete topic", "DROP STREAM IF EXISTS X DELETE TOPIC"),
        ("list queries extended", "SHOW QUERIES EXTENDED"),
    ],
)
def test_printing_shows_the_precedence(text: str, printed: str) -> None:
    assert printing.statement(parse_one(text)) == printed
