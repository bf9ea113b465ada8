"""How the entity in a column is picked: by weight, near another or like it, among favourites, or as the owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from streamguard.datagen.columns.arithmetic import Floats, exp, log
from streamguard.datagen.columns.distributions import Shares
from streamguard.datagen.columns.draws import Scatter, Whole, below
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.columns.lookups import Codes, Lookups
from streamguard.datagen.columns.rows import Rows
from streamguard.datagen.world.campaigns import Away
from streamguard.datagen.world.streams import AttributeColumn, EntityColumn, Favourites, Follow, Near, Same, Weighted

Pick = Callable[[Rows], Whole]
"""Gives an entity for each record."""


def compile_pick(column: EntityColumn, lookups: Lookups, seed: int) -> Pick:
    """The pick of a column, with the entity that it must not be."""
    name, pool = column.name, lookups.pools[column.entity]
    pick = _pick(column.pick, name, pool, lookups, seed)
    other = column.other_than
    if other is None:
        return pick

    def distinct(rows: Rows) -> Whole:
        found, taken = pick(rows), rows.values[other]
        same = np.flatnonzero(found == taken)
        if len(same):
            # A step of 1 to count - 1 around the pool never ends at the same entity.
            steps = 1 + below(rows.draw(f"{name}/other")[same], pool.count - 1)
            found = found.copy()
            found[same] = (found[same] + steps) % pool.count
        return found

    return distinct


def compile_weighted(pick: Weighted, name: str, pool: Pool, lookups: Lookups) -> Pick:
    """One of all entities, or of those near another or like it."""
    weights = None if pick.weight is None else pool.weights(pick.weight)
    if isinstance(pick.within, Same):
        return _same(pick.within, pick.weight, name, pool, lookups)
    if isinstance(pick.within, Near):
        centres = lookups.pool(pick.within.of).places(pick.within.place)
        near = _neighbours(centres, pool.places(pick.within.place), pick.within.radius)
        groups = _Groups(near, None if weights is None else [weights[group] for group in near])
        of = pick.within.of
        return _grouped(groups, name, lambda rows: rows.values[of])
    if weights is None:
        return lambda rows: below(rows.draw(name), pool.count)
    shares = Shares([weights])
    return lambda rows: shares.take(rows.draw(name))


def compile_away(pick: Away, name: str, pool: Pool, lookups: Lookups) -> Callable[[Rows, Rows], Whole]:
    """An entity with another value of an attribute than `pick.reference` has. The value is drawn with the draws of the
    instance (the second argument), by the weight of all entities that have it."""
    members, weights = _members(pick.attribute, pool), pool.weights(pick.weight)
    totals = np.array([_total(weights[group]) for group in members])
    places, reference = lookups.groups(pool, pick.attribute, pick.reference), lookups.codes(pick.reference)
    values = []
    for place in places.tolist():
        others = totals.copy()
        if place >= 0:
            others[place] = 0.0
        values.append(others if others.any() else totals)
    away, groups = Shares(values), _Groups(members, [weights[group] for group in members])

    def pick_away(rows: Rows, once: Rows) -> Whole:
        value = away.take(once.draw(f"{name}/value"), reference(once))
        return groups.take(rows.draw(name), value)

    return pick_away


def _pick(pick: Weighted | Favourites | Follow, name: str, pool: Pool, lookups: Lookups, seed: int) -> Pick:
    match pick:
        case Weighted():
            return compile_weighted(pick, name, pool, lookups)
        case Follow(column, attribute):
            return lookups.codes(f"{column}.{attribute}")
        case Favourites():
            return _favourites(pick, name, pool, lookups, seed)


def _favourites(pick: Favourites, name: str, pool: Pool, lookups: Lookups, seed: int) -> Pick:
    otherwise = compile_weighted(pick.otherwise, name, pool, lookups)
    table = otherwise(_everyone(pick, name, lookups, seed))
    ranks = exp(log(np.arange(1.0, pick.count + 1)) * -pick.skew)
    shares = Shares([[*(pick.share * ranks / _total(ranks)), 1.0 - pick.share]])
    of, count = pick.of, pick.count

    def choose(rows: Rows) -> Whole:
        rank = shares.take(rows.draw(f"{name}/favourite"))
        result = table.take(rows.values[of] * count + np.minimum(rank, count - 1))
        elsewhere = rank == count
        return np.where(elsewhere, otherwise(rows), result)

    return choose


def _everyone(pick: Favourites, name: str, lookups: Lookups, seed: int) -> Rows:
    """A row for each favourite of each entity: the entity, what it belongs to, and whoever else a record may name."""
    owners = np.arange(lookups.pool(pick.of).count, dtype=np.int64).repeat(pick.count)
    ranks = np.tile(np.arange(pick.count, dtype=np.int64), lookups.pool(pick.of).count)
    values = {pick.of: owners}
    rows = Rows(
        len(owners),
        lambda purpose: Scatter(seed, lookups.stream.name, name, "favourites", purpose).of(owners, ranks),
        values,
    )
    for column in lookups.stream.columns[: [each.name for each in lookups.stream.columns].index(name)]:
        if column.name not in values and isinstance(column, EntityColumn):
            values[column.name] = compile_pick(replace(column, other_than=None), lookups, seed)(rows)
        elif isinstance(column, AttributeColumn):
            values[column.name] = lookups.codes(column.reference)(rows)
    return rows


def _same(within: Same, weight: str | None, name: str, pool: Pool, lookups: Lookups) -> Pick:
    """Among those with the same value; a value that none has stands for all."""
    members = [*_members(within.attribute, pool), np.arange(pool.count, dtype=np.int64)]
    places = lookups.groups(pool, within.attribute, within.reference)
    group = np.array([place if place >= 0 and len(members[place]) else len(members) - 1 for place in places.tolist()])
    weights = None if weight is None else [pool.weights(weight)[each] for each in members]
    reference = lookups.codes(within.reference)
    return _grouped(_Groups(members, weights), name, lambda rows: group.take(reference(rows)))


def _members(attribute: str, pool: Pool) -> list[Whole]:
    """The entities with each value of a choice attribute."""
    codes = pool.codes(attribute)
    return [np.flatnonzero(codes == place) for place in range(len(pool.choices(attribute).values))]


def _neighbours(centres: tuple[Whole, Whole], others: tuple[Whole, Whole], radius: float) -> list[Whole]:
    """For each centre, those of the others that are within `radius`; the nearest one if there is none."""
    reach = radius * (1 << TRAIT_BITS) * radius * (1 << TRAIT_BITS)
    found = []
    for x, y in zip(*(axis.astype(np.float64) for axis in centres), strict=True):
        distance = (others[0] - x) ** 2 + (others[1] - y) ** 2
        near = np.flatnonzero(distance <= reach)
        found.append(near if len(near) else np.array([int(distance.argmin())], dtype=np.int64))
    return found


@dataclass
class _Groups:
    """Entities in groups, of which one is picked by weight or evenly."""

    members: Sequence[Whole]
    weights: Sequence[np.ndarray[tuple[int], np.dtype[np.float64]]] | None
    _flat: Whole = field(init=False)
    _starts: Whole = field(init=False)
    _sizes: Whole = field(init=False)
    _shares: Shares | None = field(init=False)

    def __post_init__(self) -> None:
        self._sizes = np.array([len(group) for group in self.members], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._sizes)[:-1]])
        self._flat = np.concatenate(list(self.members))
        groups = None if self.weights is None else [group if group.any() else [1.0] for group in self.weights]
        self._shares = None if groups is None else Shares(groups)

    def take(self, draws: np.ndarray[tuple[int], np.dtype[np.uint32]], by: Whole) -> Whole:
        """A member of group `by` for each draw."""
        place = below(draws, self._sizes.take(by)) if self._shares is None else self._shares.take(draws, by)
        return self._flat.take(self._starts.take(by) + place)


def _total(weights: Floats) -> float:
    """Summed one after the other: `sum` goes another way on another machine, and may end at another last digit."""
    return float(np.cumsum(weights)[-1]) if len(weights) else 0.0


def _grouped(groups: _Groups, name: str, by: Codes) -> Pick:
    return lambda rows: groups.take(rows.draw(name), by(rows))
