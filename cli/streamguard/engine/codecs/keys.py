"""Keys of records: bytes to the key columns' values and back, with the window that a windowed key carries."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from streamguard.engine.analysis.metastore import Column, FormatOptions, SourceWindow
from streamguard.engine.codecs import delimited, json, kafka
from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.language import types as t

BOUND, BOUNDS = struct.Struct(">q"), struct.Struct(">qq")
LAST = 2**63 - 1
PLAIN = FormatOptions()
Values = tuple[Any, ...]


def key_decoder(
    columns: Sequence[Column], key_format: str, options: FormatOptions = PLAIN, window: SourceWindow | None = None
) -> Callable[[bytes], Values]:
    """Key bytes to the key columns' values in order, then the window's start and end if there is one.

    The function raises `Undecodable`.
    """
    inner = _decoder(columns, key_format, options)
    if window is None:
        return inner
    if window.type == "SESSION":
        return _session_decoder(inner)
    size = window.size or 0

    def decode(raw: bytes) -> Values:
        if len(raw) < BOUND.size:
            raise Undecodable("the key holds no window")
        (start,) = BOUND.unpack(raw[-BOUND.size :])
        return (*inner(raw[: -BOUND.size]), start, min(start + size, LAST))

    return decode


def _session_decoder(inner: Callable[[bytes], Values]) -> Callable[[bytes], Values]:
    def decode(raw: bytes) -> Values:
        if len(raw) < BOUNDS.size:
            raise Undecodable("the key holds no session")
        end, start = BOUNDS.unpack(raw[-BOUNDS.size :])
        return (*inner(raw[: -BOUNDS.size]), start, end)

    return decode


def _decoder(columns: Sequence[Column], key_format: str, options: FormatOptions) -> Callable[[bytes], Values]:
    kinds = [column.type for column in columns]
    match key_format:
        case "DELIMITED":
            return delimited.decoder(kinds, options.delimiter, "key")
        case _ if not columns or key_format == "NONE":
            return lambda _: ()
        case "KAFKA":
            plain = kafka.decoder(kinds[0], "key")
            return lambda raw: (plain(raw),)
        case _ if len(columns) == 1:
            bare = json.quick_decoder(kinds[0], "key")
            return lambda raw: (bare(raw),)
        case _:
            fields = json.quick_decoder(t.Struct(tuple((column.name, column.type) for column in columns)), "key")
            nulls = (None,) * len(columns)
            return lambda raw: nulls if (row := fields(raw)) is None else tuple(row.values())


def suffix_size(window: SourceWindow) -> int:
    """How many bytes at the end of a key are its window."""
    return BOUNDS.size if window.type == "SESSION" else BOUND.size


def key_encoder(
    columns: Sequence[Column], key_format: str, options: FormatOptions = PLAIN, window: SourceWindow | None = None
) -> Callable[..., bytes | None]:
    """``encode(values)``, of a windowed key ``encode(values, start, end)``: the key columns' values in order to bytes.

    A single column that is null, or no column, makes no key (None).
    """
    inner = _encoder(columns, key_format, options)
    if window is None:
        return inner
    if window.type == "SESSION":
        return lambda values, start, end: (inner(values) or b"") + BOUNDS.pack(end, start)
    return lambda values, start, _=0: (inner(values) or b"") + BOUND.pack(start)


def _encoder(columns: Sequence[Column], key_format: str, options: FormatOptions) -> Callable[[Values], bytes | None]:
    names = [column.name for column in columns]
    match key_format:
        case _ if not columns or key_format == "NONE":
            return lambda _: None
        case "DELIMITED":
            line = delimited.encoder(options.delimiter)
            if len(columns) > 1:
                return line
            return lambda values: None if values[0] is None else line(values)
        case "KAFKA":
            plain = kafka.encoder(columns[0].type)
            return lambda values: None if values[0] is None else plain(values[0])
        case _ if len(columns) == 1:
            return lambda values: None if values[0] is None else json.encoded(values[0])
        case _:
            return lambda values: json.encoded(dict(zip(names, values, strict=True)))
