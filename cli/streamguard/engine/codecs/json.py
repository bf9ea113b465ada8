"""JSON: an object with a field for each column, or a single column's value on its own."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from decimal import Decimal as Exact
from typing import Any

import orjson

from streamguard.doubles import double_json
from streamguard.engine.codecs.coercion import coercion
from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.codecs.numbers import has_long_number
from streamguard.engine.language import types as t


def decoder(kind: t.Type, part: str) -> Callable[[bytes], Any]:
    """Bytes to a value of the type; None for a JSON null. The complete and slow way; raises `Undecodable`."""
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


def quick_decoder(kind: t.Type, part: str) -> Callable[[bytes], Any]:
    """The same function, quick for most values."""
    complete, coerce, loads = decoder(kind, part), coercion(kind), orjson.loads
    is_long = has_long_number if holds_decimal(kind) else lambda _: False

    def decode(raw: bytes) -> Any:
        try:
            if not is_long(raw):
                return coerce(loads(raw), "$")
        except (ValueError, ArithmeticError, RecursionError):
            pass  # bytes that do not fit, or numbers that need all their digits
        return complete(raw)

    return decode


def _document(raw: bytes) -> Any:
    """Parsed JSON, numbers with their digits. Half a surrogate pair is refused: it could never be written again."""
    document = json.loads(raw, parse_float=Exact, parse_constant=_no_constant)
    json.dumps(document, ensure_ascii=False, default=str).encode()
    return document


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def encoded(value: Any) -> bytes:
    """Any value as JSON."""
    return orjson.dumps(shown(value), option=orjson.OPT_NON_STR_KEYS)


def shown(value: Any) -> Any:
    """A value as orjson must be given it: doubles with Java's digits, decimals with all of theirs, bytes in base64."""
    match value:
        case float():
            return double_json(value)
        case Exact():
            return orjson.Fragment(format(value, "f"))
        case bytes():
            return base64.b64encode(value).decode()
        case dict():
            return {"null" if key is None else key: shown(each) for key, each in value.items()}
        case list():
            return [shown(each) for each in value]
        case _:
            return value


def must_be_shown(kind: t.Type) -> bool:
    """Whether `shown` may change a value of the type."""
    match kind:
        case t.Struct():
            return any(must_be_shown(of) for _, of in kind.fields)
        case t.Array():
            return must_be_shown(kind.element)
        case t.Map():
            return True  # MAP(NULL := …) has a key that is null
        case t.Decimal():
            return True
        case _:
            return kind in (t.DOUBLE, t.BYTES)


def holds_decimal(kind: t.Type) -> bool:
    """Whether a value of the type needs the digits that its numbers were written with."""
    match kind:
        case t.Struct():
            return any(holds_decimal(of) for _, of in kind.fields)
        case t.Array():
            return holds_decimal(kind.element)
        case t.Map():
            return holds_decimal(kind.value)
        case _:
            return isinstance(kind, t.Decimal)
