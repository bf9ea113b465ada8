"""What a codec raises: `Undecodable` is all that bytes can cause."""

from __future__ import annotations

from typing import Any


class Undecodable(ValueError):
    """A record's key or value is not what the columns say; the reason never holds the data."""


class Misfit(str):
    """The reason of a record that could not be decoded; `target` is the part of it, key or value."""

    target: str

    def __new__(cls, reason: object, target: str) -> Misfit:
        """The reason as text."""
        made = super().__new__(cls, str(reason))
        made.target = target
        return made


class Unusual(ValueError):
    """The quick way does not apply to this record."""


def unusual() -> Any:
    """Leave the quick way."""
    raise Unusual
