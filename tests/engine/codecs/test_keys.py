"""Keys in every format, with and without windows; single values in Kafka's own bytes."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.metastore import Column, FormatOptions, SourceWindow
from streamguard.engine.codecs import Undecodable, key_decoder, key_encoder, value_decoder, value_encoder
from streamguard.engine.language import types as t
from tests.engine.codecs.values import columns_and_rows, values

K, L = Column("K", t.INTEGER), Column("L", t.STRING)
WINDOWS = [None, SourceWindow("TUMBLING", 30_000), SourceWindow("HOPPING", 1), SourceWindow("SESSION")]

BYTES: list[tuple[str, list[Column], tuple[Any, ...], bytes | None]] = [
    ("KAFKA", [K], (1,), b"\0\0\0\1"),
    ("KAFKA", [Column("K", t.BIGINT)], (-1,), b"\xff" * 8),
    ("KAFKA", [Column("K", t.DOUBLE)], (1.0,), b"\x3f\xf0\0\0\0\0\0\0"),
    ("KAFKA", [L], ("é",), b"\xc3\xa9"),
    ("KAFKA", [Column("K", t.BYTES)], (b"\0",), b"\0"),
    ("JSON", [K], (1,), b"1"),
    ("JSON", [L], ("a",), b'"a"'),
    ("JSON", [K, L], (1, None), b'{"K":1,"L":null}'),
    ("JSON", [Column("K", t.Struct((("F", t.Decimal(3, 1)),)))], ({"F": Decimal("1.5")},), b'{"F":1.5}'),
    ("DELIMITED", [K], (1,), b"1"),
    ("DELIMITED", [K, L], (1, "a,b"), b'1,"a,b"'),
    ("DELIMITED", [K, L], (None, "a"), b",a"),
    ("NONE", [], (), None),
    *((form, [L], (None,), None) for form in ("KAFKA", "JSON", "DELIMITED")),
]


@pytest.mark.parametrize(("form", "columns", "given_values", "raw"), BYTES)
def test_a_key_has_these_bytes(form: str, columns: list[Column], given_values: tuple[Any, ...], raw: bytes) -> None:
    assert key_encoder(columns, form)(given_values) == raw
    if raw is not None:
        assert key_decoder(columns, form)(raw) == given_values


def test_a_windowed_key_ends_with_its_window() -> None:
    tumbling, session = WINDOWS[1], WINDOWS[3]
    raw = b"\0\0\0\1" + (5).to_bytes(8, "big")
    assert key_encoder([K], "KAFKA", window=tumbling)((1,), 5, 30_005) == raw
    assert key_decoder([K], "KAFKA", window=tumbling)(raw) == (1, 5, 30_005)
    raw = b"1" + (9).to_bytes(8, "big") + (5).to_bytes(8, "big")
    assert key_encoder([K], "JSON", window=session)((1,), 5, 9) == raw
    assert key_decoder([K], "JSON", window=session)(raw) == (1, 5, 9)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("form", ["KAFKA", "JSON", "DELIMITED"])
def test_too_few_bytes_are_undecodable(form: str, window: SourceWindow | None) -> None:
    with pytest.raises(Undecodable):
        key_decoder([K], form, window=window)(b"")


@given(
    columns_and_rows(nested=True),
    st.sampled_from(WINDOWS),
    st.integers(0, 2**62),
    st.integers(0, 2**62),
)
def test_a_json_key_that_is_written_is_read_again(
    case: tuple[list[Column], dict[str, Any]], window: SourceWindow | None, start: int, length: int
) -> None:
    columns, row = case
    given_values = tuple(row.values())
    if len(columns) == 1 and given_values[0] is None:
        return
    size = length if window is None or window.size is None else window.size
    bounds = () if window is None else (start, start + size)
    raw = key_encoder(columns, "JSON", window=window)(given_values, *bounds)
    assert raw is not None
    assert key_decoder(columns, "JSON", window=window)(raw) == (*given_values, *bounds)


@given(columns_and_rows(), st.sampled_from(["JSON", "DELIMITED"]), st.sampled_from(WINDOWS), st.binary())
def test_whatever_a_keys_bytes_are_nothing_else_is_raised(
    case: tuple[list[Column], Any], form: str, window: SourceWindow | None, raw: bytes
) -> None:
    with contextlib.suppress(Undecodable):
        made = key_decoder(case[0], form, FormatOptions(";"), window)(raw)
        assert len(made) == len(case[0]) + (0 if window is None else 2)


KAFKA = [t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES]


@given(st.data(), st.sampled_from(KAFKA))
def test_a_kafka_value_that_is_written_is_read_again(data: st.DataObject, kind: t.Type) -> None:
    columns = [Column("V", kind)]
    row = {"V": data.draw(values(kind))}
    raw = value_encoder(columns, "KAFKA")(row)
    assert (raw is None) == (row["V"] is None)
    if raw is not None:
        assert value_decoder(columns, "KAFKA")(raw) == row


@given(st.sampled_from(KAFKA), st.binary())
def test_whatever_a_kafka_values_bytes_are_nothing_else_is_raised(kind: t.Type, raw: bytes) -> None:
    with contextlib.suppress(Undecodable):
        value_decoder([Column("V", kind)], "KAFKA")(raw)


def test_the_format_none_has_no_value() -> None:
    assert value_decoder([], "NONE")(b"anything") is None
    assert value_encoder([], "NONE")({}) is None
