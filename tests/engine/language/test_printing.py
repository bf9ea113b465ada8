"""A printed tree parses to the same tree."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from streamguard.engine.language import printing
from streamguard.engine.language import syntax as s
from streamguard.engine.language.parse import parse, parse_one
from streamguard.errors import ParseError
from tests.engine.trees import STATEMENTS

QTT = Path(__file__).parents[4] / "shared" / "qtt"  # ksqlDB's own cases, which are no part of this repository


@pytest.mark.slow
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


@pytest.mark.skipif(not QTT.is_dir(), reason="ksqlDB's own cases are not here")
@pytest.mark.slow
def test_every_statement_of_ksqldbs_own_cases_is_taken_and_prints_as_itself() -> None:
    seen: set[str] = set()
    for file in ("cases.jsonl.gz", "rest-cases.jsonl.gz"):
        for line in gzip.decompress((QTT / file).read_bytes()).splitlines():
            case = json.loads(line)
            try:
                statements = parse("\n".join(case["statements"]))
            except ParseError:
                assert case.get("expectedException") or case.get("expectedError"), case["id"]
                continue
            for statement in statements:
                if statement.text not in seen:
                    seen.add(statement.text)
                    assert parse_one(printing.statement(statement)) == statement, statement.text
    assert len(seen) > 2000
