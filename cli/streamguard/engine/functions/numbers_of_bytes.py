"""Numbers from bytes."""

from __future__ import annotations

import struct

from streamguard.engine.functions.registry import category

ORDERS = {"BIG_ENDIAN": ">", "LITTLE_ENDIAN": "<"}
SIZES = {"INTEGER": ("INT_FROM_BYTES", "i"), "BIGINT": ("BIGINT_FROM_BYTES", "q"), "DOUBLE": ("DOUBLE_FROM_BYTES", "d")}
scalar = category("CONVERSIONS")


def order(text: str) -> str:
    """The sign of a byte order for `struct`. Raises ValueError."""
    if text.upper() not in ORDERS:
        raise ValueError("Byte order must be BIG_ENDIAN or LITTLE_ENDIAN")
    return ORDERS[text.upper()]


def _declare(kind: str, name: str, letter: str) -> None:
    size = struct.calcsize(f">{letter}")

    def from_bytes_in(value: bytes, sign: str) -> float:
        if len(value) != size:
            raise ValueError(f"a {kind} is {size} bytes")
        number: float = struct.unpack(f"{sign}{letter}", value)[0]
        return number

    def from_bytes(value: bytes) -> float:
        return from_bytes_in(value, ">")

    from_bytes.__doc__ = from_bytes_in.__doc__ = f"The {kind} that {size} bytes are, in an order: BIG_ENDIAN first."
    scalar(name, f"(BYTES value) -> {kind}")(from_bytes)
    scalar(name, f"(BYTES value, STRING byteOrder) -> {kind}", prepare={1: order})(from_bytes_in)


for _kind, (_name, _letter) in SIZES.items():
    _declare(_kind, _name, _letter)
