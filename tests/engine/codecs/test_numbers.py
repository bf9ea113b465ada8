"""Long numbers are found wherever they stand, and decimals fit or are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.codecs.numbers import double_of_text, fitted, has_long_number, whole, whole_of_text
from streamguard.engine.language import types as t


@given(st.binary(max_size=30), st.text("0123456789.", min_size=17, max_size=40), st.binary(max_size=30))
def test_a_long_number_is_found_anywhere(before: bytes, number: str, after: bytes) -> None:
    assert has_long_number(before + number.encode() + after)


@given(st.lists(st.text("0123456789.", max_size=16), max_size=8))
def test_short_numbers_are_not_taken_for_long_ones(numbers: list[str]) -> None:
    assert not has_long_number(",".join(numbers).encode())


@given(st.decimals(allow_nan=False, allow_infinity=False), st.integers(1, 38), st.integers(0, 20))
def test_a_decimal_keeps_its_value_or_is_refused(value: Decimal, precision: int, scale: int) -> None:
    kind = t.Decimal(max(precision, scale), scale)
    try:
        made = fitted(value, kind)
    except Undecodable:
        return
    assert made == value
    assert made.as_tuple().exponent == -scale
    assert len(made.as_tuple().digits) <= kind.precision or not made


@pytest.mark.parametrize(
    ("value", "low"), [("4294967297.9", 1), ("-4294967297.9", -1), ("1e30", 1073741824), ("1e99", 0)]
)
def test_whole_numbers_keep_their_low_bits(value: str, low: int) -> None:
    assert whole(Decimal(value), 32) == low


def test_texts_are_parsed_as_java_does() -> None:
    assert double_of_text(" 1e3f ") == 1000.0
    assert double_of_text("0x10") is None
    assert whole_of_text("+7", 32) == 7
    assert whole_of_text("7 ", 32) is None
