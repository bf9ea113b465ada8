"""Records as JSON: what a stream shows, as parts that are encoded once and put side by side for each record.

An encoder makes bytes of columns. This is the one for JSON; one for Avro would write its own parts (lengths and binary
numbers instead of quotes and digits) and splice them in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import orjson
from numpy.typing import NDArray

from streamguard.datagen.columns.forms import Fixed, Pieces
from streamguard.datagen.encoding.parts import INDEX, Moment, Number, Part, Piece, Text
from streamguard.datagen.encoding.splicer import Splicer
from streamguard.datagen.world.streams import (
    Field,
    Show,
    ShowAttribute,
    ShowColumn,
    ShowConstant,
    ShowEntity,
    ShowIndex,
    ShowObject,
    ShowText,
    ShowTime,
    Stream,
)

Values = Mapping[str, NDArray[Any]]
Form = Callable[[str], Pieces | Fixed]
"""How the numbers in a column are shown; a reference is a column or ``column.attribute``."""


class Encoder(Protocol):
    """Columns to bytes, `size` records at a time: values and keys, in the order of the records."""

    def values(self, columns: Values, size: int) -> Sequence[bytes]: ...

    def keys(self, columns: Values, size: int) -> Sequence[bytes | None]: ...


class JsonEncoder:
    """The records of one stream of the run called `run`, as JSON without blanks."""

    def __init__(self, stream: Stream, form: Form, run: str) -> None:
        parts = Parts(form, run)
        self._values = Splicer(parts.of_record(stream.record))
        self._keys = Splicer(parts.of_text(stream.key)) if stream.key else None

    def values(self, columns: Values, size: int) -> Sequence[bytes]:
        return self._values.write(columns, size)

    def keys(self, columns: Values, size: int) -> Sequence[bytes | None]:
        return self._keys.write(columns, size) if self._keys else [None] * size


class Parts:
    """What the records of a stream are made of."""

    def __init__(self, form: Form, run: str) -> None:
        self._form, self._run = form, run

    def of_record(self, fields: Iterable[Field]) -> Iterator[Part]:
        """A record, or an object in one."""
        before = b"{"
        for field in fields:
            yield Text(before + orjson.dumps(field.name) + b":")
            yield from self.of_value(field.show)
            before = b","
        yield Text(b"}" if before == b"," else b"{}")

    def of_value(self, show: Show) -> Iterator[Part]:
        """A value as JSON."""
        if isinstance(show, ShowObject):
            yield from self.of_record(show.fields)
        elif isinstance(show, ShowConstant):
            yield Text(orjson.dumps(show.value))
        elif isinstance(show, ShowText):
            yield Text(b'"')
            yield from map(_escaped, self.of_text(show))
            yield Text(b'"')
        elif isinstance(show, ShowTime):
            quote = Text(b"" if show.format.startswith("epoch") else b'"')
            yield from (quote, Moment(show.format), quote)
        elif isinstance(show, ShowIndex):
            yield Number(INDEX)
        else:
            column, form = self._column(show)
            yield Number(column, form.decimals) if isinstance(form, Fixed) else Piece(column, tuple(form.json))

    def of_text(self, show: Show) -> Iterator[Part]:
        """A value as plain text, without quotes and escapes: a key, or what stands in a text."""
        if isinstance(show, ShowText):
            for told in show.parts:
                yield from (Text(told.encode()),) if isinstance(told, str) else self._filled(*told)
        elif isinstance(show, ShowAttribute | ShowColumn | ShowEntity):
            column, form = self._column(show)
            yield (
                Number(column, form.decimals)
                if isinstance(form, Fixed)
                else Piece(column, tuple(text.encode() for text in form.text))
            )
        else:
            yield from self.of_value(show)

    def _filled(self, reference: str, form: str) -> Iterator[Part]:
        """What stands in braces in a text."""
        if reference == "run":
            yield Text(self._run.encode())
        elif reference == "index":
            yield Number(INDEX, width=min(18, int(form.removesuffix("d") or 1)))
        else:
            column, _, attribute = reference.partition(".")
            yield from self.of_text(ShowAttribute(column, attribute) if attribute else ShowColumn(column))

    def _column(self, show: ShowAttribute | ShowColumn | ShowEntity) -> tuple[str, Pieces | Fixed]:
        reference = f"{show.column}.{show.attribute}" if isinstance(show, ShowAttribute) else show.column
        return show.column, self._form(reference)


def _escaped(part: Part) -> Part:
    """Plain text as it stands between the quotes of a JSON string."""
    if isinstance(part, Text):
        return Text(_inner(part.content))
    return Piece(part.column, tuple(map(_inner, part.table))) if isinstance(part, Piece) else part


def _inner(text: bytes) -> bytes:
    return orjson.dumps(text.decode())[1:-1]
