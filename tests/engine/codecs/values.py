"""Columns of every type, and rows that fit them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from streamguard.engine.analysis.metastore import Column
from streamguard.engine.language import types as t

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WHOLE = {bits: st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (32, 64)}
SCALARS: dict[t.Type, st.SearchStrategy[Any]] = {
    t.BOOLEAN: st.booleans(),
    t.INTEGER: WHOLE[32],
    t.BIGINT: WHOLE[64],
    t.DOUBLE: st.floats(allow_nan=False),
    t.STRING: TEXT,
    t.BYTES: st.binary(max_size=8),
    t.DATE: WHOLE[32],
    t.TIME: st.integers(0, 86_399_999),
    t.TIMESTAMP: WHOLE[64],
}
KINDS = st.sampled_from(list(SCALARS)) | st.builds(
    lambda precision, scale: t.Decimal(max(precision, scale), scale), st.integers(1, 40), st.integers(0, 20)
)
NESTED = st.recursive(
    KINDS,
    lambda inner: (
        inner.map(t.Array)
        | inner.map(lambda kind: t.Map(t.STRING, kind))
        | st.lists(inner, min_size=1, max_size=3).map(
            lambda kinds: t.Struct(tuple((f"F{at}", kind) for at, kind in enumerate(kinds)))
        )
    ),
    max_leaves=4,
)


def values(kind: t.Type) -> st.SearchStrategy[Any]:
    """Values of a type, null among them."""
    match kind:
        case t.Array():
            return st.none() | st.lists(values(kind.element), max_size=3)
        case t.Map():
            return st.none() | st.dictionaries(TEXT, values(kind.value), max_size=3)
        case t.Struct():
            return st.none() | st.fixed_dictionaries({name: values(of) for name, of in kind.fields})
        case t.Decimal():
            most = 10**kind.precision - 1
            return st.none() | st.integers(-most, most).map(lambda digits: scaled(digits, kind.scale))
        case _:
            return st.none() | SCALARS[kind]


def scaled(digits: int, scale: int) -> Decimal:
    """The digits with a point in them."""
    return Decimal((int(digits < 0), tuple(map(int, str(abs(digits)))), -scale))


@st.composite
def columns_and_rows(draw: st.DrawFn, *, nested: bool = False) -> tuple[list[Column], dict[str, Any]]:
    """Some columns, and a row of them."""
    kinds = draw(st.lists(NESTED if nested else KINDS, min_size=1, max_size=4))
    columns = [Column(f"C{at}", kind) for at, kind in enumerate(kinds)]
    return columns, {column.name: draw(values(column.type)) for column in columns}
