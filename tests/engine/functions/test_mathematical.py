"""Mathematical functions: Java's results, ksqlDB's types."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.functions.evaluate import kind, value

E = Decimal("12.34")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ABS(-5)", 5),
        ("ABS(-2147483648)", -2147483648),
        ("ABS(-1.50)", Decimal("1.50")),
        ("SIGN(-0.5E0)", -1),
        ("SIGN(0)", 0),
        ("CEIL(1.2E0)", 2.0),
        ("CEIL(1.2)", Decimal("2.0")),
        ("FLOOR(-1.2E0)", -2.0),
        ("FLOOR(7)", 7),
        ("ROUND(2.5E0)", 3),
        ("ROUND(-2.5E0)", -2),
        ("ROUND(1.255E0, 2)", 1.26),
        ("ROUND(-1.255E0, 2)", -1.25),
        ("ROUND(1234.5E0, -2)", 1200.0),
        ("ROUND(12.345, 1)", Decimal("12.300")),
        ("ROUND(12.5)", Decimal("13")),
        ("TRUNC(-1.9E0)", -1),
        ("TRUNC(1.99E0, 1)", 1.9),
        ("TRUNC(1.99, 1)", Decimal("1.90")),
        ("SQRT(9)", 3.0),
        ("CBRT(27)", 3.0),
        ("POWER(2, 10)", 1024.0),
        ("POWER(0, -1)", math.inf),
        ("POWER(-10, 309)", -math.inf),
        ("EXP(1000)", math.inf),
        ("LN(0)", -math.inf),
        ("LOG(2, 8)", 3.0),
        ("COT(0)", math.inf),
        ("PI()", math.pi),
        ("GREATEST(3, null, 7)", 7),
        ("LEAST('b', 'a')", "a"),
        ("LEAST(1, 2.5, 0.5E0)", 0.5),
        ("GREATEST(1.5, 10.25)", Decimal("10.25")),
    ],
)
def test_results(text: str, expected: Any) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)
    if isinstance(expected, Decimal):
        assert str(found) == str(expected)


@pytest.mark.parametrize("text", ["SQRT(-1)", "LN(-1)", "ACOS(2)", "LOG(1, 2)", "LOG(-2, 2)", "POWER(-1, 0.5E0)"])
def test_what_no_real_number_is(text: str) -> None:
    assert math.isnan(value(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ROUND(E)", "DECIMAL(4, 0)"),
        ("ROUND(E, 1)", "DECIMAL(6, 2)"),
        ("ROUND(D)", "BIGINT"),
        ("ROUND(D, 1)", "DOUBLE"),
        ("ABS(I)", "INTEGER"),
        ("CEIL(E)", "DECIMAL(6, 2)"),
        ("SQRT(E)", "DOUBLE"),
        ("GREATEST(E, 0.123)", "DECIMAL(7, 3)"),
    ],
)
def test_types(text: str, expected: str) -> None:
    assert kind(text) == expected


@pytest.mark.parametrize("text", ["ABS(I)", "SQRT(D)", "ROUND(E, 1)", "ATAN2(D, 1E0)", "LOG(D)"])
def test_a_null_makes_the_result_null(text: str) -> None:
    assert value(text) is None


@given(st.integers(-(10**6), 10**6), st.integers(-3, 3))
def test_a_decimal_is_rounded_to_the_nearest_and_up_from_the_middle(cents: int, places: int) -> None:
    found = Fraction(value(f"ROUND(E, {places})", {"E": Decimal(cents).scaleb(-2)}))
    step = Fraction(1, 10**places) if places >= 0 else Fraction(10**-places)
    expected = math.floor(Fraction(cents, 100) / step + Fraction(1, 2)) * step
    assert found == (expected if places < 2 else Fraction(cents, 100))


def test_distance_between_two_points() -> None:
    berlin_paris = "52.52E0, 13.405E0, 48.8566E0, 2.3522E0"
    assert value(f"GEO_DISTANCE({berlin_paris})") == pytest.approx(877.46, abs=0.1)
    assert value(f"GEO_DISTANCE({berlin_paris}, 'miles')") == pytest.approx(545.3, abs=0.2)
    with pytest.raises(ValueError, match="range of -90 to 90"):
        value("GEO_DISTANCE(91, 0, 0, 0)")
    with pytest.raises(ValueError, match="units"):
        value(f"GEO_DISTANCE({berlin_paris}, 'ells')")
