"""Texts. Positions count from 1, negative ones from the end."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import uuid
from collections.abc import Callable
from typing import Any

from streamguard.engine.functions.registry import category

scalar = category("STRING")
LONGEST = 2**24  # of what is padded: a length by mistake must not take all memory
WHITE = "".join(map(chr, range(33)))  # what Java's trim removes


@scalar("LEN", "(STRING input) -> INTEGER", fails=False)
def length(value: str) -> int:
    """The number of characters of a text, as Java counts them, or of bytes."""
    return len(value) if value.isascii() else len(value) + sum(character > "\uffff" for character in value)


@scalar("LEN", "(BYTES input) -> INTEGER", inline="len({0})", fails=False)
def length_of_bytes(value: bytes) -> int:
    """The number of bytes."""
    return len(value)


@scalar("UCASE", "(STRING input) -> STRING", inline="{0}.upper()", fails=False)
def upper(value: str) -> str:
    """The text in upper case."""
    return value.upper()


@scalar("LCASE", "(STRING input) -> STRING", inline="{0}.lower()", fails=False)
def lower(value: str) -> str:
    """The text in lower case."""
    return value.lower()


@scalar("TRIM", "(STRING input) -> STRING", fails=False)
def trim(value: str) -> str:
    """The text without blanks at its ends."""
    return value.strip(WHITE)


@scalar("INITCAP", "(STRING str) -> STRING", fails=False)
def capitalized(value: str) -> str:
    """The text with each word's first letter in upper case, the others in lower case."""
    return re.sub(r"\S+", lambda found: found[0][0].upper() + found[0][1:].lower(), value)


@scalar("CONCAT", "(STRING... inputs) -> STRING", nulls=True, fails=False)
def concat(*values: str | None) -> str | None:
    """Texts or bytes, one after another; nulls are left out."""
    return "".join([value for value in values if value is not None])


@scalar("CONCAT", "(BYTES... inputs) -> BYTES", nulls=True, fails=False)
def concat_bytes(*values: bytes | None) -> bytes | None:
    """Bytes, one after another; nulls are left out."""
    return b"".join([value for value in values if value is not None])


@scalar("CONCAT_WS", "(STRING separator, STRING... inputs) -> STRING", nulls=True, fails=False)
def concat_with(separator: str | None, *values: str | None) -> str | None:
    """Texts or bytes with a separator between them; nulls are left out."""
    return None if separator is None else separator.join([value for value in values if value is not None])


@scalar("CONCAT_WS", "(BYTES separator, BYTES... inputs) -> BYTES", nulls=True, fails=False)
def concat_bytes_with(separator: bytes | None, *values: bytes | None) -> bytes | None:
    """Bytes with a separator between them; nulls are left out."""
    return None if separator is None else separator.join([value for value in values if value is not None])


@scalar("SUBSTRING", "(STRING value, INTEGER pos) -> STRING", "(BYTES value, INTEGER pos) -> BYTES", fails=False)
def substring_from(value: Any, position: int) -> Any:
    """The part of a text or of bytes from a position on, or of some length from there."""
    return value[_start(len(value), position) :]


@scalar(
    "SUBSTRING",
    "(STRING value, INTEGER pos, INTEGER length) -> STRING",
    "(BYTES value, INTEGER pos, INTEGER length) -> BYTES",
    fails=False,
)
def substring(value: Any, position: int, size: int) -> Any:
    """The part of a text or of bytes of a length from a position on."""
    start = _start(len(value), position)
    return value[start : max(start, start + size)]


def _start(size: int, position: int) -> int:
    return max(0, size + position if position < 0 else position - 1)


@scalar("INSTR", "(STRING str, STRING substring) -> INTEGER", fails=False)
def position_of(value: str, part: str) -> int:
    """Where a part first stands in a text, 0 if nowhere; from a position on, or its n-th occurrence."""
    return value.find(part) + 1


@scalar("INSTR", "(STRING str, STRING substring, INTEGER position) -> INTEGER", fails=False)
def position_from(value: str, part: str, position: int) -> int:
    """Where a part first stands in a text from a position on, 0 if nowhere."""
    return nth_position(value, part, position, 1)


@scalar("INSTR", "(STRING str, STRING substring, INTEGER position, INTEGER occurrence) -> INTEGER", fails=False)
def nth_position(value: str, part: str, position: int, occurrence: int) -> int:
    """Where a part stands in a text the n-th time from a position on; backwards from a negative position."""
    if position == 0 or occurrence < 1:
        return 0
    found: int = position - 2 if position > 0 else len(value) + position + 1
    for _ in range(occurrence):
        if position > 0:
            found = value.find(part, found + 1)
        else:
            found = value.rfind(part, 0, found - 1 + len(part)) if found > 0 else -1
        if found < 0:
            return 0
    return found + 1


def _padding(value: Any, size: int, padding: Any) -> Any:
    """What to add, None when the arguments make no sense."""
    if size < 0 or not padding:
        return None
    if size > LONGEST:
        raise ValueError(f"a text or bytes are not padded to more than {LONGEST}")
    missing = max(0, size - len(value))
    return (padding * (missing // len(padding) + 1))[:missing]


PADDED = (
    "(STRING input, INTEGER targetLen, STRING padding) -> STRING",
    "(BYTES input, INTEGER targetLen, BYTES padding) -> BYTES",
)


@scalar("LPAD", *PADDED, fails=False)
def pad_left(value: Any, size: int, padding: Any) -> Any:
    """The text or bytes, filled up at the start, or cut, to a length."""
    added = _padding(value, size, padding)
    return None if added is None else (added + value)[:size] if added else value[:size]


@scalar("RPAD", *PADDED, fails=False)
def pad_right(value: Any, size: int, padding: Any) -> Any:
    """The text or bytes, filled up at the end, or cut, to a length."""
    added = _padding(value, size, padding)
    return None if added is None else (value + added)[:size]


@scalar("REPLACE", "(STRING str, STRING oldStr, STRING newStr) -> STRING", inline="{0}.replace({1}, {2})", fails=False)
def replace(value: str, old: str, new: str) -> str:
    """The text with every occurrence of a part replaced."""
    return value.replace(old, new)


@scalar("SPLIT", "(STRING string, STRING delimiter) -> ARRAY<STRING>", fails=False)
def split(value: str, delimiter: str) -> list[str]:
    """The parts of a text or of bytes between delimiters; single ones when the delimiter is empty."""
    return value.split(delimiter) if delimiter else list(value)


@scalar("SPLIT", "(BYTES bytes, BYTES delimiter) -> ARRAY<BYTES>", fails=False)
def split_bytes(value: bytes, delimiter: bytes) -> list[bytes]:
    """The parts of bytes between delimiters."""
    return value.split(delimiter) if delimiter else [bytes([each]) for each in value]


@scalar("SPLIT_TO_MAP", "(STRING input, STRING entryDelimiter, STRING kvDelimiter) -> MAP<STRING, STRING>", fails=False)
def split_to_map(value: str, between: str, within: str) -> dict[str, str] | None:
    """Keys and values of a text such as ``a=1&b=2``; parts without a key or value are left out."""
    if not between or not within:
        return None
    parts = [part.split(within) for part in value.split(between) if part]
    return {part[0]: part[1] for part in parts if len(part) > 1}


@scalar("ELT", "(INTEGER n, STRING... args) -> STRING", nulls=True, fails=False)
def element(number: int | None, *values: str | None) -> str | None:
    """The n-th of the texts."""
    return values[number - 1] if number is not None and 1 <= number <= len(values) else None


@scalar("FIELD", "(STRING str, STRING... args) -> INTEGER", nulls=True, fails=False)
def field_of(value: str | None, *values: str | None) -> int:
    """Which of the texts equals the first, 0 for none."""
    return 0 if value is None else values.index(value) + 1 if value in values else 0


@scalar("CHR", "(INTEGER decimalCode) -> STRING", fails=False)
def character(code: int) -> str | None:
    """The character of a code point, or of an escape such as ``\\u004b``."""
    return chr(code) if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else None


@scalar("CHR", "(STRING utf16Code) -> STRING")
def character_of_escape(code: str) -> str | None:
    """The character of an escape such as ``\\u004b``; two for a surrogate pair."""
    if not re.fullmatch(r"(\\u[0-9a-fA-F]{4})+", code):
        return None
    units = [int(unit, 16) for unit in code.split("\\u")[1:]]
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be")


HEX = re.compile(r"0x([0-9a-fA-F]*)|[xX]'([0-9a-fA-F]*)'|([0-9a-fA-F]*)")


def _from_hex(value: str) -> bytes:
    found = HEX.fullmatch(value)
    if not found:
        raise ValueError("a text is not hexadecimal")
    padded, *others = found.groups()
    digits = padded if padded is not None else next(group for group in others if group is not None)
    if padded is None and len(digits) % 2:
        raise ValueError("a text is not hexadecimal: a digit is missing")
    return bytes.fromhex("0" + digits if len(digits) % 2 else digits)


def _from_base64(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except binascii.Error:
        raise ValueError("a text is not base64") from None


READ: dict[str, Callable[[str], bytes]] = {
    "hex": _from_hex,
    "utf8": str.encode,
    "ascii": lambda value: value.encode("ascii", "replace"),
    "base64": _from_base64,
}
WRITE: dict[str, Callable[[bytes], str]] = {
    "hex": bytes.hex,
    "utf8": lambda value: value.decode(errors="replace"),
    "ascii": lambda value: value.decode("ascii", "replace"),
    "base64": lambda value: base64.b64encode(value).decode(),
}


def encoding(name: str) -> str:
    """The name of an encoding. Raises ValueError for one that does not exist."""
    if name.lower() not in READ:
        raise ValueError("Supported input and output encodings are: hex, utf8, ascii and base64")
    return name.lower()


@scalar(
    "ENCODE", "(STRING str, STRING inputEncoding, STRING outputEncoding) -> STRING", prepare={1: encoding, 2: encoding}
)
def encode(value: str, source: str, target: str) -> str:
    """A text brought from one encoding to another: hex, utf8, ascii, base64."""
    return WRITE[target](READ[source](value))


@scalar("TO_BYTES", "(STRING value, STRING encoding) -> BYTES", prepare={1: encoding})
def to_bytes(value: str, source: str) -> bytes:
    """The bytes of a text in an encoding: hex, utf8, ascii, base64."""
    return READ[source](value)


@scalar("FROM_BYTES", "(BYTES value, STRING encoding) -> STRING", prepare={1: encoding})
def from_bytes(value: bytes, target: str) -> str:
    """Bytes as text in an encoding: hex, utf8, ascii, base64."""
    return value.hex().upper() if target == "hex" else WRITE[target](value)


@scalar("MD5", "(STRING s) -> STRING", fails=False)
def md5(value: str) -> str:
    """The MD5 hash of a text, in hexadecimal."""
    return hashlib.md5(value.encode(), usedforsecurity=False).hexdigest()


@scalar("UUID", "() -> STRING", deterministic=False, fails=False)
def random_uuid() -> str:
    """A random UUID, or the one that 16 bytes are."""
    return str(uuid.uuid4())


@scalar("UUID", "(BYTES bytes) -> STRING", fails=False)
def uuid_of_bytes(value: bytes) -> str | None:
    """The UUID that 16 bytes are."""
    return str(uuid.UUID(bytes=value)) if len(value) == 16 else None
