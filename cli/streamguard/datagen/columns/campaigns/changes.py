"""What campaigns do to columns, compiled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from streamguard.datagen.columns.distributions import Draw, Numbers, Shares
from streamguard.datagen.columns.draws import Draws32, Scatter, Whole
from streamguard.datagen.columns.entities import TRAIT_BITS
from streamguard.datagen.columns.fills import FINER, times
from streamguard.datagen.columns.lookups import Lookups
from streamguard.datagen.columns.picks import Pick, compile_away, compile_pick
from streamguard.datagen.columns.rows import Rows
from streamguard.datagen.world import campaigns as model
from streamguard.datagen.world.streams import EntityColumn, NumberColumn

Apply = Callable[[Whole, Rows, Rows], Whole]
"""From the numbers of a column, the records, and the records with the draws of their instances, to other numbers."""

_LARGEST_FACTOR = 1 << 36


@dataclass(frozen=True)
class Group:
    """Records of a block that belong to one campaign (and are in the same phase of it).

    `each` gives draws for every record, `once` the same ones for all records of an instance. `target`: the entities
    that the records of a burst are about, in column `actor`.
    """

    places: Whole
    each: Draw
    once: Draw
    changes: Mapping[str, Sequence[Apply]]
    actor: str | None = None
    target: Whole | None = None

    def apply(self, column: str, numbers: Whole, block: Rows) -> None:
        """Change the numbers of a column in place."""
        if self.target is not None and column == self.actor:
            numbers[self.places] = self.target
        for change in self.changes.get(column, ()):
            each, once = block.some(self.places, self.each), block.some(self.places, self.once)
            numbers[self.places] = change(numbers.take(self.places), each, once)


class CampaignDraws:
    """The draws of one campaign, by purpose."""

    def __init__(self, seed: int, stream: str, campaign: str) -> None:
        self._names = (seed, stream, "campaigns", campaign)
        self._scatters: dict[str, Scatter] = {}

    def at(self, *positions: Whole) -> Draw:
        """Draws at these positions."""
        return lambda name: self.of(name, *positions)

    def of(self, name: str, *positions: Whole) -> Draws32:
        """The draws for a purpose at these positions."""
        if name not in self._scatters:
            self._scatters[name] = Scatter(*self._names, name)
        return self._scatters[name].of(*positions)


def compile_changes(changes: Sequence[model.Change], lookups: Lookups, seed: int) -> Mapping[str, Sequence[Apply]]:
    """The changes of a campaign by column, in order."""
    found: dict[str, list[Apply]] = defaultdict(list)
    for change in changes:
        found[change.column].append(_compiled(change, lookups, seed))
    return found


def _compiled(change: model.Change, lookups: Lookups, seed: int) -> Apply:
    column = lookups.stream.column(change.column)
    match change:
        case model.Times():
            factors = Numbers([change.factor], 1 << TRAIT_BITS, most=_LARGEST_FACTOR)
            return partial(_times, factors, change)
        case model.SetNumber() if isinstance(column, NumberColumn):
            return partial(_number, Numbers([change.distribution], 10**column.decimals << FINER), change)
        case model.SetChoice():
            return partial(_choice, Shares([change.choices.shares]), change)
        case model.SetEntity() if isinstance(column, EntityColumn):
            if isinstance(change.pick, model.Away):
                away = compile_away(change.pick, column.name, lookups.pools[column.entity], lookups)
                return lambda _, each, once: away(_rows(change, each, once), once)
            pick = column if change.pick is None else replace(column, pick=change.pick)
            return partial(_entity, compile_pick(pick, lookups, seed), change)
    raise TypeError(f"{change!r} does not fit column {change.column}")


def _rows(change: model.Change, each: Rows, once: Rows) -> Rows:
    return once if change.once else each


def _times(factors: Numbers, change: model.Times, numbers: Whole, each: Rows, once: Rows) -> Whole:
    found = factors.take(_rows(change, each, once).draw, f"{change.column}/times")
    most = (1 << 61) // np.maximum(1, np.abs(found))
    return times(np.clip(numbers, -most, most), found, TRAIT_BITS)


def _number(drawn: Numbers, change: model.SetNumber, _: Whole, each: Rows, once: Rows) -> Whole:
    return drawn.take(_rows(change, each, once).draw, f"{change.column}/set")


def _choice(shares: Shares, change: model.SetChoice, _: Whole, each: Rows, once: Rows) -> Whole:
    return shares.take(_rows(change, each, once).draw(f"{change.column}/set"))


def _entity(pick: Pick, change: model.SetEntity, _: Whole, each: Rows, once: Rows) -> Whole:
    return pick(_rows(change, each, once))
