"""JSON in texts. Numbers keep the digits that they came with; what follows the first value is not looked at."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from streamguard.doubles import double_text
from streamguard.engine.functions.registry import category
from streamguard.engine.language import types as t
from streamguard.engine.values import moments
from streamguard.engine.values.operations import java_order

scalar = category("JSON")
STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<index>-?\d+)\]|\[['\"](?P<quoted>[^'\"]*)['\"]\]")
MISSING = object()


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


DECODER = json.JSONDecoder(parse_float=Decimal, parse_constant=_no_constant)


def parsed(text: str) -> Any:
    """The first JSON value of a text, `MISSING` when it is empty.

    Raises:
        ValueError: it is not JSON.
    """
    stripped = text.lstrip()
    if not stripped:
        return MISSING
    try:
        return DECODER.raw_decode(stripped)[0]
    except (ValueError, RecursionError, ArithmeticError):
        raise ValueError("a text is not JSON") from None


def written(value: Any) -> str:
    """JSON without blanks."""
    match value:
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | Decimal():
            return str(value)
        case dict():
            return f"{{{','.join(f'{written(name)}:{written(each)}' for name, each in value.items())}}}"
        case list():
            return f"[{','.join(map(written, value))}]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def text_of(value: Any) -> str:
    """A text as it is, other values as JSON."""
    return value if isinstance(value, str) else written(value)


def steps(path: str) -> list[str | int]:
    """The names and indexes of a path such as ``$.a[0].b``.

    Raises:
        ValueError: it is none.
    """
    if not path.startswith("$"):
        raise ValueError("a JSON path starts with $")
    made: list[str | int] = []
    place = 1
    while place < len(path):
        found = STEP.match(path, place)
        if not found:
            raise ValueError("a text is not a JSON path")
        made.append(int(found["index"]) if found["index"] else found["name"] or found["quoted"])
        place = found.end()
    return made


@scalar("EXTRACTJSONFIELD", "(STRING input, STRING path) -> STRING", prepare={1: steps})
def extract(text: str, path: list[str | int]) -> str | None:
    """The value at a path in a JSON text; null when there is none."""
    value = parsed(text)
    for step in path:
        if isinstance(step, str):
            value = value.get(step, MISSING) if isinstance(value, dict) else MISSING
        else:
            inside = isinstance(value, list) and 0 <= step < len(value)
            value = value[step] if inside else MISSING
        if value is MISSING:
            return None
    return None if value is MISSING else text_of(value)


@scalar("IS_JSON_STRING", "(STRING input) -> BOOLEAN", nulls=True, fails=False)
def is_json(text: str | None) -> bool:
    """Whether a text is JSON."""
    try:
        return text is not None and parsed(text) is not MISSING
    except ValueError:
        return False


@scalar("JSON_ARRAY_LENGTH", "(STRING jsonArray) -> INTEGER")
def array_length(text: str) -> int | None:
    """The number of elements of a JSON array; null when it is none."""
    value = parsed(text)
    return len(value) if isinstance(value, list) else None


@scalar("JSON_ARRAY_CONTAINS", "(STRING jsonArray, ANY val) -> BOOLEAN", nulls=True)
def array_contains(text: str | None, wanted: Any) -> bool:
    """Whether a JSON array holds a value."""
    if text is None:
        return False
    values = parsed(text)
    if not isinstance(values, list):
        return False
    if wanted is None or isinstance(wanted, bool | str):
        return any(type(value) is type(wanted) and value == wanted for value in values)
    numbers = [value for value in values if isinstance(value, int | Decimal) and not isinstance(value, bool)]
    if isinstance(wanted, float):
        return any(isinstance(value, Decimal) and float(value) == wanted for value in numbers)
    return any(value == wanted and isinstance(value, int) == isinstance(wanted, int) for value in numbers)


@scalar("JSON_CONCAT", "(STRING... jsonStrings) -> STRING", nulls=True)
def concat(*texts: str | None) -> str | None:
    """Several JSON values as one: objects are merged, everything else is put into one array."""
    values: list[Any] = [MISSING if text is None else parsed(text) for text in texts]
    if not values or MISSING in values:
        return None
    if all(isinstance(value, dict) for value in values):
        merged: dict[str, Any] = {}
        for value in values:
            merged |= value
        return written(merged)
    return written([each for value in values for each in (value if isinstance(value, list) else [value])])


@scalar("JSON_KEYS", "(STRING jsonObj) -> ARRAY<STRING>")
def keys(text: str) -> list[str] | None:
    """The keys of a JSON object; null when it is none."""
    value = parsed(text)
    return list(value) if isinstance(value, dict) else None


@scalar("JSON_RECORDS", "(STRING jsonObj) -> MAP<STRING, STRING>")
def records(text: str) -> dict[str, str] | None:
    """Keys and values of a JSON object; null when it is none."""
    value = parsed(text)
    return {name: text_of(each) for name, each in value.items()} if isinstance(value, dict) else None


@scalar("JSON_ITEMS", "(STRING jsonItems) -> ARRAY<STRING>")
def items(text: str) -> list[str] | None:
    """The elements of a JSON array, each as JSON; null when it is none."""
    value = parsed(text)
    return [written(each) for each in value] if isinstance(value, list) else None


def _writer(kind: t.Type) -> Callable[[Any], str]:
    """A function that writes values of a type as JSON."""
    match kind:
        case t.Array():
            element = _writer(kind.element)
            return lambda value: "null" if value is None else f"[{','.join(map(element, value))}]"
        case t.Map():
            inner = _writer(kind.value)
            return lambda value: (
                "null"
                if value is None
                else f"{{{','.join(f'{written(text_of(k))}:{inner(value[k])}' for k in java_order(value))}}}"
            )
        case t.Struct():
            fields = [(name, written(name), _writer(of)) for name, of in kind.fields]
            return lambda value: (
                "null" if value is None else f"{{{','.join(f'{shown}:{of(value[n])}' for n, shown, of in fields)}}}"
            )
        case _:
            convert = SCALARS.get(t.base(kind), written)
            return lambda value: "null" if value is None else convert(value)


def _double(value: float) -> str:
    return double_text(value) if value - value == 0 else written(double_text(value))


SCALARS: dict[str, Callable[[Any], str]] = {
    "DOUBLE": _double,
    "BYTES": lambda value: written(base64.b64encode(value).decode()),
    "DATE": lambda value: written(moments.text_of_date(value)),
    "TIME": lambda value: written(moments.text_of_time(value)),
    "TIMESTAMP": lambda value: written(moments.text_of_timestamp(value)),
}


@scalar("TO_JSON_STRING", "(ANY val) -> STRING", nulls=True, build=True)
def to_json(arguments: Sequence[t.Type], returns: t.Type) -> Callable[[Any], str]:
    """Any value as JSON text."""
    del returns
    return _writer(arguments[0])
