"""A parsed JSON value to a column's value, by ksqlDB's rules: it takes texts for numbers, and anything for a text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from decimal import Decimal as Exact
from typing import Any

import orjson

from streamguard.engine.codecs.errors import Undecodable, Unusual
from streamguard.engine.codecs.layouts import Layouts
from streamguard.engine.codecs.numbers import decimal_of_text, double_of_text, fitted, time_of_day, whole, whole_of_text
from streamguard.engine.language import types as t

Coerce = Callable[[Any, str], Any]
NUMBERS = (int, float, Exact)
TINY = 1e-290


def coercion(kind: t.Type) -> Coerce:
    """A function from a parsed JSON value, and its path for errors, to a value of the type."""
    match kind:
        case t.Struct():
            return _struct(kind)
        case t.Array():
            return _array(kind)
        case t.Map():
            return _map(kind)
        case t.Decimal():
            return _decimal(kind)
        case _:
            return SCALARS[kind]


def wrong(value: Any, kind: t.Type | str, path: str) -> Undecodable:
    """The error for a value that does not become the type."""
    names = {dict: "ObjectNode", list: "ArrayNode", str: "TextNode", bool: "BooleanNode", int: "IntNode"}
    found = names.get(type(value), "DecimalNode")
    return Undecodable(f"Can't convert type. sourceType: {found}, requiredType: {kind}, path: {path}")


def _struct(kind: t.Struct) -> Coerce:
    layouts = Layouts([name for name, _ in kind.fields])
    inner = [(name, coercion(of)) for name, of in kind.fields]

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise wrong(value, "STRUCT", path)
        found = layouts[tuple(value)](value)
        return {name: convert(each, f"{path}.{name}") for (name, convert), each in zip(inner, found, strict=True)}

    return coerce


def _array(kind: t.Array) -> Coerce:
    convert = coercion(kind.element)

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not list:
            raise wrong(value, "ARRAY", path)
        return [convert(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return coerce


def _map(kind: t.Map) -> Coerce:
    convert = coercion(kind.value)

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise wrong(value, "MAP", path)
        return {key: convert(each, f"{path}.value") for key, each in value.items()}

    return coerce


def _string(value: Any, path: str) -> Any:
    if value is None or type(value) is str:
        return value
    if type(value) is dict:
        return json_text(value)
    if type(value) is list:
        return "[" + ", ".join("null" if each is None else _string(each, path) for each in value) + "]"
    return json_text(value)


def json_text(value: Any) -> str:
    """JSON without blanks; numbers with the digits that they came with.

    Raises:
        Unusual: a float, whose digits are lost: parse the record again with exact numbers.
    """
    match value:
        case float():
            raise Unusual
        case bool() | None:
            return {True: "true", False: "false", None: "null"}[value]
        case int() | Exact():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json_text(key)}:{json_text(each)}" for key, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(json_text, value)) + "]"
        case _:
            return orjson.dumps(value).decode()


def _whole(kind: t.Type, bits: int) -> Coerce:
    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is int or type(value) is Exact:
            return whole(value, bits)
        if type(value) is float:  # its digits are lost: parse the record again with exact numbers
            raise Unusual
        if type(value) is str:
            number = whole_of_text(value, bits)
            if number is not None:
                return number
        raise wrong(value, kind, path)

    return coerce


def _time(value: Any, path: str) -> Any:
    ms = WHOLE_TIME(value, path)
    return None if ms is None else time_of_day(ms)


def _double(value: Any, path: str) -> Any:
    if value is None or type(value) is float:
        return value
    if type(value) is str:
        number = double_of_text(value)
        if number is not None:
            return number
    elif type(value) in NUMBERS:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    raise wrong(value, t.DOUBLE, path)


def _decimal(kind: t.Decimal) -> Coerce:
    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        number = decimal_of_text(value) if type(value) is str else value
        if type(number) not in NUMBERS:
            raise wrong(value, kind, path)
        if type(number) is float and -TINY < number < TINY:  # its digits may be lost, as those of 1e-400
            raise Unusual
        return fitted(number, kind)

    return coerce


def _boolean(value: Any, path: str) -> Any:
    if value is None or type(value) is bool:
        return value
    raise wrong(value, t.BOOLEAN, path)


def _bytes(value: Any, path: str) -> Any:
    if value is None:
        return None
    if type(value) is not str:
        raise wrong(value, t.BYTES, path)
    return of_base64(value)


def of_base64(text: str) -> bytes:
    """Raises `Undecodable`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Undecodable("a text is not base64") from None


WHOLE_TIME = _whole(t.TIME, 64)
SCALARS: dict[t.Type, Coerce] = {
    t.STRING: _string,
    t.DOUBLE: _double,
    t.BOOLEAN: _boolean,
    t.BYTES: _bytes,
    t.INTEGER: _whole(t.INTEGER, 32),
    t.BIGINT: _whole(t.BIGINT, 64),
    t.DATE: _whole(t.DATE, 32),
    t.TIME: _time,
    t.TIMESTAMP: _whole(t.TIMESTAMP, 64),
}
