"""References of a stream, followed: from the entity in a column to its attribute, its trait, its owner."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from streamguard.datagen.columns.draws import Whole
from streamguard.datagen.columns.entities import Pool
from streamguard.datagen.columns.rows import Rows
from streamguard.datagen.world.shapes import Choices
from streamguard.datagen.world.streams import AttributeColumn, ChoiceColumn, EntityColumn, LabelColumn, Stream

Codes = Callable[[Rows], Whole]


class Lookups:
    """What the columns of one stream stand for."""

    def __init__(self, stream: Stream, pools: Mapping[str, Pool]) -> None:
        self.stream, self.pools = stream, pools
        self._entities = {each.name: each.entity for each in stream.columns if isinstance(each, EntityColumn)}

    def pool(self, column: str) -> Pool:
        """The entities in a column."""
        return self.pools[self._entities[column]]

    def codes(self, reference: str) -> Codes:
        """For each record, the place in its choices of ``column.attribute`` or of a choice column; for a reference
        attribute, the number of the entity."""
        column, dot, attribute = reference.partition(".")
        if not dot:
            return lambda rows: rows.values[column]
        table = self.pool(column).codes(attribute)
        return lambda rows: table.take(rows.values[column])

    def choices(self, reference: str) -> Choices:
        """What a reference to a choice may be."""
        name, dot, attribute = reference.partition(".")
        if dot:
            return self.pool(name).choices(attribute)
        column = self.stream.column(name)
        if isinstance(column, AttributeColumn):
            return self.choices(column.reference)
        if isinstance(column, LabelColumn):
            return column.choices
        if isinstance(column, ChoiceColumn):
            return column.choices[0]
        raise TypeError(f"{reference} is no choice")

    def trait(self, reference: str) -> tuple[str, Whole]:
        """The column and the numbers of ``column.trait``."""
        column, _, trait = reference.partition(".")
        return column, self.pool(column).trait(trait)

    def groups(self, pool: Pool, attribute: str, reference: str) -> Whole:
        """For each value of `reference`, the place of the same value in the choices of an attribute; -1 if it has it
        not."""
        known = {str(value): place for place, value in enumerate(pool.choices(attribute).values)}
        return np.array([known.get(str(value), -1) for value in self.choices(reference).values], dtype=np.int64)
