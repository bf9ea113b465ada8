"""Aggregates that count and compute."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from streamguard.engine.functions.aggregates import Aggregate, Call, aggregate
from streamguard.engine.language import types as t
from streamguard.engine.values.operations import EXACT, fit_decimal, wrap_bigint, wrap_integer

NUMBERS = ("INTEGER", "BIGINT", "DOUBLE", "DECIMAL")
COMPARED = ("INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "STRING", "BYTES")


@aggregate("COUNT", "() -> BIGINT", "(ANY val) -> BIGINT")
def count(call: Call) -> Aggregate:
    """The number of records, or of those where the argument is not null."""

    def add(state: int, *values: Any) -> int:
        return state if None in values else state + 1

    def undo(state: int, *values: Any) -> int:
        return state if None in values else state - 1

    return Aggregate(call.returns, int, add, lambda a, b: a + b, undo=undo, inline="{state} + 1")


INLINE_SUMS = {
    "DOUBLE": "{state} + {0}",
    "INTEGER": "wrap_integer({state} + {0})",
    "BIGINT": "wrap_bigint({state} + {0})",
}


def _sums(kind: t.Type) -> tuple[Callable[[Any], Any], Any]:
    """A function that brings a sum back into its type, and zero."""
    if isinstance(kind, t.Decimal):
        zero = Decimal(0).scaleb(-kind.scale)
        return lambda value: fit_decimal(value, kind.precision, kind.scale), zero
    if kind == t.DOUBLE:
        return lambda value: value, 0.0
    return (wrap_integer if kind == t.INTEGER else wrap_bigint), 0


def _summing(kind: t.Type) -> Aggregate:
    keep, zero = _sums(kind)
    plus, minus = (EXACT.add, EXACT.subtract) if isinstance(kind, t.Decimal) else (_plus, _minus)
    return Aggregate(
        kind,
        lambda: zero,
        lambda state, value: state if value is None else keep(plus(state, value)),
        lambda a, b: keep(plus(a, b)),
        undo=lambda state, value: state if value is None else keep(minus(state, value)),
        inline=INLINE_SUMS.get(t.base(kind)),
    )


def _plus(one: Any, other: Any) -> Any:
    return one + other


def _minus(one: Any, other: Any) -> Any:
    return one - other


@aggregate("SUM", *[f"({kind} val) -> {kind}" for kind in NUMBERS])
def total(call: Call) -> Aggregate:
    """The sum of the values that are not null."""
    return _summing(call.returns)


@aggregate("SUM_LIST", *[f"(ARRAY<{kind}> val) -> {kind}" for kind in NUMBERS])
def total_of_lists(call: Call) -> Aggregate:
    """The sum of all values in arrays."""
    one = _summing(call.returns)

    def each(step: Callable[[Any, Any], Any]) -> Callable[[Any, list[Any] | None], Any]:
        def over(state: Any, values: list[Any] | None) -> Any:
            for value in values or ():
                state = step(state, value)
            return state

        return over

    return Aggregate(call.returns, one.initial, each(one.add), one.merge, undo=each(one.undo or one.add))


@aggregate("AVG", *[f"({kind} val) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")])
def average(call: Call) -> Aggregate:
    """The average of the values that are not null."""
    kind = call.arguments[0]
    keep, zero = _sums(t.BIGINT if kind == t.INTEGER else kind)

    def add(state: list[Any], value: Any) -> list[Any]:
        return state if value is None else [keep(state[0] + value), state[1] + 1]

    def undo(state: list[Any], value: Any) -> list[Any]:
        return state if value is None else [keep(state[0] - value), state[1] - 1]

    wrapped = "{state}[0] + {0}" if kind == t.DOUBLE else "wrap_bigint({state}[0] + {0})"
    return Aggregate(
        call.returns,
        lambda: [zero, 0],
        add,
        lambda a, b: [keep(a[0] + b[0]), a[1] + b[1]],
        lambda state: float(state[0]) / state[1] if state[1] else 0.0,
        undo,
        f"[{wrapped}, {{state}}[1] + 1]",
        intermediate=t.Struct((("SUM", kind), ("COUNT", t.BIGINT))),
    )


def _best(call: Call, better: Callable[[Any, Any], Any], symbol: str) -> Aggregate:
    def add(state: Any, value: Any) -> Any:
        return state if value is None else value if state is None else better(state, value)

    inline = f"{{0}} if {{state}} is None or {{0}} {symbol} {{state}} else {{state}}"
    return Aggregate(call.returns, lambda: None, add, add, inline=inline)


@aggregate("MAX", *[f"({kind} val) -> {kind}" for kind in COMPARED])
def greatest(call: Call) -> Aggregate:
    """The greatest value."""
    return _best(call, max, ">")


@aggregate("MIN", *[f"({kind} val) -> {kind}" for kind in COMPARED])
def least(call: Call) -> Aggregate:
    """The least value."""
    return _best(call, min, "<")


def _deviation(call: Call, result: Callable[[float], float]) -> Aggregate:
    """State: count, sum, and the sum of squared distances from the mean, kept up to date as Youngs and Cramer do."""
    kind = call.arguments[0]
    wrap: Callable[[Any], Any] = (lambda value: value) if kind == t.DOUBLE else wrap_bigint

    def add(state: list[Any], value: Any) -> list[Any]:
        if value is None:
            return state
        number, summed = state[0] + 1, wrap(state[1] + value)
        return [number, summed, state[2] + _distance(number, summed, value)]

    def undo(state: list[Any], value: Any) -> list[Any]:
        if value is None:
            return state
        number, summed, squares = state
        return [number - 1, wrap(summed - value), squares - _distance(number, summed, value) if number > 2 else 0.0]

    def merge(a: list[Any], b: list[Any]) -> list[Any]:
        if not a[0] or not b[0]:
            return a if a[0] else b
        apart = b[1] / b[0] - a[1] / a[0]
        return [a[0] + b[0], wrap(a[1] + b[1]), a[2] + b[2] + apart * apart * a[0] * b[0] / (a[0] + b[0])]

    return Aggregate(
        call.returns,
        lambda: [0, 0.0 if kind == t.DOUBLE else 0, 0.0],
        add,
        merge,
        lambda state: result(state[2] / (state[0] - 1)) if state[0] > 1 else 0.0,
        undo,
        intermediate=t.Struct((("SUM", kind), ("COUNT", t.BIGINT), ("M2", t.DOUBLE))),
    )


def _distance(number: int, summed: Any, value: Any) -> float:
    """What the last of so many values adds to the sum of squares."""
    return (number * value - summed) ** 2 / (number * (number - 1)) if number > 1 else 0.0


DEVIATED = [f"({kind} val) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")]


@aggregate("STDDEV_SAMP", *DEVIATED)
def variance(call: Call) -> Aggregate:
    """The variance of a sample: what ksqlDB computes under this name, which it keeps for old queries."""
    return _deviation(call, lambda value: value)


@aggregate("STDDEV_SAMPLE", *DEVIATED)
def deviation(call: Call) -> Aggregate:
    """The standard deviation of a sample."""
    return _deviation(call, lambda value: math.sqrt(value) if value >= 0 else math.nan)


@aggregate("CORRELATION", *[f"({kind} x, {kind} y) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")])
def correlation(call: Call) -> Aggregate:
    """Pearson's correlation of two columns, over the records where both are not null."""

    def step(state: list[Any], x: Any, y: Any, sign: int) -> list[Any]:
        if x is None or y is None:
            return state
        x, y = float(x), float(y)
        added = [1, x, y, x * x, y * y, x * y]
        return [one + sign * other for one, other in zip(state, added, strict=True)]

    def finish(state: list[Any]) -> float:
        number, x, y, xx, yy, xy = state
        if number == 0:
            return math.nan
        spread = (number * xx - x * x) * (number * yy - y * y)
        return (number * xy - x * y) / math.sqrt(spread) if spread > 0 else math.nan

    names = ("COUNT", "SUM_X", "SUM_Y", "SUM_X_SQUARED", "SUM_Y_SQUARED", "SUM_XY")
    return Aggregate(
        call.returns,
        lambda: [0, 0.0, 0.0, 0.0, 0.0, 0.0],
        lambda state, x, y: step(state, x, y, 1),
        lambda a, b: [one + other for one, other in zip(a, b, strict=True)],
        finish,
        lambda state, x, y: step(state, x, y, -1),
        intermediate=t.Struct(tuple((name, t.DOUBLE) for name in names)),
    )
