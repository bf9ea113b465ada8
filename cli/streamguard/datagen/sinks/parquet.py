"""Parquet: the fields of a record as columns, an object as a struct, event times as instants.

A record that a fault has left without that shape is kept as it is, in a column of its own.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from streamguard.datagen.columns.forms import Fixed
from streamguard.datagen.files import stored
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.source import Source
from streamguard.datagen.world.streams import (
    Field,
    Show,
    ShowAttribute,
    ShowConstant,
    ShowIndex,
    ShowObject,
    ShowText,
    ShowTime,
)
from streamguard.errors import StreamguardError

try:
    import pyarrow as pa
    from pyarrow import json as pa_json
    from pyarrow import parquet as pa_parquet
except ImportError:
    pa = None

MALFORMED = "_malformed"
"""The column with what a fault has left: bytes, or null; there are no others for that record."""

_MALFORMED_BY = {"tombstone", "wrong_type", "truncated", "unknown_field", "oversize"}
_ROWS = 64 * 1024
"""Records a row group."""


class Parquet:
    """One Parquet file, compressed with zstd."""

    def __init__(self, path: Path, source: Source) -> None:
        """Raises StreamguardError if pyarrow is not installed."""
        if pa is None:
            raise StreamguardError(
                "a Parquet file needs pyarrow: `pip install 'streamguard[parquet]'`, or write FILE.jsonl"
            )
        self._path = path
        self._fields = pa.schema([(field.name, _type(source, field.show)) for field in source.record])
        self._schema = self._fields
        if source.spoils:
            self._schema = self._fields.append(pa.field(MALFORMED, pa.binary()))
        self._tables: list[Any] = []
        self._rows = 0
        self._writer: Any = None

    def __enter__(self) -> Self:
        with stored(self._path):
            self._writer = pa_parquet.ParquetWriter(self._path, self._schema, compression="zstd")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with stored(self._path):
            if error is None or isinstance(error, KeyboardInterrupt):
                self._flush()
            self._writer.close()

    def write(self, block: Block) -> None:
        """Write the records of a block."""
        malformed = {entry.index for entry in block.ledger if entry.kind in _MALFORMED_BY}
        values = (
            [b"{}" if index in malformed else value for index, value in zip(block.indexes, block.values, strict=True)]
            if malformed
            else block.values
        )
        if not values:
            return
        table = pa_json.read_json(
            BytesIO(b"\n".join(values)),  # type: ignore[arg-type]
            read_options=pa_json.ReadOptions(block_size=1 << 26),
            parse_options=pa_json.ParseOptions(explicit_schema=self._fields, unexpected_field_behavior="error"),
        )
        if len(self._schema) > len(self._fields):
            rest = [
                (value or b"") if index in malformed else None
                for index, value in zip(block.indexes, block.values, strict=True)
            ]
            table = table.append_column(MALFORMED, pa.array(rest, pa.binary()))
        self._tables.append(table)
        self._rows += len(table)
        if self._rows >= _ROWS:
            with stored(self._path):
                self._flush()

    def _flush(self) -> None:
        if self._tables:
            self._writer.write_table(pa.concat_tables(self._tables), row_group_size=_ROWS)
        self._tables, self._rows = [], 0


def _type(source: Source, show: Show) -> Any:
    """The type of what a field shows."""
    if isinstance(show, ShowObject):
        return _struct(source, show.fields)
    if isinstance(show, ShowText):
        return pa.string()
    if isinstance(show, ShowIndex):
        return pa.int64()
    if isinstance(show, ShowConstant):
        return _type_of(show.value)
    if isinstance(show, ShowTime):
        if show.format == "date":
            return pa.string()
        return pa.int64() if show.format.startswith("epoch") else pa.timestamp("us", "UTC")
    reference = f"{show.column}.{show.attribute}" if isinstance(show, ShowAttribute) else show.column
    form = source.form(reference)
    if isinstance(form, Fixed):
        return pa.float64() if form.decimals else pa.int64()
    return _type_of(orjson.loads(form.json[0]))


def _struct(source: Source, fields: tuple[Field, ...]) -> Any:
    return pa.struct([(field.name, _type(source, field.show)) for field in fields])


def _type_of(value: Any) -> Any:
    if isinstance(value, dict):
        return pa.struct([(name, _type_of(each)) for name, each in value.items()])
    kinds = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), type(None): pa.null()}
    return kinds.get(type(value), pa.string())
