"""Records that are being made: what has been drawn for them, and draws for what has not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from streamguard.datagen.columns.distributions import Draw
from streamguard.datagen.columns.draws import Whole


@dataclass(frozen=True)
class Rows:
    """Some records: a block, the records of a campaign in it, or (for favourites) one for each entity.

    `draw` gives the draws for a purpose, one for each record; `values` the columns that are drawn already.
    """

    size: int
    draw: Draw
    values: Mapping[str, Whole]

    def some(self, places: Whole, draw: Draw) -> Rows:
        """Some of these records, with draws of their own."""
        return Rows(len(places), draw, Taken(self.values, places))


class Taken(Mapping[str, Whole]):
    """Columns at some places, taken when they are asked for."""

    def __init__(self, columns: Mapping[str, Whole], places: Whole) -> None:
        self._columns, self._places = columns, places

    def __getitem__(self, name: str) -> Whole:
        return self._columns[name].take(self._places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
