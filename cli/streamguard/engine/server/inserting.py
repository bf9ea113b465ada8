"""/inserts-stream: JSON rows to records of a stream or table."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.codecs import Undecodable, key_encoder, value_encoder
from streamguard.engine.codecs.json import decoder
from streamguard.engine.execution.inserts import Insertion
from streamguard.engine.execution.presenting import TEMPORAL
from streamguard.engine.language import types as t
from streamguard.engine.language.types import quoted
from streamguard.engine.server.rejection import SERVER_ERROR, Rejection, bad_request
from streamguard.engine.values import casts
from streamguard.errors import StreamguardError
from streamguard.kafka.sender import Sender

Insert = Callable[[bytes, int], Insertion]


def row_inserter(name: str, metastore: Metastore) -> Insert:
    """A function from a JSON row, and a time in ms, to its record; both raise a Rejection."""
    source = _target(name, metastore)
    columns = source.keys + source.values
    decode = decoder(t.Struct(tuple((column.name, column.type) for column in columns)), "row")
    key_of = key_encoder(source.keys, source.key_format, source.key_options)
    value_of = value_encoder(source.values, source.value_format, source.value_options)

    moments = {column.name: casts.function(t.STRING, column.type) for column in columns if column.type in TEMPORAL}

    def insert(line: bytes, now: int) -> Insertion:
        try:
            row = decode(_prepared(line, moments))
        except Undecodable as exc:
            raise bad_request(f"Failed to insert values into '{source.name}'. {exc}") from exc
        if row is None:
            raise bad_request("a row must be a JSON object")
        keys = tuple(row[column.name] for column in source.keys)
        missing = [column.name for column in source.keys if row[column.name] is None]
        if source.is_table and missing:
            raise bad_request(f"Value for primary key column(s) {', '.join(missing)} is required for tables")
        return Insertion(source, key_of(keys), value_of({each.name: row[each.name] for each in source.values}), now)

    return insert


class RowInserts:
    """An open stream of rows into a source, see `streaming.Inserts`."""

    def __init__(self, insert: Insert, send: Sender) -> None:
        self._insert = insert
        self._send = send

    def write(self, rows: Sequence[bytes]) -> tuple[int, Rejection | None]:
        """Write rows until one is refused: how many were written, and why the next one was not."""
        made: list[Insertion] = []
        refused = None
        now = time.time_ns() // 1_000_000
        for row in rows:
            try:
                made.append(self._insert(row, now))
            except Rejection as exc:
                refused = exc
                break
        try:
            self._send(made)
        except StreamguardError as exc:
            return 0, Rejection(SERVER_ERROR, str(exc))
        return len(made), refused


def _target(name: str, metastore: Metastore) -> Source:
    """The source of a name as a client writes it: case does not count unless it is in back-quotes."""
    plain = _plain(name)
    plain = plain.upper() if plain == name else plain
    source = metastore.source(plain)
    if source is None:
        raise bad_request(f"Cannot insert values into an unknown stream: {quoted(plain)}")
    if source.window is not None or source.is_source:
        raise bad_request(f"Cannot insert values into a windowed or read-only source: {quoted(plain)}")
    return source


def _prepared(line: bytes, moments: Mapping[str, Callable[[str], Any]]) -> bytes:
    """The row as the JSON codec takes it: names without back-quotes, dates and times as numbers, from ISO's form too.

    Other numbers keep their digits.
    """
    if b"`" not in line and not moments:
        return line
    try:
        row = json.loads(line, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
        if not isinstance(row, dict):
            return line
        named = {_plain(name): value for name, value in row.items()}
        for name, value in named.items():
            if isinstance(value, str) and (moment := moments.get(name) or moments.get(name.upper())):
                named[name] = moment(value)
        return orjson.dumps(named)
    except (ValueError, TypeError, RecursionError):
        return line  # the decoder says what is wrong


def _plain(name: str) -> str:
    """A name as the source has it: case does not count unless it is in back-quotes."""
    quoted_name = len(name) > 2 and name[0] == name[-1] == "`"
    return name[1:-1].replace("``", "`") if quoted_name else name
