"""How the whole numbers of a column are shown in a record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Pieces:
    """The number is a place in a list of texts: `json` as they stand in JSON, `text` without quotes and escapes."""

    json: Sequence[bytes] = field(repr=False)
    text: Sequence[str] = field(repr=False)


@dataclass(frozen=True)
class Fixed:
    """The number has a point before its last `decimals` digits."""

    decimals: int
