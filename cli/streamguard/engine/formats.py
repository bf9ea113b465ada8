"""Bytes to column values and back: JSON values by ksqlDB's coercion rules, KAFKA and JSON keys.

`decoder` is the complete and slow way; compiled queries try a quick one first and come here for anything unusual.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from decimal import Decimal as Exact
from operator import itemgetter
from typing import Any

import orjson

from streamguard.doubles import double_json
from streamguard.engine import types as t
from streamguard.engine.operations import (
    NUMBER,
    WHOLE,
    whole_of_double,
    wrap_bigint,
    wrap_integer,
)

LAYOUTS = 500  # key orders remembered of one kind of JSON object
WIDTHS = {t.INTEGER: 32, t.BIGINT: 64}
Coerce = Callable[[Any, str], Any]


class Undecodable(ValueError):
    """A record's key or value is not what the columns say; the reason never holds the data."""


class Unusual(ValueError):
    """The quick way does not apply to this record."""


def unusual() -> Any:
    """Leave the quick way."""
    raise Unusual


def decoder(columns: Sequence[tuple[str, t.Type]]) -> Callable[[bytes], dict[str, Any] | None]:
    """Bytes to a dictionary with every column; None for a JSON null.

    The function raises `Undecodable`.
    """
    return _json_decoder(t.Struct(tuple(columns)), "value")


def _json_decoder(kind: t.Type, part: str) -> Callable[[bytes], Any]:
    coerce = coercion(kind)

    def decode(raw: bytes) -> Any:
        try:
            return coerce(_document(raw), "$")
        except Undecodable:
            raise
        except RecursionError:
            raise Undecodable(f"the {part} is nested too deeply") from None
        except (ValueError, ArithmeticError):  # ArithmeticError: an exponent that no number has
            raise Undecodable(f"the {part} is not JSON") from None

    return decode


def _document(raw: bytes) -> Any:
    """Parsed JSON, numbers with their digits. Half a surrogate pair is refused: it could never be written again."""
    document = json.loads(raw, parse_float=Exact, parse_constant=_no_constant)
    json.dumps(document, ensure_ascii=False, default=str).encode()
    return document


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def coercion(kind: t.Type) -> Coerce:
    """A function from a parsed JSON value, and its path for errors, to a value of the type."""
    match kind:
        case t.Struct():
            return _struct(kind)
        case t.Array():
            return _array(kind)
        case t.Map():
            return _map(kind)
        case t.INTEGER | t.BIGINT:
            return _whole(kind)
        case _:
            scalars: dict[t.Type, Coerce] = {t.STRING: _string, t.DOUBLE: _double, t.BOOLEAN: _boolean}
            return scalars[kind]


def _wrong(value: Any, kind: t.Type | str, path: str) -> Undecodable:
    names = {dict: "ObjectNode", list: "ArrayNode", str: "TextNode", bool: "BooleanNode", int: "IntNode"}
    found = names.get(type(value), "DecimalNode")
    return Undecodable(f"Can't convert type. sourceType: {found}, requiredType: {kind}, path: {path}")


def _struct(kind: t.Struct) -> Coerce:
    names = [name for name, _ in kind.fields]
    layouts = Layouts(names)
    inner = [(name, coercion(of)) for name, of in kind.fields]

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise _wrong(value, "STRUCT", path)
        found = layouts[tuple(value)](value)
        return {name: convert(each, f"{path}.{name}") for (name, convert), each in zip(inner, found, strict=True)}

    return coerce


def _array(kind: t.Array) -> Coerce:
    convert = coercion(kind.element)

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not list:
            raise _wrong(value, "ARRAY", path)
        return [convert(each, f"{path}[{index}]") for index, each in enumerate(value)]

    return coerce


def _map(kind: t.Map) -> Coerce:
    convert = coercion(kind.value)

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is not dict:
            raise _wrong(value, "MAP", path)
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


def _whole(kind: t.Type) -> Coerce:
    bits = WIDTHS[kind]  # type: ignore[index]
    wrap = wrap_integer if bits == 32 else wrap_bigint

    def coerce(value: Any, path: str) -> Any:
        if value is None:
            return None
        if type(value) is int:
            return wrap(value)
        if isinstance(value, float | Exact):
            return whole_of_double(float(value), bits)
        if type(value) is str and WHOLE.fullmatch(value) and len(value) <= 40:
            number = int(value)
            if wrap(number) == number:
                return number
        raise _wrong(value, kind, path)

    return coerce


def _double(value: Any, path: str) -> Any:
    if value is None:
        return None
    if type(value) is str and NUMBER.fullmatch(value.strip()):
        return float(value.strip().rstrip("dDfF"))
    if isinstance(value, int | float | Exact) and type(value) is not bool:
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    raise _wrong(value, "DOUBLE", path)


def _boolean(value: Any, path: str) -> Any:
    if value is None or type(value) is bool:
        return value
    raise _wrong(value, "BOOLEAN", path)


class Layouts(dict[tuple[str, ...], Callable[[dict[str, Any]], tuple[Any, ...]]]):
    """Key order of a JSON object → function that gets the wanted fields from one with just these keys.

    A field is found by its exact name, else by the last key that is its name in other case; null when absent. Finding
    out costs once for each key order, not once a record.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = tuple(names)
        self.quick = _getter([*self.names])

    def __missing__(self, keys: tuple[str, ...]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
        if len(self) >= LAYOUTS:
            self.clear()
        upper = {key.upper(): key for key in keys}
        spellings = [name if name in keys else upper.get(name) for name in self.names]
        made = self[keys] = _getter(spellings)
        return made

    def learn(self, value: dict[str, Any]) -> tuple[Any, ...]:
        """The wanted fields; `quick` is from now on right for objects with just these fields, spelled like this."""
        made = self[tuple(value)]
        if len(value) == len(self.names) and type(made) is itemgetter:
            self.quick = made
        return made(value)


def _getter(spellings: list[str | None]) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    if len(spellings) > 1 and all(spelling is not None for spelling in spellings):
        getter: Callable[[dict[str, Any]], tuple[Any, ...]] = itemgetter(*spellings)
        return getter

    def get(value: dict[str, Any]) -> tuple[Any, ...]:
        return tuple([None if key is None else value[key] for key in spellings])

    return get


def key_decoder(kind: t.Type, key_format: str) -> Callable[[bytes], Any]:
    """Key bytes to the key column's value; the function raises `Undecodable`."""
    if key_format == "JSON":
        return _json_decoder(kind, "key")
    if kind == t.STRING:
        return lambda raw: raw.decode(errors="replace")
    packing = _packing(kind)

    def decode(raw: bytes) -> Any:
        if len(raw) != packing.size:
            raise Undecodable(f"the key has {len(raw)} bytes, a {kind} has {packing.size}")
        return packing.unpack(raw)[0]

    return decode


def key_encoder(kind: t.Type, key_format: str) -> Callable[[Any], bytes]:
    """A key column's value, never None, to bytes."""
    if key_format == "JSON":
        return lambda value: orjson.dumps(shown(value))
    if kind == t.STRING:
        return str.encode
    return _packing(kind).pack


def _packing(kind: t.Type) -> struct.Struct:
    return struct.Struct({t.INTEGER: ">i", t.BIGINT: ">q", t.DOUBLE: ">d"}[kind])  # type: ignore[index]


def shown(value: Any) -> Any:
    """A value as orjson must be given it, so that doubles have Java's digits, also inside structs, arrays and maps."""
    if type(value) is float:
        return double_json(value)
    if type(value) is dict:
        return {key: shown(each) for key, each in value.items()}
    if type(value) is list:
        return [shown(each) for each in value]
    return value


def holds_double(kind: t.Type) -> bool:
    """Whether a value of the type may hold a double."""
    match kind:
        case t.Struct():
            return any(holds_double(of) for _, of in kind.fields)
        case t.Array():
            return holds_double(kind.element)
        case t.Map():
            return holds_double(kind.value)
        case _:
            return kind == t.DOUBLE
