"""What a record is made of, in the order of its bytes. Every part but a `Text` is looked up by one whole number."""

from __future__ import annotations

from dataclasses import dataclass, field

TIMES = ("iso_ms", "iso_us", "iso_s", "epoch_ms", "epoch_us", "epoch_s", "date")
"""How an instant can be written: ISO 8601 in UTC, ending in Z, a number since 1970, or the day."""

INDEX = "#index"
"""The column that every block has: the number of the record. No column of a world can be called so."""

INSTANT = "#instant"
"""The column that every block has: the event time, in microseconds since 1970."""


@dataclass(frozen=True)
class Text:
    """The same bytes in every record."""

    content: bytes


@dataclass(frozen=True)
class Piece:
    """One of the texts of a table, chosen by the number in a column."""

    column: str
    table: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True)
class Number:
    """The number in a column, with a point before its last `decimals` digits.

    Leading zeros fill its whole part up to `width` digits; both together are at most 18 digits.
    """

    column: str
    decimals: int = 0
    width: int = 1


@dataclass(frozen=True)
class Moment:
    """An instant in a column, written as `form`, one of `TIMES`; no quotes around it."""

    form: str
    column: str = INSTANT


Part = Text | Piece | Number | Moment
