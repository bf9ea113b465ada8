"""Text to statements."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamguard.engine.language import printing
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.parse import parse, parse_one
from streamguard.errors import ParseError
from streamguard.project import variables_near

SHIPPED = sorted((Path(__file__).parents[3] / "ksql").rglob("*.sql"))
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
    assert parse(path.read_text(), variables_near(path))


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


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "ASSERT VALUES t (1);",
            "line 1:8: Syntax Error\nSyntax error at or near 'VALUES' at line 1:8\nStatement: ASSERT",
        ),
        ("SELECT a FROM t GROUP BY a, (b, c);", "line 1:31: Syntax Error\nmissing ')' at ','"),
        ("CREATE STREAM t (a INT (b));", "line 1:25: Syntax Error\nExpecting {'STRING', INTEGER_VALUE}\nStatement: "),
        ("CREATE STREAM t (a INT b);", "line 1:24: Syntax Error\nExpecting {',', ')'}"),
        ("SELCT a FROM t;", "line 1:1: Syntax Error\nUnknown statement 'SELCT'\nDid you mean 'SELECT'?"),
        ("SELECT 9999999999999999999 FROM t;", "Failed to prepare statement: line 1:9: Invalid numeric literal: 999"),
        ("SELECT a FROM t LIMIT .5;", "Failed to prepare statement: Value must be integer for command: LIMIT"),
        (
            "CREATE TABLE t (a INT KEY);",
            "Failed to prepare statement: Line: 1, Col: 17: Column `A` is a 'KEY' column: ",
        ),
    ],
)
def test_a_refusal_can_be_told_in_the_words_of_ksqldb(text: str, told: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    assert told in caught.value.told


def test_a_value_of_a_variable_is_one_word_and_ends_no_string() -> None:
    variables = {"name": "my_stream", "most": "-1.5", "said": "it's", "list": "'a', 'b'", "quoted": "`a b`"}
    assert parse_one("DROP STREAM ${name};", variables) == s.Drop("STREAM", "MY_STREAM")
    assert parse_one("DROP STREAM ${quoted};", variables) == s.Drop("STREAM", "a b")
    assert parse_one("SET 'a' = 'so ${said}';", variables) == s.SetProperty("a", "so it's")
    assert parse_one("INSERT INTO t VALUES (${most});", variables) == s.InsertValues(
        "T", None, (s.DecimalLiteral("-1.5"),)
    )
    with pytest.raises(ParseError, match="line 1, column 23: the value of"):
        parse("INSERT INTO t VALUES (${list});", variables)


def test_a_named_type_means_what_it_meant_when_the_statement_was_read() -> None:
    made = parse("CREATE TYPE p AS INT; CREATE STREAM a (x P) WITH (k='a'); DROP TYPE p;")[1]
    assert isinstance(made, s.CreateSource)
    assert made.columns[0].type == t.INTEGER
    assert parse_one("CREATE TYPE q AS ARRAY<P>;", types={"P": t.DATE}) == s.CreateType("Q", t.Array(t.DATE))


@pytest.mark.parametrize(
    ("text", "group"),
    [
        ("(a, b)", ("A", "B")),
        ("a, b", ("A", "B")),
        ("(a)", ("A",)),
        ("()", ()),
    ],
)
def test_keys_stand_in_one_pair_of_parentheses_or_in_none(text: str, group: tuple[str, ...]) -> None:
    query = parse_one(f"SELECT COUNT(*) FROM t GROUP BY {text} EMIT CHANGES;")  # noqa: S608
    assert isinstance(query, s.Query)
    assert query.query.group == tuple(map(s.Name, group))
    mixed = parse_one("SELECT COUNT(*) FROM t PARTITION BY (a + b) * c, (a IS NULL);")
    assert isinstance(mixed, s.Query)
    assert [type(each) for each in mixed.query.partition or ()] == [s.Binary, s.IsNull]


@pytest.mark.parametrize("clause", ["SELECT {} FROM t", "SELECT a FROM t WHERE {}", "INSERT INTO t VALUES (({}))"])
def test_a_chain_of_signs_that_is_taken_is_taken_again_when_it_is_printed(clause: str) -> None:
    taken = 0
    for length in range(50, 70):
        try:
            statement = parse_one(clause.format("NOT " * length + "a"))
        except ParseError as error:
            assert "nested more than 60 deep" in error.reason
            continue
        taken = length
        assert parse_one(printing.statement(statement)) == statement
    assert 55 < taken < 62


HERE = "look here"


@pytest.mark.parametrize(
    "text",
    [
        "SELECT ${x} FROM ${Y};",
        "SELECT '${ x }', \"${y}\", `${Y}` FROM a;",
        "-- ${z}\nSELECT 1 /* ${z} */ FROM a;",
        "DEFINE z = '5'; SELECT ${z}, '${Z}' FROM a;",
        "SELECT '${env:HOME}', '$z', '{z}' FROM a;",
    ],
)
def test_variables_that_are_defined_or_none_are_taken(text: str) -> None:
    assert parse(text, {"X": "1", "y": "b"}, defined_in=HERE)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("SELECT 1 FROM a;\nSELECT ${z} FROM a;", "line 2, column 8"),
        ("SELECT 'above ${z}' FROM a;", "line 1, column 15"),
        ("SELECT `${z}` FROM a;", "line 1, column 9"),
        ("SELECT '${x} ${z}' FROM a;", "line 1, column 14"),
        ("DEFINE z = '5'; UNDEFINE z; SELECT '${z}' FROM a;", "line 1, column 37"),
    ],
)
def test_a_variable_that_is_not_defined_is_refused_even_in_a_text(text: str, place: str) -> None:
    with pytest.raises(ParseError, match=rf"{place}: variable \$\{{z\}} is not defined: {HERE}"):
        parse(text, {"x": "1"}, defined_in=HERE)


def test_a_variable_that_is_nearly_defined_is_meant() -> None:
    with pytest.raises(ParseError, match=r"variable \$\{HighAmout\} is not defined \(did you mean high_amount\?\): "):
        parse("SELECT '${HighAmout}' FROM a;", {"high_amount": "1"}, defined_in=HERE)
