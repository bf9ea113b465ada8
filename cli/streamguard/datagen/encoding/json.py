"""Records as JSON: what a stream shows, as parts that are encoded once and put side by side for each record.

An encoder makes bytes of columns. This is the one for JSON; one for Avro would write its own parts (lengths and binary
numbers instead of quotes and digits) and splice them in the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from streamguard.datagen.encoding.parts import INDEX, INSTANT, Moment, Number, Part, Piece, Text
from streamguard.datagen.encoding.splicer import Splicer
from streamguard.datagen.world.model import World
from streamguard.datagen.world.population import ChoiceText
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    ComponentsColumn,
    EntityColumn,
    Field,
    LabelColumn,
    NumberColumn,
    Show,
    ShowAttribute,
    ShowColumn,
    ShowConstant,
    ShowEntity,
    ShowObject,
    ShowText,
    ShowTime,
    Stream,
)

Values = Mapping[str, NDArray[Any]]


class Encoder(Protocol):
    """Columns to bytes, `size` records at a time: values and keys, in the order of the records."""

    def values(self, columns: Values, size: int) -> list[bytes]: ...

    def keys(self, columns: Values, size: int) -> Sequence[bytes | None]: ...


class Pool(Protocol):
    """The entities of a kind as JSON: whole, and attribute by attribute."""

    @property
    def details(self) -> Sequence[bytes]: ...

    def texts(self, attribute: str) -> Sequence[bytes]: ...


class JsonEncoder:
    """The records of one stream of a run called `name`, as JSON without blanks."""

    def __init__(self, world: World, stream: Stream, pools: Mapping[str, Pool], name: str) -> None:
        parts = Parts(world, stream, pools, name)
        self._values = Splicer(parts.record())
        key = parts.key()
        self._keys = Splicer(key) if key else None

    def values(self, columns: Values, size: int) -> list[bytes]:
        return self._values.write(columns, size)

    def keys(self, columns: Values, size: int) -> Sequence[bytes | None]:
        return self._keys.write(columns, size) if self._keys else [None] * size


class Parts:
    """What the records of a stream, and their keys, are made of."""

    def __init__(self, world: World, stream: Stream, pools: Mapping[str, Pool], name: str) -> None:
        self._world, self._stream, self._pools, self._name = world, stream, pools, name
        self._columns = {column.name: column for column in stream.columns}

    def record(self) -> list[Part]:
        """The parts of the value."""
        return list(self._object(self._stream.record))

    def key(self) -> list[Part]:
        """The parts of the key, which is text and no JSON; none if records have no key."""
        return list(self._bare(self._stream.key)) if self._stream.key else []

    def field(self, name: str) -> list[Part]:
        """The parts of one field at the top, without its name."""
        return next(list(self._shown(field.show)) for field in self._stream.record if field.name == name)

    def _object(self, fields: Iterable[Field]) -> Iterator[Part]:
        before = b"{"
        for field in fields:
            yield Text(before + orjson.dumps(field.name) + b":")
            yield from self._shown(field.show)
            before = b","
        yield Text(b"}" if before == b"," else b"{}")

    def _shown(self, show: Show) -> Iterator[Part]:
        """A value as JSON."""
        if isinstance(show, ShowObject):
            yield from self._object(show.fields)
        elif isinstance(show, ShowConstant):
            yield Text(orjson.dumps(show.value))
        elif isinstance(show, ShowText):
            yield Text(b'"')
            yield from map(_escaped, self._bare(show))
            yield Text(b'"')
        elif isinstance(show, ShowTime):
            quote = Text(b"" if show.format.startswith("epoch") else b'"')
            yield from (quote, Moment(show.format), quote)
        elif isinstance(show, ShowEntity):
            yield Piece(show.column, tuple(self._pool(show.column).details))
        elif isinstance(show, ShowAttribute):
            yield Piece(show.column, tuple(self._pool(show.column).texts(show.attribute)))
        else:
            yield self._column(show)

    def _bare(self, show: ShowText | ShowAttribute | ShowColumn) -> Iterator[Part]:
        """A value as plain text, without quotes."""
        if isinstance(show, ShowText):
            for told in show.parts:
                yield Text(told.encode()) if isinstance(told, str) else self._reference(*told)
            return
        for part in self._shown(show):
            yield Piece(part.column, tuple(map(_plain, part.table))) if isinstance(part, Piece) else part

    def _reference(self, reference: str, form: str) -> Part:
        """What stands in braces in a text."""
        if reference == "run":
            return Text(self._name.encode())
        if reference == INDEX:
            return Number(INDEX, width=int(form.removesuffix("d") or 1))
        column, _, attribute = reference.partition(".")
        show = ShowAttribute(column, attribute) if attribute else ShowColumn(column)
        (part,) = self._bare(show)
        return part

    def _column(self, show: ShowColumn) -> Part:
        column = self._columns.get(show.column)
        if column is None:
            (column,) = (each for each in self._columns.values() if show.column in numbers_of(each))
        if isinstance(column, NumberColumn | ComponentsColumn):
            return Number(show.column, column.decimals)
        return Piece(show.column, tuple(map(orjson.dumps, texts_of(self._world, self._columns, column))))

    def _pool(self, column: str) -> Pool:
        return self._pools[entity_of(self._columns, column)]


def numbers_of(column: Column) -> Sequence[str]:
    """The columns that a column of components has in a block."""
    if not isinstance(column, ComponentsColumn):
        return ()
    return [f"{column.name}{number}" for number in range(1, len(column.components) + 1)]


def texts_of(world: World, columns: Mapping[str, Column], column: Column) -> Sequence[str | int | float | bool]:
    """The values that the numbers of a column of choices stand for."""
    if isinstance(column, ChoiceColumn):
        return column.choices[0].values
    if isinstance(column, LabelColumn):
        return column.choices.values
    if isinstance(column, AttributeColumn):
        name, _, attribute = column.reference.partition(".")
        kind = world.entity(entity_of(columns, name)).attribute(attribute).kind
        if isinstance(kind, ChoiceText):
            return kind.choices.values
    raise ValueError(f"column {column.name} has no choices")


def entity_of(columns: Mapping[str, Column], name: str) -> str:
    """The entity in a column."""
    column = columns[name]
    if not isinstance(column, EntityColumn):
        raise ValueError(f"column {name} holds no entity")
    return column.entity


def with_own(values: Values, first: int, instants: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """The columns of a block and the two that every record has: its number and its event time."""
    return {**values, INDEX: np.arange(first, first + len(instants), dtype=np.int64), INSTANT: instants}


def _plain(text: bytes) -> bytes:
    value = orjson.loads(text)
    return value.encode() if isinstance(value, str) else text


def _escaped(part: Part) -> Part:
    """Plain text as it stands between the quotes of a JSON string."""
    if isinstance(part, Text):
        return Text(_inner(part.content))
    return Piece(part.column, tuple(map(_inner, part.table))) if isinstance(part, Piece) else part


def _inner(text: bytes) -> bytes:
    return orjson.dumps(text.decode())[1:-1]
