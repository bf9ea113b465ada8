"""Table functions: one row in, any number of rows out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from streamguard.engine.functions.registry import FunctionError, choose, unknown
from streamguard.engine.functions.signatures import filled, parse
from streamguard.engine.language import types as t


@dataclass(frozen=True)
class TableFunction:
    """A table function chosen for a call: `rows` gives the values of its column, `type` is the type of one."""

    name: str
    type: t.Type
    rows: Callable[..., list[Any]] = field(compare=False, repr=False)


def explode(values: list[Any] | None) -> list[Any]:
    """A row for each element of an array."""
    return [] if values is None else values


def cube(values: list[Any] | None) -> list[Any]:
    """A row for each combination of the values of an array and null in their places."""
    if not values:
        return []
    return [list(each) for each in product(*[[None] if value is None else [None, value] for value in values])]


TABLE_FUNCTIONS = {
    "EXPLODE": ("explode", explode, ["(ARRAY<DECIMAL> input) -> DECIMAL", "(ARRAY<T> list) -> T"]),
    "CUBE_EXPLODE": ("cube_explode", cube, ["(ARRAY<T> columns) -> ARRAY<T>"]),
}


def find_table_function(name: str, arguments: Sequence[t.Type]) -> TableFunction:
    """The table function for a call.

    Raises:
        FunctionError: there is none, or not for such arguments.
    """
    if name.upper() not in TABLE_FUNCTIONS:
        raise FunctionError(unknown(name))
    shown, rows, texts = TABLE_FUNCTIONS[name.upper()]
    signatures = [parse(text) for text in texts]
    signature, bindings = choose(shown, [(each, each) for each in signatures], arguments, casting=False)
    returns = filled(signature.returns, bindings)
    if returns == t.Scalar("DECIMAL") and isinstance(arguments[0], t.Array):
        returns = arguments[0].element
    return TableFunction(shown, returns, rows)
