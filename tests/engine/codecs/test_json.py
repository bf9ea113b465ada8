"""JSON values: ksqlDB's coercion rules, exact decimals, Java's digits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.metastore import Column, FormatOptions
from streamguard.engine.codecs import Undecodable, value_decoder, value_encoder
from streamguard.engine.codecs.json import decoder, quick_decoder
from streamguard.engine.language import types as t
from tests.engine.codecs.values import NESTED, columns_and_rows

MONEY = t.Decimal(6, 2)
TAKEN: list[tuple[t.Type, str, Any]] = [
    (t.INTEGER, "1.9", 1),
    (t.INTEGER, "-1.9", -1),
    (t.INTEGER, '"12"', 12),
    (t.INTEGER, "2147483648", -2147483648),
    (t.INTEGER, "1e10", 1410065408),
    (t.BIGINT, "9223372036854775808", -9223372036854775808),
    (t.BIGINT, "1e999999", 0),
    (t.BIGINT, '"-7"', -7),
    (t.DOUBLE, "1", 1.0),
    (t.DOUBLE, '" 1.5e3d"', 1500.0),
    (t.DOUBLE, '"NaN"', "NaN"),
    (t.DOUBLE, '"-Infinity"', float("-inf")),
    (t.STRING, "1.10", "1.10"),
    (t.STRING, "1E400", "1E+400"),
    (t.STRING, "true", "true"),
    (t.STRING, '{"a": [1, 1.50, null]}', '{"a":[1,1.50,null]}'),
    (t.STRING, '["a", 1.0, null, {"b": "c"}]', '[a, 1.0, null, {"b":"c"}]'),
    (MONEY, "12.3", Decimal("12.30")),
    (MONEY, "12.300", Decimal("12.30")),
    (MONEY, "1e2", Decimal("100.00")),
    (MONEY, "-0.0", Decimal("0.00")),
    (MONEY, '"9999.99"', Decimal("9999.99")),
    (t.Decimal(38, 20), "123456789012345678.12345678901234567890", Decimal("123456789012345678.12345678901234567890")),
    (t.DATE, "18753", 18753),
    (t.DATE, '"18753"', 18753),
    (t.TIME, "86399999", 86399999),
    (t.TIMESTAMP, "1620302889123", 1620302889123),
    (t.TIMESTAMP, "-1", -1),
    (t.BYTES, '"aGk="', b"hi"),
    (t.Array(MONEY), "[1, null]", [Decimal("1.00"), None]),
    (t.Map(t.STRING, t.INTEGER), '{"a": "1"}', {"a": 1}),
    (t.Struct((("F", t.INTEGER), ("G", t.STRING))), '{"f": 1.5, "x": 2}', {"F": 1, "G": None}),
]


def one(kind: t.Type, text: str) -> Any:
    row = value_decoder([Column("C", kind)], "JSON")(f'{{"c": {text}}}'.encode())
    assert row is not None
    return row["C"]


@pytest.mark.parametrize(("kind", "text", "expected"), TAKEN, ids=lambda each: str(each)[:40])
def test_a_value_becomes_its_columns(kind: t.Type, text: str, expected: Any) -> None:
    made = one(kind, text)
    if expected == "NaN" and kind == t.DOUBLE:
        assert made != made  # noqa: PLR0124  only NaN is not itself
    else:
        assert made == expected
        assert str(made) == str(expected)


REFUSED: list[tuple[t.Type, str, str]] = [
    (t.INTEGER, '"1.5"', "sourceType: TextNode, requiredType: INTEGER, path: $.C"),
    (t.INTEGER, '"2147483648"', "requiredType: INTEGER"),
    (t.INTEGER, "true", "sourceType: BooleanNode"),
    (t.DOUBLE, '"one"', "requiredType: DOUBLE"),
    (t.BOOLEAN, '"true"', "requiredType: BOOLEAN"),
    (t.BOOLEAN, "1", "requiredType: BOOLEAN"),
    (MONEY, "1.234", "without rounding"),
    (MONEY, "12345", "truncate left digits"),
    (MONEY, "1e999999999", "truncate left digits"),
    (MONEY, "1e-999999999", "without rounding"),
    (MONEY, '"x"', "requiredType: DECIMAL(6, 2)"),
    (t.TIME, "86400000", "less than 86400000"),
    (t.TIME, "-1", "less than 86400000"),
    (t.BYTES, '"a"', "not base64"),
    (t.BYTES, "1", "requiredType: BYTES"),
    (t.Array(t.INTEGER), "1", "requiredType: ARRAY"),
    (t.Array(t.INTEGER), "[1, [2]]", "path: $.C[1]"),
    (t.Struct((("F", t.INTEGER),)), "[]", "requiredType: STRUCT"),
]


@pytest.mark.parametrize(("kind", "text", "reason"), REFUSED, ids=lambda each: str(each)[:40])
def test_what_does_not_fit_is_undecodable(kind: t.Type, text: str, reason: str) -> None:
    with pytest.raises(Undecodable) as caught:
        one(kind, text)
    assert reason in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"{", b'{"C": NaN}', b"\xff", b"[1]", b'{"C": "\\ud800"}', b"[" * 100_000])
def test_no_other_bytes_are_json(raw: bytes) -> None:
    with pytest.raises(Undecodable):
        value_decoder([Column("C", t.INTEGER)], "JSON")(raw)


def test_names_fit_in_any_case_and_the_exact_one_wins() -> None:
    decode = value_decoder([Column("A", t.INTEGER), Column("b", t.INTEGER)], "JSON")
    assert decode(b'{"a": 1, "B": 2}') == {"A": 1, "b": None}
    assert decode(b'{"a": 1, "A": 2, "b": 3}') == {"A": 2, "b": 3}
    assert decode(b"null") is None


def test_nulls_are_written_and_numbers_have_javas_digits() -> None:
    kinds: dict[str, t.Type] = {
        "D": t.DOUBLE,
        "E": t.DOUBLE,
        "M": t.Decimal(12, 10),
        "B": t.BYTES,
        "N": t.STRING,
        "A": t.Array(MONEY),
    }
    encode = value_encoder([Column(name, kind) for name, kind in kinds.items()], "JSON")
    row = {"D": 1e7, "E": 1e-4, "M": Decimal("1E-10"), "B": b"hi", "N": None, "A": [Decimal("1.00")]}
    assert encode(row) == b'{"D":1.0E7,"E":1.0E-4,"M":0.0000000001,"B":"aGk=","N":null,"A":[1.00]}'


def test_a_single_column_may_stand_on_its_own() -> None:
    columns, bare = [Column("C", t.Decimal(4, 1))], FormatOptions(wrap=False)
    assert value_decoder(columns, "JSON", bare)(b"1") == {"C": Decimal("1.0")}
    assert value_decoder(columns, "JSON", bare)(b"null") is None
    assert value_encoder(columns, "JSON", bare)({"C": Decimal("1.0")}) == b"1.0"
    assert value_encoder(columns, "JSON", bare)({"C": None}) is None


@given(columns_and_rows(nested=True))
def test_what_is_written_is_read_again(case: tuple[list[Column], dict[str, Any]]) -> None:
    columns, row = case
    raw = value_encoder(columns, "JSON")(row)
    assert raw is not None
    assert value_decoder(columns, "JSON")(raw) == row
    assert list(json.loads(raw)) == [column.name for column in columns]


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["C", "c", "F"]), inner, max_size=3),
    max_leaves=6,
)


@given(NESTED, DOCUMENTS.map(lambda each: json.dumps(each).encode()) | st.sampled_from([b"-0", b"1e400", b"1E2"]))
def test_the_quick_way_and_the_complete_way_agree(kind: t.Type, raw: bytes) -> None:
    def outcome(decode: Callable[[bytes], Any]) -> str:
        try:
            return repr(decode(raw))
        except Undecodable as exc:
            return f"undecodable: {exc}"

    assert outcome(quick_decoder(kind, "value")) == outcome(decoder(kind, "value"))


@given(columns_and_rows(nested=True), st.binary() | DOCUMENTS.map(lambda each: json.dumps(each).encode()))
def test_whatever_the_bytes_are_nothing_else_is_raised(case: tuple[list[Column], Any], raw: bytes) -> None:
    with contextlib.suppress(Undecodable):
        value_decoder(case[0], "JSON")(raw)
