"""What a codec raises: `Undecodable` is all that bytes can cause."""

from __future__ import annotations

from typing import Any


class Undecodable(ValueError):
    """A record's key or value is not what the columns say; the reason never holds the data."""


class Unusual(ValueError):
    """The quick way does not apply to this record."""


def unusual() -> Any:
    """Leave the quick way."""
    raise Unusual
