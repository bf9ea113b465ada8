"""What a stream shows, as JSON that any reader reads."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.forms import Fixed, Pieces
from streamguard.datagen.encoding.json import JsonEncoder, Values
from streamguard.datagen.encoding.parts import INDEX, INSTANT
from streamguard.datagen.world.streams import (
    Field,
    Rate,
    Show,
    ShowAttribute,
    ShowColumn,
    ShowConstant,
    ShowEntity,
    ShowIndex,
    ShowObject,
    ShowText,
    ShowTime,
    Stream,
)

NAMES = ['Ann "the fox"', "Zoë \\ Łuk", "line\nfeed"]


def form(reference: str) -> Pieces | Fixed:
    if reference in ("amount", "who.limit"):
        return Fixed(2) if reference == "amount" else Pieces([b"10", b"20", b"30"], ["10", "20", "30"])
    if reference == "who":
        return Pieces([orjson.dumps({"name": name}) for name in NAMES], NAMES)
    return Pieces([orjson.dumps(name) for name in NAMES], NAMES)


def encoder(shows: dict[str, Show], key: Any = None) -> JsonEncoder:
    fields = tuple(Field(name, show) for name, show in shows.items())
    return JsonEncoder(Stream("s", "t", Rate(1), (), fields, key), form, "run-1")


def columns(*rows: tuple[int, int, int]) -> Values:
    """Who, amount, and event time in microseconds."""
    table = np.array(rows, np.int64).reshape(len(rows), 3)
    return {"who": table[:, 0], "amount": table[:, 1], INSTANT: table[:, 2], INDEX: np.arange(len(rows)) + 41}


@pytest.mark.parametrize(
    ("show", "values"),
    [
        (ShowColumn("amount"), [0.05, -120.5, 3.0]),
        (ShowAttribute("who", "name"), NAMES),
        (ShowAttribute("who", "limit"), [10, 20, 30]),
        (ShowEntity("who"), [{"name": name} for name in NAMES]),
        (ShowTime("iso_ms"), ["1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.000Z", "1970-01-02T00:00:00.999Z"]),
        (ShowTime("epoch_ms"), [0, 1000, 86_400_999]),
        (ShowTime("date"), ["1970-01-01", "1970-01-01", "1970-01-02"]),
        (ShowIndex(), [41, 42, 43]),
        (ShowConstant("GBP"), ["GBP"] * 3),
        (ShowConstant(None), [None] * 3),
        (ShowConstant(True), [True] * 3),
        (ShowText((("run", ""), "-", ("index", "09d"))), ["run-1-000000041", "run-1-000000042", "run-1-000000043"]),
        (ShowText(('"', ("who.name", ""), " {x}")), [f'"{name} {{x}}' for name in NAMES]),
        (
            ShowObject((Field("a", ShowIndex()), Field("b", ShowObject(())))),
            [{"a": at, "b": {}} for at in (41, 42, 43)],
        ),
    ],
)
def test_a_field_shows_what_it_should(show: Show, values: list[Any]) -> None:
    written = encoder({"f": show}).values(columns((0, 5, 0), (1, -12050, 10**6), (2, 300, 86_400_999_999)), 3)
    assert [orjson.loads(value) for value in written] == [{"f": value} for value in values]


def test_the_fields_come_in_their_order_and_without_blanks() -> None:
    shows: dict[str, Show] = {"b": ShowIndex(), 'a "quoted" name': ShowColumn("amount"), "c": ShowConstant(1)}
    assert encoder(shows).values(columns((0, 7, 0)), 1) == [b'{"b":41,"a \\"quoted\\" name":0.07,"c":1}']


def test_a_key_is_plain_text() -> None:
    rows = columns((0, 1, 0), (2, 1, 0))
    assert encoder({}, ShowAttribute("who", "name")).keys(rows, 2) == [NAMES[0].encode(), NAMES[2].encode()]
    assert encoder({}, ShowText((("run", ""), "/", ("index", "")))).keys(rows, 2) == [b"run-1/41", b"run-1/42"]
    assert encoder({}, None).keys(rows, 2) == [None, None]


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(-(10**12), 10**12), st.integers(0, 2**51)), max_size=20))
def test_every_reader_of_json_reads_the_same(rows: list[tuple[int, int, int]]) -> None:
    shows: dict[str, Show] = {"who": ShowEntity("who"), "amount": ShowColumn("amount"), "at": ShowTime("iso_us")}
    for value in encoder(shows).values(columns(*rows), len(rows)):
        assert json.loads(value) == orjson.loads(value)
