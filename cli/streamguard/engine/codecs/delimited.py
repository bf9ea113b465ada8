"""DELIMITED: one line, fields in order, quoted as Apache Commons CSV does; an empty field is null."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from decimal import Decimal as Exact
from typing import Any

from streamguard.doubles import double_text
from streamguard.engine.codecs.coercion import of_base64
from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.codecs.numbers import decimal_of_text, double_of_text, fitted, time_of_day, whole_of_text
from streamguard.engine.language import types as t

BLANKS = " \t\f\x0b"


def decoder(kinds: Sequence[t.Type], delimiter: str, part: str) -> Callable[[bytes], tuple[Any, ...]]:
    """Bytes to a value for each column; raises `Undecodable`."""
    parsers = [parser(kind) for kind in kinds]

    def decode(raw: bytes) -> tuple[Any, ...]:
        fields = split(raw.decode(errors="replace"), delimiter)
        if len(fields) != len(parsers):
            reason = f"Column count mismatch on deserialization. expected: {len(parsers)}, got: {len(fields)}"
            raise Undecodable(f"the {part}: {reason}")
        return tuple([parse(text) if text else None for parse, text in zip(parsers, fields, strict=True)])

    return decode


def split(line: str, delimiter: str) -> list[str]:
    """The fields of the first line that is not empty. Raises `Undecodable`."""
    line = line.lstrip("\r\n")
    if '"' not in line:
        if "\n" in line or "\r" in line:
            line = line.splitlines()[0] if delimiter not in "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029" else _first(line)
        if not line:
            raise Undecodable("there are no fields")
        return line.split(delimiter)
    fields: list[str] = []
    at = 0
    while True:
        text, at = _quoted(line, at, delimiter) if line.startswith('"', at) else _plain(line, at, delimiter)
        fields.append(text)
        if at >= len(line) or line[at] != delimiter:
            return fields
        at += 1


def _first(line: str) -> str:
    return line.split("\n", 1)[0].split("\r", 1)[0]


def _plain(line: str, at: int, delimiter: str) -> tuple[str, int]:
    ends = [found for mark in (delimiter, "\n", "\r") if (found := line.find(mark, at)) >= 0]
    end = min(ends, default=len(line))
    return line[at:end], end


def _quoted(line: str, at: int, delimiter: str) -> tuple[str, int]:
    """The text between quotes and what ends it; a doubled quote stands for one."""
    parts: list[str] = []
    at += 1
    while True:
        close = line.find('"', at)
        if close < 0:
            raise Undecodable("a quoted field has no end")
        parts.append(line[at:close])
        at = close + 1
        if not line.startswith('"', at):
            break
        parts.append('"')
        at += 1
    while at < len(line) and line[at] in BLANKS and line[at] != delimiter:
        at += 1
    if at < len(line) and line[at] not in (delimiter, "\n", "\r"):
        raise Undecodable("a quoted field goes on after its quotes")
    return "".join(parts), at


def parser(kind: t.Type) -> Callable[[str], Any]:
    """A field's text, never empty, to a value; raises `Undecodable`."""
    if isinstance(kind, t.Decimal):
        return lambda text: fitted(_number(decimal_of_text(text), kind), kind)
    return PARSERS[kind]


def _number(value: Any, kind: t.Type) -> Any:
    if value is None:
        raise Undecodable(f"a text is no {kind}")
    return value


PARSERS: dict[t.Type, Callable[[str], Any]] = {
    t.STRING: lambda text: text,
    t.BOOLEAN: lambda text: text.lower() == "true",
    t.INTEGER: lambda text: _number(whole_of_text(text, 32), t.INTEGER),
    t.BIGINT: lambda text: _number(whole_of_text(text, 64), t.BIGINT),
    t.DOUBLE: lambda text: _number(double_of_text(text), t.DOUBLE),
    t.DATE: lambda text: _number(whole_of_text(text, 32), t.DATE),
    t.TIME: lambda text: time_of_day(_number(whole_of_text(text, 64), t.TIME)),
    t.TIMESTAMP: lambda text: _number(whole_of_text(text, 64), t.TIMESTAMP),
    t.BYTES: of_base64,
}


def encoder(delimiter: str) -> Callable[[Sequence[Any]], bytes]:
    """Values in the order of the columns to bytes."""
    risky = {'"', "\n", "\r", delimiter}

    def encode(values: Sequence[Any]) -> bytes:
        return delimiter.join([_field(value, first, risky) for first, value in enumerate(values)]).encode()

    return encode


def text_of(value: Any) -> str:
    """A value, never null, as the text of a field."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return double_text(value)
        case Exact():
            return format(value, "f")
        case bytes():
            return base64.b64encode(value).decode()
        case _:
            return str(value)


def _field(value: Any, position: int, risky: set[str]) -> str:
    """Quoted where Commons CSV does, which is so also for a first field that starts with no letter or digit."""
    if value is None:
        return ""
    text = text_of(value)
    if not text:
        return text if position else '""'
    begins = text[0]
    harmless = (begins.isascii() and begins.isalnum()) if position == 0 else begins > "#"
    if harmless and text[-1] > " " and risky.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'
