"""KAFKA: a single column in the bytes of Kafka's own serializers."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.language import types as t

PACKING: dict[t.Type, struct.Struct] = {
    t.INTEGER: struct.Struct(">i"),
    t.BIGINT: struct.Struct(">q"),
    t.DOUBLE: struct.Struct(">d"),
}


def decoder(kind: t.Type, part: str) -> Callable[[bytes], Any]:
    """Bytes to the column's value; raises `Undecodable`."""
    if kind == t.STRING:
        return lambda raw: raw.decode(errors="replace")
    if kind == t.BYTES:
        return bytes
    packing = PACKING[kind]

    def decode(raw: bytes) -> Any:
        if len(raw) != packing.size:
            raise Undecodable(f"the {part} has {len(raw)} bytes, a {kind} has {packing.size}")
        return packing.unpack(raw)[0]

    return decode


def encoder(kind: t.Type) -> Callable[[Any], bytes]:
    """The column's value, never None, to bytes."""
    if kind == t.STRING:
        return str.encode
    if kind == t.BYTES:
        return bytes
    return PACKING[kind].pack
