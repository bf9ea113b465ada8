"""The three forms in which rows of a query are sent: delimited lines, one JSON array, or an array of row objects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

import orjson

from streamguard.engine.execution.rows import Tombstone
from streamguard.engine.language.types import quoted

DELIMITED = "application/vnd.ksqlapi.delimited.v1"
ROW_OBJECTS = "application/vnd.ksql.v1+json"
JSON = "application/json"
LIMIT_REACHED = "Limit Reached"
COMPLETED = "Query Completed"


@dataclass(frozen=True)
class Heading:
    """What a client is told before the first row. `types` are as ksqlDB prints them, `marks` say which are keys.

    `worded`: a last message follows the rows in any case.
    """

    query_id: str
    names: Sequence[str]
    types: Sequence[str]
    marks: Sequence[str] = ()
    worded: bool = True

    @property
    def schema(self) -> str:
        """The columns as the header of the row objects has them; those of headers stand before the values."""
        marks = self.marks or [""] * len(self.names)
        columns = list(zip(self.names, self.types, marks, strict=True))
        if any(mark.startswith("HEADER") for mark in marks):
            columns.sort(key=lambda column: (column[2] != "KEY", not column[2]))
        return ", ".join(f"{quoted(name)} {kind} {mark}".rstrip() for name, kind, mark in columns)


class Framing(Protocol):
    """One form. Each method returns bytes to send; `finish` ends the body, with a last message or an error object."""

    media_type: str

    def head(self, heading: Heading) -> bytes: ...
    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes: ...
    def finish(self, message: str, error: dict[str, Any] | None = None) -> bytes: ...


class Delimited:
    """One JSON text a line."""

    media_type = DELIMITED

    def head(self, heading: Heading) -> bytes:
        return dumps(_columns(heading)) + b"\n"

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        return b"".join(dumps(row) + b"\n" for row in rows if type(row) is not Tombstone)

    def finish(self, message: str, error: dict[str, Any] | None = None) -> bytes:
        return dumps(error) + b"\n" if error else b""


class JsonArray:
    """The same elements as one JSON array, written piece by piece."""

    media_type = JSON

    def head(self, heading: Heading) -> bytes:
        return b"[" + dumps(_columns(heading))

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        return b"".join(b",\n" + dumps(row) for row in rows if type(row) is not Tombstone)

    def finish(self, message: str, error: dict[str, Any] | None = None) -> bytes:
        return (b",\n" + dumps(error) if error else b"") + b"]\n"


class RowObjects:
    """ksqlDB's classic form: an array of objects, separated so that it can be read line by line.

    Where something always follows, the comma and the end of the line come with an element, not with the next one: a
    client that reads lines has each row at once.
    """

    media_type = ROW_OBJECTS
    _before, _after = b"", b",\n"

    def head(self, heading: Heading) -> bytes:
        if not heading.worded:
            self._before, self._after = b",\n", b""
        return b"[" + dumps({"header": {"queryId": heading.query_id, "schema": heading.schema}}) + self._after

    def rows(self, rows: Sequence[Sequence[Any]]) -> bytes:
        return b"".join(self._before + dumps({"row": _row(row)}) + self._after for row in rows)

    def finish(self, message: str, error: dict[str, Any] | None = None) -> bytes:
        if not error and not message:
            return b"]\n"
        last = {"errorMessage": error} if error else {"finalMessage": message}
        return self._before + dumps(last) + b"]\n"


def _row(row: Sequence[Any]) -> dict[str, Any]:
    return {"columns": row, "tombstone": True} if type(row) is Tombstone else {"columns": row}


def negotiate(accept: str, *, classic: bool) -> Framing:
    """The form for an Accept header; `classic` is the endpoint /query, which speaks row objects by default."""
    known: dict[str, Framing] = {
        DELIMITED: Delimited(),
        ROW_OBJECTS: RowObjects(),
        JSON: RowObjects() if classic else JsonArray(),
    }
    for media_type in _by_weight(accept):
        if media_type in known:
            return known[media_type]
    return RowObjects() if classic else Delimited()


def dumps(value: Any) -> bytes:
    """JSON as ksqlDB writes it: decimals keep their digits."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f"))
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)


def _columns(heading: Heading) -> dict[str, Any]:
    return {"queryId": heading.query_id, "columnNames": list(heading.names), "columnTypes": list(heading.types)}


def _by_weight(accept: str) -> list[str]:
    weighted: list[tuple[float, str]] = []
    for entry in accept.split(","):
        media_type, *parameters = (part.strip() for part in entry.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weighted.append((float(quality), media_type.lower()))
        except ValueError:
            weighted.append((0.0, media_type.lower()))
    return [media_type for _, media_type in sorted(weighted, key=lambda pair: -pair[0])]
