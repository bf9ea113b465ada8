"""DELIMITED: quoting as Apache Commons CSV, one line a record, an empty field is null."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.metastore import Column, FormatOptions
from streamguard.engine.codecs import Undecodable, value_decoder, value_encoder
from streamguard.engine.language import types as t
from tests.engine.codecs.values import columns_and_rows

TEXTS = [Column("A", t.STRING), Column("B", t.STRING)]
DELIMITERS = st.sampled_from([",", ";", "\t", " ", "|", "a", "é"])

WRITTEN: list[tuple[list[Any], str]] = [
    (["a", "b"], "a,b"),
    ([None, None], ","),
    (["", ""], '"",'),
    (["a b", "a,b"], 'a b,"a,b"'),
    (["-5", "-5"], '"-5",-5'),
    (["é", "é"], '"é",é'),
    (["#", "#x"], '"#","#x"'),
    ([" a", "a "], '" a","a "'),
    (['say "hi"', "x"], '"say ""hi""",x'),
    (["two\nlines", "!"], '"two\nlines","!"'),
]


@pytest.mark.parametrize(("values", "line"), WRITTEN)
def test_a_field_is_quoted_when_it_must_be(values: list[Any], line: str) -> None:
    row = dict(zip("AB", values, strict=True))
    assert value_encoder(TEXTS, "DELIMITED")(row) == line.encode()
    read = value_decoder(TEXTS, "DELIMITED")(line.encode())
    assert read == {name: value or None for name, value in row.items()}


def test_every_type_has_its_text() -> None:
    row = {
        "A": True,
        "B": -1,
        "C": 1e7,
        "D": Decimal("1.50"),
        "E": b"hi",
        "F": 18753,
        "G": 86399999,
        "H": 1620302889123,
        "I": None,
    }
    kinds: list[t.Type] = [
        t.BOOLEAN,
        t.INTEGER,
        t.DOUBLE,
        t.Decimal(4, 2),
        t.BYTES,
        t.DATE,
        t.TIME,
        t.TIMESTAMP,
        t.BIGINT,
    ]
    columns = [Column(name, kind) for name, kind in zip(row, kinds, strict=True)]
    line = b"true,-1,1.0E7,1.50,aGk=,18753,86399999,1620302889123,"
    assert value_encoder(columns, "DELIMITED")(row) == line
    assert value_decoder(columns, "DELIMITED")(line) == row


READ: list[tuple[str, list[Any] | None]] = [
    ("a,b\r\nc,d", ["a", "b"]),
    ("\n\na,b", ["a", "b"]),
    ('"a" ,b', ["a", "b"]),
    ('a"b,c"', ['a"b', 'c"']),
    (" a , b ", [" a ", " b "]),
    ("a\x0bb,\x85", ["a\x0bb", "\x85"]),
    ("a", None),
    ("a,b,c", None),
    ("", None),
    ('"a,b', None),
    ('"a"b,c', None),
]


@pytest.mark.parametrize(("line", "expected"), READ)
def test_a_line_is_read_or_refused(line: str, expected: list[Any] | None) -> None:
    decode = value_decoder(TEXTS, "DELIMITED")
    if expected is None:
        with pytest.raises(Undecodable):
            decode(line.encode())
    else:
        assert decode(line.encode()) == dict(zip("AB", expected, strict=True))


@pytest.mark.parametrize(
    ("kind", "text"),
    [(t.INTEGER, "1.5"), (t.BIGINT, " 1"), (t.DOUBLE, "x"), (t.Decimal(3, 1), "1.25"), (t.TIME, "-1"), (t.BYTES, "?")],
)
def test_a_text_that_is_no_value_is_refused(kind: t.Type, text: str) -> None:
    with pytest.raises(Undecodable):
        value_decoder([Column("A", kind)], "DELIMITED")(text.encode())


@given(columns_and_rows(), DELIMITERS)
def test_what_is_written_is_read_again(case: tuple[list[Column], dict[str, Any]], delimiter: str) -> None:
    columns, row = case
    numeric = any(column.type not in (t.STRING, t.BYTES) for column in columns)
    if (numeric or t.BYTES in {column.type for column in columns}) and delimiter == "a":
        delimiter = ","
    options = FormatOptions(delimiter)
    raw = value_encoder(columns, "DELIMITED", options)(row)
    if raw == b"":  # one column that is null: the line holds nothing
        return
    assert raw is not None
    made = value_decoder(columns, "DELIMITED", options)(raw)
    assert made == {name: value if value not in ("", b"") else None for name, value in row.items()}


@given(columns_and_rows(), DELIMITERS, st.binary() | st.text().map(str.encode))
def test_whatever_the_bytes_are_nothing_else_is_raised(
    case: tuple[list[Column], Any], delimiter: str, raw: bytes
) -> None:
    with contextlib.suppress(Undecodable):
        value_decoder(case[0], "DELIMITED", FormatOptions(delimiter))(raw)
