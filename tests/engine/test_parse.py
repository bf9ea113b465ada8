"""Text to statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamguard.engine import syntax as s
from streamguard.engine.parse import parse, parse_one
from streamguard.errors import ParseError

SHIPPED = sorted((Path(__file__).parents[2] / "ksql").rglob("*.sql"))
WORDS = [
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "AS",
    "PARTITION",
    "BY",
    "EMIT",
    "CHANGES",
    "LIMIT",
    "CREATE",
    "STREAM",
    "TABLE",
    "WITH",
    "KEY",
    "INSERT",
    "INTO",
    "STRUCT",
    "STRING",
    "INT",
    "->",
    "(",
    ")",
    "<",
    ">",
    ",",
    ";",
    ".",
    "=",
    "*",
    "-",
    "+",
    "'x'",
    "`q`",
    "1",
    "1.5",
    "1E3",
    "a",
    "b",
    "${v}",
    "AS_VALUE",
    "SET",
    "DROP",
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_every_shipped_statement_parses(path: Path) -> None:
    assert parse(path.read_text())


def test_each_statement_knows_its_text_and_its_place_in_the_whole() -> None:
    first, second = parse("SET 'a'='b'; -- why\n  SHOW STREAMS ;;\n")
    assert (first.text, first.place.line, first.place.column) == ("SET 'a'='b'", 1, 1)
    assert (second.text, second.place.line, second.place.column) == ("SHOW STREAMS", 2, 3)


def test_an_error_in_a_later_statement_has_its_line_of_the_whole_text() -> None:
    with pytest.raises(ParseError) as caught:
        parse("SHOW STREAMS;\nSHOW STREMS;")
    assert (caught.value.line, caught.value.column) == (2, 6)
    assert "did you mean STREAMS?" in caught.value.reason


def test_a_variable_is_known_from_its_define_to_its_undefine() -> None:
    statements = parse("DEFINE x = 'S'; DROP STREAM ${x};")
    assert statements[1] == s.Drop("STREAM", "S")
    with pytest.raises(ParseError, match="line 3, column 13: variable"):
        parse("DEFINE x = 'S';\nUNDEFINE x;\nDROP STREAM ${x};")


def test_a_semicolon_in_a_string_or_comment_ends_nothing() -> None:
    assert parse("SET 'a' = ';' -- ;\n/* ; */;") == [s.SetProperty("a", ";")]


def test_one_statement_is_not_two() -> None:
    with pytest.raises(ParseError, match="expected one statement, found 2"):
        parse_one("SHOW STREAMS; SHOW TABLES;")


def test_very_deep_nesting_is_refused_and_not_a_crash() -> None:
    for text in ("(" * 5000 + "1" + ")" * 5000, "NOT " * 5000 + "a", "- " * 5000 + "a", "a" + "->b" * 5000):
        try:
            parse(f"SELECT {text} FROM t;")  # noqa: S608
        except ParseError as error:
            assert "deep" in error.reason
    with pytest.raises(ParseError, match="deep"):
        parse("CREATE STREAM x (a " + "ARRAY<" * 5000 + "INT" + ">" * 5000 + ")")


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join) | st.text(max_size=30))
@example("SELECT")
@example("CREATE STREAM x (a STRUCT<")
def test_any_text_gives_statements_or_one_clean_refusal(text: str) -> None:
    try:
        parse(text)
    except ParseError as error:
        assert error.line >= 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT {} FROM x",
        "SELECT a FROM x EMIT CHANGES LIMIT {}",
        "SELECT {}.5 FROM x",
        "CREATE STREAM x (a DECIMAL({}))",
    ],
)
def test_a_number_of_thousands_of_digits_is_refused_where_it_stands(text: str) -> None:
    with pytest.raises(ParseError, match=r"line 1, column \d+: a number has at most 400 digits"):
        parse(text.format("9" * 5000))
