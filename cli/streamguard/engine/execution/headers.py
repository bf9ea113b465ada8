"""Columns that are read from a record's headers."""

from __future__ import annotations

from collections.abc import Sequence

Found = Sequence[tuple[str, bytes | None]] | None
"""The headers of a record as a consumer gives them."""


def all_headers(found: Found) -> list[dict[str, str | bytes | None]]:
    """The value of a HEADERS column."""
    return [{"KEY": key, "VALUE": value} for key, value in found or ()]


def last_header(found: Found, key: str) -> bytes | None:
    """The value of a HEADER('key') column: that of the last header of the name."""
    return next((value for name, value in reversed(found or ()) if name == key), None)
