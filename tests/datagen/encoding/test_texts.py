"""Numbers and times are looked up, and come out as if they had been formatted one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.encoding.parts import TIMES, Moment, Number, Text
from streamguard.datagen.encoding.splicer import Splicer

WHOLE = st.integers(min_value=-(2**63) + 1, max_value=2**63 - 1) | st.integers(min_value=-20_000, max_value=20_000)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
INSTANTS = st.integers(
    min_value=int((datetime(1900, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000,
    max_value=int((datetime(2200, 1, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000,
)


def texts(part: Number | Moment, values: list[int]) -> list[str]:
    written = Splicer([Text(b"<"), part, Text(b">")]).write({part.column: np.array(values, np.int64)}, len(values))
    assert all(text[:1] == b"<" and text[-1:] == b">" for text in written)
    return [text[1:-1].decode() for text in written]


def formatted(value: int, decimals: int, width: int) -> str:
    sign, digits = "-" if value < 0 else "", str(abs(value)).zfill(decimals + max(1, width))
    return sign + (f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits)


@given(st.lists(WHOLE, min_size=1, max_size=30), st.integers(0, 6), st.integers(1, 12))
def test_a_number_is_written_as_python_would(values: list[int], decimals: int, width: int) -> None:
    assert texts(Number("n", decimals, width), values) == [formatted(value, decimals, width) for value in values]


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (5, 2, "0.05"),
        (-5, 2, "-0.05"),
        (120_50, 2, "120.50"),
        (9_999_99, 2, "9999.99"),
        (10_000_00, 2, "10000.00"),
        (-1_359_807, 6, "-1.359807"),
        (100_000_000, 4, "10000.0000"),
    ],
)
def test_a_number_has_all_its_decimals_and_no_leading_zeros(value: int, decimals: int, text: str) -> None:
    assert texts(Number("n", decimals), [value, 1]) == [text, formatted(1, decimals, 1)]


@given(st.lists(st.integers(-(10**15), 10**15), min_size=1, max_size=10), st.integers(0, 8))
def test_what_is_written_is_exactly_the_value(values: list[int], decimals: int) -> None:
    assert [Decimal(text).scaleb(decimals) for text in texts(Number("n", decimals), values)] == values


@given(st.lists(INSTANTS, min_size=1, max_size=20), st.sampled_from(TIMES))
def test_a_time_is_written_as_python_would(instants: list[int], form: str) -> None:
    moments = [EPOCH + timedelta(microseconds=instant) for instant in instants]
    kind, _, unit = form.partition("_")
    if kind == "date":
        expected = [moment.date().isoformat() for moment in moments]
    elif kind == "epoch":
        expected = [str(instant // {"s": 10**6, "ms": 10**3, "us": 1}[unit]) for instant in instants]
    else:
        precision = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}[unit]
        expected = [moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z" for moment in moments]
    assert texts(Moment(form), instants) == expected


def test_a_block_over_midnight_has_both_days() -> None:
    midnight = int((datetime(2026, 3, 1, tzinfo=UTC) - EPOCH).total_seconds()) * 1_000_000
    assert texts(Moment("iso_ms"), [midnight - 1, midnight]) == [
        "2026-02-28T23:59:59.999Z",
        "2026-03-01T00:00:00.000Z",
    ]
