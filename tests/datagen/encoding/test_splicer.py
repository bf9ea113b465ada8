"""A record is its parts, side by side, in whatever way they are put there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.encoding.parts import Number, Part, Piece, Text
from streamguard.datagen.encoding.splicer import Rows, Splicer, size_of

CONTENTS = st.binary(max_size=80).filter(lambda text: b"\0" not in text and b"\n" not in text)
PARTS = st.one_of(
    CONTENTS.map(Text),
    st.lists(CONTENTS, min_size=3, max_size=3).map(lambda table: Piece("piece", tuple(table))),
    st.lists(CONTENTS, min_size=3, max_size=3).map(lambda table: Piece("other", tuple(table))),
    st.integers(0, 3).map(lambda decimals: Number("number", decimals)),
)
ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-(10**9), 10**9)), min_size=0, max_size=20)


def one_by_one(parts: list[Part], piece: int, other: int, number: int) -> bytes:
    chosen = {"piece": piece, "other": other}
    found = b""
    for part in parts:
        if isinstance(part, Text):
            found += part.content
        elif isinstance(part, Piece):
            found += part.table[chosen[part.column]]
        elif isinstance(part, Number):
            whole, rest = divmod(abs(number), 10**part.decimals)
            found += b"%b%d" % (b"-" if number < 0 else b"", whole)
            found += b".%0*d" % (part.decimals, rest) if part.decimals else b""
    return found


@given(st.lists(PARTS, max_size=8), st.lists(ROWS, max_size=3))
def test_parts_come_side_by_side(parts: list[Part], blocks: list[list[tuple[int, int, int]]]) -> None:
    splicer = Splicer(parts)
    for rows in blocks:
        columns = np.array(rows, np.int64).reshape(len(rows), 3)
        values = {name: columns[:, place] for place, name in enumerate(("piece", "other", "number"))}
        assert list(splicer.write(values, len(rows))) == [one_by_one(parts, *row) for row in rows]


@given(st.lists(CONTENTS, min_size=1, max_size=9), st.integers(1, 3), st.slices(9))
def test_rows_are_the_list_of_their_records(texts: list[bytes], stretches: int, part: slice) -> None:
    rows, records = Rows([texts] * stretches), [text * stretches for text in texts]
    assert list(rows) == records
    assert [rows[place] for place in range(len(rows))] == records
    assert list(rows[part]) == records[part]
    assert size_of(rows) == size_of(records) == len(b"".join(records))


def test_columns_may_be_of_any_whole_type() -> None:
    splicer = Splicer([Number("n"), Text(b":"), Piece("p", (b"a", b"b"))])
    for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8):
        assert list(splicer.write({"n": np.array([1, 100], kind), "p": np.array([1, 0], kind)}, 2)) == [
            b"1:b",
            b"100:a",
        ]


@pytest.mark.parametrize("byte", [b"\0", b"\n"])
def test_a_piece_may_hold_what_ends_a_row(byte: bytes) -> None:
    splicer = Splicer([Piece("p", (b"a", b"<" + byte + b">")), Number("n")])
    assert list(splicer.write({"p": np.array([0, 1]), "n": np.array([1, 2])}, 2)) == [b"a1", b"<" + byte + b">2"]
    with pytest.raises(ValueError, match="NUL or a line feed"):
        Splicer([Text(b"a" + byte)])
