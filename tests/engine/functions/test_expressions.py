"""Arithmetic, casts, comparisons, CASE and predicates: ksqlDB's types and Java's numbers."""

from __future__ import annotations

import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.resolve import decimal_result
from streamguard.engine.language import types as t
from streamguard.engine.values import casts
from streamguard.errors import AnalysisError
from tests.engine.functions.evaluate import kind, resolved, value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I + J", "INTEGER"),
        ("I * B", "BIGINT"),
        ("B / D", "DOUBLE"),
        ("E + D", "DOUBLE"),
        ("E + E", "DECIMAL(7, 2)"),
        ("E + I", "DECIMAL(13, 2)"),
        ("E - B", "DECIMAL(22, 2)"),
        ("E * 1.5", "DECIMAL(9, 3)"),
        ("E / 1.5", "DECIMAL(11, 6)"),
        ("E % 1.25", "DECIMAL(3, 2)"),
        ("-E", "DECIMAL(6, 2)"),
        ("S + S", "STRING"),
        ("1.50", "DECIMAL(3, 2)"),
        ("0.001", "DECIMAL(3, 3)"),
        ("2147483648", "BIGINT"),
        ("1E0", "DOUBLE"),
        ("CASE WHEN T THEN null ELSE S END", "STRING"),
        ("ARRAY[I, E, D]", "ARRAY<DOUBLE>"),
        ("STRUCT(a := I)->a", "INTEGER"),
    ],
)
def test_types_of_computations(text: str, expected: str) -> None:
    assert kind(text) == expected


decimals = st.builds(
    lambda digits, scale: Decimal(digits).scaleb(-scale), st.integers(-(10**6), 10**6), st.integers(1, 4)
)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul}


@given(decimals, decimals, st.sampled_from("+-*%/"))
def test_decimal_arithmetic_is_exact_and_fits_its_type(one: Decimal, other: Decimal, symbol: str) -> None:
    shown = f"({one:f}) {symbol} ({other:f})"
    left, right = Fraction(one), Fraction(other)
    if symbol in "%/" and not right:
        with pytest.raises(ArithmeticError):
            value(shown)
        return
    try:
        found = value(shown)
    except ArithmeticError:
        assert symbol == "/"
        return
    if symbol == "%":
        expected = left - right * int(left / right)
    else:
        expected = left / right if symbol == "/" else OPERATORS[symbol](left, right)
    assert Fraction(found) == expected
    made = resolved(shown).type
    if isinstance(made, t.Decimal) and symbol != "%":
        _, digits, exponent = Decimal(found).as_tuple()
        assert -int(exponent) == made.scale
        assert len(digits) <= made.precision or not any(digits)


def test_a_quotient_that_never_ends_is_an_error_as_in_ksqldb() -> None:
    assert value("10.10 / 2.00") == Decimal("5.05")
    with pytest.raises(ArithmeticError, match="without rounding"):
        value("1.00 / 3.00")
    assert decimal_result("/", t.Decimal(4, 2), t.Decimal(4, 2)) == t.Decimal(11, 7)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("CAST(1.255 AS DECIMAL(3, 2))", Decimal("1.26")),
        ("CAST(-1.255 AS DECIMAL(3, 2))", Decimal("-1.26")),
        ("CAST(' 1.5 ' AS DECIMAL(3, 1))", Decimal("1.5")),
        ("CAST(1.1E0 AS DECIMAL(3, 1))", Decimal("1.1")),
        ("CAST(7 AS DECIMAL(3, 1))", Decimal("7.0")),
        ("CAST(1.99 AS INT)", 1),
        ("CAST(1.50 AS STRING)", "1.50"),
        ("CAST(1.50 AS DOUBLE)", 1.5),
        ("CAST(2147483648 AS INT)", -2147483648),
        ("CAST(1E20 AS BIGINT)", 2**63 - 1),
        ("CAST('yes' AS BOOLEAN)", True),
        ("CAST('nope' AS BOOLEAN)", False),
        ("CAST(true AS STRING)", "true"),
        ("CAST(ARRAY['1', '2'] AS ARRAY<INT>)", [1, 2]),
        ("CAST(MAP('a' := 1) AS MAP<STRING, STRING>)", {"a": "1"}),
        ("CAST(STRUCT(a := 1, b := 2) AS STRUCT<b STRING, c INT>)", {"B": "2", "C": None}),
        ("CAST(ARRAY[1.5, null] AS STRING)", "[1.5, null]"),
        ("CAST(MAP('a' := true) AS STRING)", "{a=true}"),
        ("CAST(STRUCT(a := 1, b := 'x') AS STRING)", "Struct{A=1,B=x}"),
        ("CAST(null AS ARRAY<INT>)", None),
    ],
)
def test_casts(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)
    assert str(found) == str(expected)


@pytest.mark.parametrize(
    "text", ["CAST(99.95 AS DECIMAL(3, 1))", "CAST('x' AS INT)", "CAST('1.5' AS INT)", "CAST('' AS DOUBLE)"]
)
def test_a_cast_that_fails(text: str) -> None:
    with pytest.raises((ArithmeticError, ValueError)):
        value(text)


def test_which_casts_there_are() -> None:
    scalars: list[t.Type] = [
        t.BOOLEAN,
        t.INTEGER,
        t.BIGINT,
        t.Decimal(4, 1),
        t.DOUBLE,
        t.STRING,
        t.BYTES,
        t.DATE,
        t.TIME,
        t.TIMESTAMP,
    ]
    to = {t.base(source): {t.base(target) for target in scalars if casts.exists(source, target)} for source in scalars}
    numbers = {"INTEGER", "BIGINT", "DECIMAL", "DOUBLE", "STRING"}
    assert to["BOOLEAN"] == {"BOOLEAN", "STRING"}
    assert to["INTEGER"] == to["BIGINT"] == to["DECIMAL"] == to["DOUBLE"] == numbers
    assert to["STRING"] == numbers | {"BOOLEAN", "DATE", "TIME", "TIMESTAMP"}
    assert to["BYTES"] == {"BYTES"}
    assert to["DATE"] == {"DATE", "STRING", "TIMESTAMP"}
    assert to["TIME"] == {"TIME", "STRING"}
    assert to["TIMESTAMP"] == {"TIMESTAMP", "STRING", "DATE", "TIME"}


@pytest.mark.parametrize(
    ("text", "row", "expected"),
    [
        ("E = 1.5", {"E": Decimal("1.50")}, True),
        ("E > I", {"E": Decimal("1.50"), "I": 1}, True),
        ("E = D", {"E": Decimal("0.10"), "D": 0.1}, True),
        ("D >= 1.1", {"D": 1.1}, True),
        ("L = ARRAY[1, 2]", {"L": [1, 2]}, True),
        ("ST = STRUCT(f := 1, g := 'x')", {"ST": {"F": 1, "G": "x"}}, True),
        ("`BY` = `BY`", {"BY": b"a"}, True),
        ("I = J", {"I": 1}, False),
        ("I <> J", {"I": 1}, False),
        ("I IS DISTINCT FROM J", {"I": 1}, True),
        ("I IS NOT DISTINCT FROM J", {}, True),
        ("I IN (1, 2.0, '3')", {"I": 3}, True),
        ("E IN (1, '1.50')", {"E": Decimal("1.50")}, True),
        ("D IN ('2.50', I)", {"D": 2.5}, True),
        ("T IN ('yes', false)", {"T": True}, True),
        ("S IN (true, 10, 1.50)", {"S": "1.50"}, True),
        ("S NOT IN ('a')", {"S": "b"}, True),
        ("L IN (ARRAY[1, '2'])", {"L": [1, 2]}, True),
        ("ST IN (STRUCT(f := 1))", {"ST": {"F": 1, "G": None}}, True),
        ("I BETWEEN 1 AND 1.5", {"I": 1}, True),
        ("I NOT BETWEEN 1 AND 3", {"I": 2}, False),
        ("S LIKE 'a!%_' ESCAPE '!'", {"S": "a%b"}, True),
        ("CASE I WHEN 1 THEN 'one' WHEN 2 THEN 'two' END", {"I": 2}, "two"),
        ("CASE WHEN I > 1 THEN 'a' END", {}, None),
        ("NOT (T AND I = 1)", {"T": True, "I": 1}, False),
        ("T OR I = 1", {"T": False, "I": 1}, True),
    ],
)
def test_predicates(text: str, row: dict[str, Any], expected: Any) -> None:
    assert value(text, row) is expected or value(text, row) == expected


@pytest.mark.parametrize("count", [1, 39, 40, 41, 400, 1500])
def test_a_case_may_have_any_number_of_branches(count: int) -> None:
    branches = " ".join(f"WHEN I = {number} THEN 'a{number}'" for number in range(count))
    for number in {0, count // 2, count - 1}:
        assert value(f"CASE {branches} ELSE 'none' END", {"I": number}) == f"a{number}"
    assert value(f"CASE {branches} ELSE 'none' END", {"I": count}) == "none"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I = 'x'", "Cannot compare I (INTEGER) to 'x' (STRING) with EQUAL."),
        ("L < L", "Cannot compare L (ARRAY<INTEGER>) to L (ARRAY<INTEGER>) with LESS_THAN."),
        ("T > T", "Cannot compare T (BOOLEAN) to T (BOOLEAN) with GREATER_THAN."),
        ("I + 1 < S", "Cannot compare (I + 1) (INTEGER) to S (STRING) with LESS_THAN."),
        (
            "S = null",
            "Comparison with NULL not supported: STRING = NULL\n"
            "Use 'IS NULL' or 'IS NOT NULL' instead.\nStatement: (S = null)",
        ),
        ("I IN (true)", "Invalid Predicate: operator does not exist: INTEGER = BOOLEAN (true)"),
        ("I IN ('x')", 'Invalid Predicate: invalid input syntax for type INTEGER: "x".'),
        ("M IN (MAP('a' := T))", "MAP<STRING, INTEGER> = MAP<STRING, BOOLEAN> (MAP('a':=T))"),
        ("S + 1", "Unsupported arithmetic types. STRING INTEGER"),
        (
            "5.0 / null",
            "Error processing expression: (5.0 / null). Arithmetic on types DECIMAL(2, 1) and null are not supported.",
        ),
        ("null * null", "Arithmetic on types null and null are not supported."),
        ("CAST(I AS DATE)", "Cast of INTEGER to DATE is not supported"),
        ("CASE WHEN T THEN 1 ELSE 'x' END", "Type for the default clause should be the same as for 'THEN' clauses."),
        ("CASE WHEN T THEN 1 WHEN T THEN 'x' END", "Type for all 'THEN' clauses should be the same."),
        ("CASE WHEN T THEN null END", "Invalid Case expression. All case branches have NULL type"),
        ("CASE WHEN I THEN 1 END", "When operand type should be boolean."),
        ("NOPE", "SELECT column 'NOPE' cannot be resolved."),
        ("X.S", "'X' is not a valid stream/table name or alias."),
        ("ROWTIME > 'noon'", "Failed to parse timestamp 'noon'"),
    ],
)
def test_refusals_have_ksqldbs_words(text: str, words: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        resolved(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I = 'x'", "Error in WHERE expression: Cannot compare I (INTEGER) to 'x' (STRING) with EQUAL."),
        ("I + 1", "Type error in WHERE expression: Should evaluate to boolean but is (I + 1) (INTEGER) instead."),
        ("NOPE = 1", "WHERE column 'NOPE' cannot be resolved."),
        ("WINDOWSTART > 1", "Error in WHERE expression: Unknown column WINDOWSTART."),
    ],
)
def test_refusals_of_a_condition_say_where(text: str, words: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        resolved(text, where=True)
    assert words in str(refused.value)
