"""The records of a case as bytes, and what the engine wrote as values to compare.

Written apart from the engine's own codecs: a mistake there must not hide itself here.
"""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.language import types as t

PACKING = {t.INTEGER: ">i", t.BIGINT: ">q", t.DOUBLE: ">d"}
SUPPORTED = ("JSON", "DELIMITED", "KAFKA", "NONE")


class Unsupported(Exception):
    """A format that the runner can not write or read."""


def key_bytes(source: Source, key: Any, window: dict[str, Any] | None) -> bytes | None:
    """The key of an input record."""
    raw = _bytes(source.key_format, source.keys, key)
    if raw is None or window is None:
        return raw
    if window["type"].lower() == "session":
        return raw + struct.pack(">qq", window["end"], window["start"])
    return raw + struct.pack(">q", window["start"])


def value_bytes(source: Source, value: Any) -> bytes | None:
    """The value of an input record."""
    return _bytes(source.value_format, source.values, value)


def _bytes(form: str, columns: tuple[Column, ...], spec: Any) -> bytes | None:
    if form not in SUPPORTED:
        raise Unsupported(f"the runner has no format {form}")
    if spec is None:
        return None
    match form:
        case "JSON":
            return dumped(spec).encode()
        case "DELIMITED":
            return str(spec).encode()
        case "NONE":
            return str(spec).encode()  # nothing reads it
    kind = columns[0].type if columns else t.STRING
    if kind in PACKING:
        return struct.pack(PACKING[kind], float(spec) if kind == t.DOUBLE else int(spec))
    return (spec if isinstance(spec, str) else dumped(spec)).encode()


def dumped(value: Any) -> str:
    """JSON text; numbers keep their digits."""
    match value:
        case Decimal():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(name)}:{dumped(each)}" for name, each in value.items()) + "}"
        case list():
            return "[" + ",".join(map(dumped, value)) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def key_of(source: Source, raw: bytes | None, *, exact: bool) -> tuple[Any, dict[str, Any] | None]:
    """The key that was written, and its window."""
    if raw is None or source.window is None:
        return _value(source.key_format, source.keys, raw, exact=exact), None
    if source.window.type == "SESSION":
        end, start = struct.unpack(">qq", raw[-16:])
        window = {"type": "session", "start": start, "end": end}
        raw = raw[:-16]
    else:
        (start,) = struct.unpack(">q", raw[-8:])
        window = {"type": "time", "start": start, "end": start + (source.window.size or 0)}
        raw = raw[:-8]
    return _value(source.key_format, source.keys, raw, exact=exact), window


def value_of(source: Source, raw: bytes | None, *, exact: bool) -> Any:
    """The value that was written."""
    return _value(source.value_format, source.values, raw, exact=exact)


def _value(form: str, columns: tuple[Column, ...], raw: bytes | None, *, exact: bool) -> Any:
    if form not in SUPPORTED:
        raise Unsupported(f"the runner has no format {form}")
    if raw is None:
        return None
    match form:
        case "JSON":
            return json.loads(raw, parse_float=Decimal if exact else float)
        case "DELIMITED":
            return raw.decode()
        case "NONE":
            return raw
    kind = columns[0].type if columns else t.STRING
    if kind in PACKING:
        (found,) = struct.unpack(PACKING[kind], raw)
        return Decimal(repr(found)) if kind == t.DOUBLE else found
    return raw if kind == t.BYTES else raw.decode()
