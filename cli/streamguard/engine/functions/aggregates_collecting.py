"""Aggregates that keep values: lists, sets, the first and last ones, the greatest ones, how often each comes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamguard.engine.functions.aggregates import Aggregate, Call, aggregate
from streamguard.engine.language import types as t

UNLIMITED = 2**31 - 1
SORTED = ("INTEGER", "BIGINT", "DOUBLE", "STRING", "DECIMAL", "DATE", "TIME", "TIMESTAMP", "BYTES")
HISTOGRAM_LIMIT = 1000


def _limit(properties: Mapping[str, Any], name: str) -> int:
    """How many values are kept; a negative limit is none."""
    limit = int(properties.get(f"ksql.functions.{name}.limit", UNLIMITED))
    return UNLIMITED if limit < 0 else limit


@aggregate("COLLECT_LIST", "(T val) -> ARRAY<T>")
def collect_list(call: Call) -> Aggregate:
    """All values, nulls too, in the order in which they came."""
    limit = _limit(call.properties, "collect_list")

    def add(state: list[Any], value: Any) -> list[Any]:
        if len(state) < limit:
            state.append(value)
        return state

    def undo(state: list[Any], value: Any) -> list[Any]:
        for index in range(len(state) - 1, -1, -1):
            if state[index] == value:
                del state[index]
                break
        return state

    return Aggregate(call.returns, list, add, lambda a, b: (a + b)[:limit], list, undo)


@aggregate("COLLECT_SET", "(T val) -> ARRAY<T>")
def collect_set(call: Call) -> Aggregate:
    """Every value once, null too, in the order in which they first came."""
    limit = _limit(call.properties, "collect_set")
    atoms = not isinstance(call.arguments[0], t.Array | t.Map | t.Struct)

    def add(state: Any, value: Any) -> Any:
        if value not in state and len(state) < limit:
            if atoms:
                state[value] = True
            else:
                state.append(value)
        return state

    def merge(one: Any, other: Any) -> Any:
        for value in other:
            one = add(one, value)
        return one

    return Aggregate(call.returns, dict if atoms else list, add, merge, list, intermediate=call.returns)


@aggregate("COUNT_DISTINCT", "(T val) -> BIGINT")
def count_distinct(call: Call) -> Aggregate:
    """How many different values there are: exact, where ksqlDB estimates."""
    collected = collect_set(Call(call.arguments, t.Array(call.arguments[0]), (), {}))

    def add(state: Any, value: Any) -> Any:
        return state if value is None else collected.add(state, value)

    return Aggregate(call.returns, collected.initial, add, collected.merge, len, intermediate=t.Array(t.INTEGER))


def _by_offset(call: Call, *, latest: bool) -> Aggregate:
    """State: pairs of a number that grows with every record, and a value, in the order of the numbers."""
    size = next((each for each in call.constants if not isinstance(each, bool)), None)
    ignores_nulls = next((each for each in call.constants if isinstance(each, bool)), True)
    keep = 1 if size is None else size
    if keep < 1:
        raise ValueError(f"{'latestN' if latest else 'earliestN'} must be 1 or greater")
    seen = [0]

    def add(state: list[Any], value: Any) -> list[Any]:
        if (value is None and ignores_nulls) or (not latest and len(state) >= keep):
            return state
        seen[0] += 1
        state = [*state, [seen[0], value]]
        return state[-keep:] if latest else state

    def merge(one: list[Any], other: list[Any]) -> list[Any]:
        joined = sorted(one + other, key=lambda pair: pair[0])
        return joined[-keep:] if latest else joined[:keep]

    def result(state: list[Any]) -> Any:
        if size is None:
            return state[0][1] if state else None
        return [value for _, value in state]

    def restored(state: list[Any]) -> None:
        seen[0] = max([seen[0], *[number for number, _ in state]])

    pair = t.Struct((("SEQ", t.BIGINT), ("VAL", call.arguments[0])))
    return Aggregate(
        call.returns,
        list,
        add,
        merge,
        result,
        intermediate=pair if size is None else t.Array(pair),
        restored=restored,
    )


for _name, _latest, _which in (("EARLIEST_BY_OFFSET", False, "first"), ("LATEST_BY_OFFSET", True, "last")):

    def _make(call: Call, latest: bool = _latest) -> Aggregate:
        return _by_offset(call, latest=latest)

    _make.__doc__ = (
        f"The {_which} value, or the {_which} n, in the order of offsets; nulls are left out unless told so."
    )
    aggregate(_name, "(T val) -> T")(_make)
    aggregate(_name, "(T val, BOOLEAN ignoreNulls) -> T", constants=1)(_make)
    aggregate(_name, "(T val, INTEGER n) -> ARRAY<T>", constants=1)(_make)
    aggregate(_name, "(T val, INTEGER n, BOOLEAN ignoreNulls) -> ARRAY<T>", constants=2)(_make)


def _size(call: Call) -> int:
    size: int = call.constants[-1]
    if size < 1:
        raise ValueError("k must be 1 or greater")
    return size


def _top(call: Call, *, distinct: bool) -> Aggregate:
    size = _size(call)

    def insert(state: list[Any], value: Any) -> list[Any]:
        place = len(state)
        while place and state[place - 1] < value:
            place -= 1
        if distinct and place and state[place - 1] == value:
            return state
        return [*state[:place], value, *state[place:]][:size]

    def add(state: list[Any], value: Any) -> list[Any]:
        return state if value is None else insert(state, value)

    def merge(one: list[Any], other: list[Any]) -> list[Any]:
        for value in other:
            one = insert(one, value)
        return one

    return Aggregate(call.returns, list, add, merge, list, intermediate=call.returns)


@aggregate("TOPK", *[f"({kind} val, INTEGER k) -> ARRAY<{kind}>" for kind in SORTED], constants=1)
def top(call: Call) -> Aggregate:
    """The k greatest values, greatest first; with further columns, structs of them."""
    return _top(call, distinct=False)


@aggregate("TOPKDISTINCT", *[f"({kind} val, INTEGER k) -> ARRAY<{kind}>" for kind in SORTED], constants=1)
def top_distinct(call: Call) -> Aggregate:
    """The k greatest different values, greatest first."""
    return _top(call, distinct=True)


@aggregate("TOPK", *[f"({kind} sort, ANY col, ANY... cols, INTEGER k) -> ARRAY<ANY>" for kind in SORTED], constants=1)
def top_rows(call: Call) -> Aggregate:
    """The k rows whose first column is greatest."""
    size = _size(call)
    names = ["sort_col", *[f"col{index}" for index in range(len(call.arguments) - 1)]]
    returns = t.Array(t.Struct(tuple(zip(names, call.arguments, strict=True))))

    def insert(state: list[Any], row: list[Any]) -> list[Any]:
        place = len(state)
        while place and state[place - 1][0] < row[0]:
            place -= 1
        return [*state[:place], row, *state[place:]][:size]

    def add(state: list[Any], *row: Any) -> list[Any]:
        return state if row[0] is None else insert(state, list(row))

    def merge(one: list[Any], other: list[Any]) -> list[Any]:
        for row in other:
            one = insert(one, row)
        return one

    def result(state: list[Any]) -> list[dict[str, Any]]:
        return [dict(zip(names, row, strict=True)) for row in state]

    return Aggregate(returns, list, add, merge, result, intermediate=returns)


@aggregate("HISTOGRAM", "(STRING val) -> MAP<STRING, BIGINT>")
def histogram(call: Call) -> Aggregate:
    """How often each value comes; of 1,000 values at most."""

    def change(state: dict[Any, int], value: Any, by: int) -> dict[Any, int]:
        if value in state or len(state) < HISTOGRAM_LIMIT:
            state[value] = state.get(value, 0) + by
            if state[value] < 1:
                del state[value]
        return state

    def merge(one: dict[Any, int], other: dict[Any, int]) -> dict[Any, int]:
        for value, number in other.items():
            one = change(one, value, number)
        return one

    return Aggregate(call.returns, dict, lambda s, v: change(s, v, 1), merge, dict, lambda s, v: change(s, v, -1))


@aggregate("ATTR", "(T val) -> T")
def attribute(call: Call) -> Aggregate:
    """The value, if all records have the same; else null."""

    def change(state: list[Any], value: Any, by: int) -> list[Any]:
        for pair in state:
            if pair[0] == value:
                pair[1] += by
                return [pair for pair in state if pair[1] > 0]
        return [*state, [value, by]] if by > 0 else state

    def merge(one: list[Any], other: list[Any]) -> list[Any]:
        for value, number in other:
            one = change(one, value, number)
        return one

    return Aggregate(
        call.returns,
        list,
        lambda state, value: change(state, value, 1),
        merge,
        lambda state: state[0][0] if len(state) == 1 else None,
        lambda state, value: change(state, value, -1),
        intermediate=t.Array(t.Struct((("VALUE", call.arguments[0]), ("COUNT", t.INTEGER)))),
    )
