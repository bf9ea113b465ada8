"""Arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamguard.doubles import double_text
from streamguard.engine.functions.registry import category
from streamguard.engine.language import types as t
from streamguard.engine.values.operations import text_of_boolean

scalar = category("ARRAY")
LONGEST = 100_000  # elements of a series


def distinct(values: list[Any]) -> list[Any]:
    """Every value once, in the order of their first appearance."""
    try:
        return list(dict.fromkeys(values))
    except TypeError:
        return [value for index, value in enumerate(values) if value not in values[:index]]


@scalar("ARRAY_LENGTH", "(ARRAY<T> array) -> INTEGER", inline="len({0})", fails=False)
def length(values: list[Any]) -> int:
    """The number of elements."""
    return len(values)


@scalar("ARRAY_CONTAINS", "(ARRAY<T> array, T val) -> BOOLEAN", nulls=True, fails=False)
def contains(values: list[Any] | None, value: Any) -> bool:
    """Whether an array holds a value."""
    return values is not None and value in values


@scalar("ARRAY_DISTINCT", "(ARRAY<T> array) -> ARRAY<T>", fails=False)
def unique(values: list[Any]) -> list[Any]:
    """The different values of an array, in the order of their first appearance."""
    return distinct(values)


@scalar("ARRAY_EXCEPT", "(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T>", fails=False)
def difference(values: list[Any], others: list[Any]) -> list[Any]:
    """The different values of one array that another does not hold."""
    return [value for value in distinct(values) if value not in others]


@scalar("ARRAY_INTERSECT", "(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T>", fails=False)
def intersection(values: list[Any], others: list[Any]) -> list[Any]:
    """The different values that two arrays both hold."""
    return [value for value in distinct(values) if value in others]


@scalar("ARRAY_UNION", "(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T>", fails=False)
def union(values: list[Any], others: list[Any]) -> list[Any]:
    """The different values of two arrays."""
    return distinct(values + others)


@scalar("ARRAY_CONCAT", "(ARRAY<T> left, ARRAY<T> right) -> ARRAY<T>", nulls=True, fails=False)
def concat(values: list[Any] | None, others: list[Any] | None) -> list[Any] | None:
    """The elements of one array, then those of another; a null one is left out."""
    if values is None or others is None:
        return others if values is None else values
    return values + others


@scalar("ARRAY_REMOVE", "(ARRAY<T> array, T element) -> ARRAY<T>", nulls=True, fails=False)
def remove(values: list[Any] | None, value: Any) -> list[Any] | None:
    """The elements of an array that do not equal a value."""
    return None if values is None else [each for each in values if each != value]


@scalar("ARRAY_MAX", "(ARRAY<T> array) -> T", fails=False)
def greatest(values: list[Any]) -> Any:
    """The greatest element that is not null."""
    return max((value for value in values if value is not None), default=None)


@scalar("ARRAY_MIN", "(ARRAY<T> array) -> T", fails=False)
def least(values: list[Any]) -> Any:
    """The least element that is not null."""
    return min((value for value in values if value is not None), default=None)


@scalar("ARRAY_SORT", "(ARRAY<T> array) -> ARRAY<T>", fails=False)
def ascending(values: list[Any]) -> list[Any]:
    """The elements in order, nulls last."""
    return sort(values, "ASC") or []


@scalar("ARRAY_SORT", "(ARRAY<T> array, STRING direction) -> ARRAY<T>", fails=False)
def sort(values: list[Any], direction: str) -> list[Any] | None:
    """The elements in order, ``ASC`` or ``DESC``, nulls last."""
    word = direction.strip().upper()
    if word not in ("ASC", "ASCENDING", "DESC", "DESCENDING"):
        return None
    found = sorted((value for value in values if value is not None), reverse=word.startswith("DESC"))
    return found + [None] * (len(values) - len(found))


def _joined(arguments: Sequence[t.Type], returns: t.Type) -> Callable[..., str]:
    del returns
    kind = arguments[0].element if isinstance(arguments[0], t.Array) else t.STRING
    shown: Callable[[Any], str] = {"DOUBLE": double_text, "BOOLEAN": text_of_boolean}.get(t.base(kind), str)

    def join(values: list[Any], delimiter: str = ",") -> str:
        return delimiter.join("null" if value is None else shown(value) for value in values)

    return join


for _text in ("(ARRAY<T> array) -> STRING", "(ARRAY<T> array, STRING delimiter) -> STRING"):

    def _build(arguments: Sequence[t.Type], returns: t.Type) -> Callable[..., str]:
        """The elements as one text with a delimiter between them."""
        return _joined(arguments, returns)

    scalar("ARRAY_JOIN", _text, build=True, fails=False)(_build)


@scalar("SLICE", "(ARRAY<T> in, INTEGER from, INTEGER to) -> ARRAY<T>", nulls=True, fails=False)
def part(values: list[Any] | None, start: int | None, end: int | None) -> list[Any] | None:
    """The elements from one position to another, both included; a null position is the end of the array."""
    if values is None:
        return None
    first = 0 if start is None else start - 1
    last = len(values) if end is None else end
    return values[first:last] if 0 <= first <= last <= len(values) else None


@scalar(
    "GENERATE_SERIES", "(INTEGER start, INTEGER end) -> ARRAY<INTEGER>", "(BIGINT start, BIGINT end) -> ARRAY<BIGINT>"
)
def series(start: int, end: int) -> list[int]:
    """The whole numbers from one to another."""
    return series_by(start, end, 1 if end >= start else -1)


@scalar(
    "GENERATE_SERIES",
    "(INTEGER start, INTEGER end, INTEGER step) -> ARRAY<INTEGER>",
    "(BIGINT start, BIGINT end, INTEGER step) -> ARRAY<BIGINT>",
)
def series_by(start: int, end: int, step: int) -> list[int]:
    """The whole numbers from one to another in steps."""
    if step == 0:
        raise ValueError("GENERATE_SERIES step cannot be zero")
    if (end - start) * step < 0:
        raise ValueError("GENERATE_SERIES step has wrong sign")
    found = range(start, end + (1 if step > 0 else -1), step)
    if len(found) > LONGEST:
        raise ValueError(f"GENERATE_SERIES makes at most {LONGEST} elements")
    return list(found)
