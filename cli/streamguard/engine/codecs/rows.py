"""Values of records: bytes to a dictionary with every value column, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from streamguard.engine.analysis.metastore import Column, FormatOptions
from streamguard.engine.codecs import delimited, json, kafka
from streamguard.engine.language import types as t

Row = dict[str, Any]
PLAIN = FormatOptions()


def value_decoder(
    columns: Sequence[Column], value_format: str, options: FormatOptions = PLAIN
) -> Callable[[bytes], Row | None]:
    """Bytes to a dictionary with every column, None for a value that is null; the function raises `Undecodable`."""
    names = [column.name for column in columns]
    match value_format:
        case "JSON" if options.wrap is False and len(columns) == 1:
            bare = json.quick_decoder(columns[0].type, "value")
            return lambda raw: None if (value := bare(raw)) is None else {names[0]: value}
        case "JSON":
            row = t.Struct(tuple((column.name, column.type) for column in columns))
            return json.decoder(row, "value")
        case "DELIMITED":
            fields = delimited.decoder([column.type for column in columns], options.delimiter, "value")
            return lambda raw: dict(zip(names, fields(raw), strict=True))
        case "KAFKA" if columns:
            single = kafka.decoder(columns[0].type, "value")
            return lambda raw: {names[0]: single(raw)}
        case _:  # NONE, or no columns
            return lambda _: None


def value_encoder(
    columns: Sequence[Column], value_format: str, options: FormatOptions = PLAIN
) -> Callable[[Mapping[str, Any]], bytes | None]:
    """A dictionary with every column to bytes."""
    names = [column.name for column in columns]
    match value_format:
        case "JSON" if options.wrap is False and len(columns) == 1:
            return lambda row: None if row[names[0]] is None else json.encoded(row[names[0]])
        case "JSON":
            return lambda row: json.encoded({name: row[name] for name in names})
        case "DELIMITED":
            line = delimited.encoder(options.delimiter)
            if len(names) == 1:
                return lambda row: line((row[names[0]],))
            getter = itemgetter(*names)
            return lambda row: line(getter(row))
        case "KAFKA" if columns:
            single = kafka.encoder(columns[0].type)
            return lambda row: None if row[names[0]] is None else single(row[names[0]])
        case _:
            return lambda _: None
