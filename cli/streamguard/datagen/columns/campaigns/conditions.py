"""Conditions: campaigns that an entity falls to for some days, or that everybody is in at some times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.campaigns.bursts import Marked
from streamguard.datagen.columns.campaigns.changes import CampaignDraws, Group, compile_changes
from streamguard.datagen.columns.clock import DAY, day_of_month, in_season
from streamguard.datagen.columns.distributions import chance
from streamguard.datagen.columns.draws import Whole, below
from streamguard.datagen.columns.lookups import Lookups
from streamguard.datagen.world.campaigns import Condition

_NOBODY = -1
_PLACE = 20  # bits of an instance that number those who fall to it on one day
_TRIES = 64


@dataclass(frozen=True)
class Candidates:
    """Records that may belong to a condition, by place in their block."""

    places: Whole
    instance: Whole
    step: Whole


class ConditionState:
    """One condition, compiled. `number` is its place among the campaigns of the world."""

    def __init__(self, condition: Condition, number: int, lookups: Lookups, start: int, seed: int) -> None:
        """`start`: µs since 1970, from which drift is counted."""
        self.condition, self.number = condition, number
        self._draws = CampaignDraws(seed, lookups.stream.name, condition.name)
        self._count = lookups.pool(condition.actor).count if condition.actor else 0
        self._changes = compile_changes(condition.changes, lookups, seed)
        self._takes = chance(condition.probability)
        self._hours = None
        if condition.hours is not None:
            self._hours = tuple(round(hour * DAY / 24) for hour in condition.hours)
        self._begin(start)

    def starting(self, start: int) -> ConditionState:
        """The same condition in a stream that starts at another instant."""
        other = copy(self)
        other._begin(start)
        return other

    def _begin(self, start: int) -> None:
        self._start_day = start // DAY
        self.fallen = lru_cache(maxsize=4 * self.condition.days + 8)(self._fallen)
        self._states = lru_cache(maxsize=16)(self._state)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that the condition changes."""
        return frozenset(self._changes)

    def decide(self, first: int, instants: Whole, actors: Whole | None, free: NDArray[np.bool_]) -> Marked | None:
        """The records of a block that belong to the condition, of those that are still free; None if there are none.

        `first` is the number of the first record, `actors` the entities in the condition's column, if it has one.
        """
        found = list(self._candidates(instants, actors))
        if not found:
            return None
        places, instance, step = (
            np.concatenate([getattr(each, name) for each in found]) for name in ("places", "instance", "step")
        )
        takes = free[places]
        if self.condition.probability < 1:
            takes &= self._draws.of("takes", places + first) < self._takes
        if self._hours is not None:
            takes &= within(instants[places] % DAY, self._hours)
        mine = np.flatnonzero(takes)
        if not len(mine):
            return None
        places, instance, step = places[mine], instance[mine], step[mine]
        group = Group(places, self._draws.at(places + first), self._draws.at(instance), self._changes)
        return Marked(self.number, places, instance, step, [group])

    def expected(self) -> float:
        """About the share of records that belong to it."""
        one = self.condition
        if one.steady:
            return 0.0 if one.seasons or one.month_days else one.probability * self._part_of_day()
        spared = math.prod([1 - one.per_day / self._count] * one.days)
        return (1 - spared) * one.probability * self._part_of_day()

    def _part_of_day(self) -> float:
        if self.condition.hours is None:
            return 1.0
        since, until = self.condition.hours
        return (until - since) % 24 / 24

    def _candidates(self, instants: Whole, actors: Whole | None) -> Iterator[Candidates]:
        """Day by day: dates never fall within a block."""
        days = instants[[0, -1]] // DAY
        for day in range(int(days[0]), int(days[1]) + 1):
            low, high = np.searchsorted(instants, [day * DAY, (day + 1) * DAY]).tolist()
            if low == high:
                continue
            if self.condition.steady or actors is None:
                if self._is_on(day):
                    places = np.arange(low, high, dtype=np.int64)
                    yield Candidates(places, np.full_like(places, day << _PLACE), np.zeros_like(places))
                continue
            instance = self._states(day).take(actors[low:high])
            places = np.flatnonzero(instance != _NOBODY)
            if len(places):
                of = instance[places]
                yield Candidates(places + low, of, day - (of >> _PLACE))

    def _is_on(self, day: int) -> bool:
        """Whether a steady condition is on that day."""
        days = np.array([day], dtype=np.int64)
        seasons, month_days = self.condition.seasons, self.condition.month_days
        return not (seasons or month_days) or bool(
            any(in_season(season, days)[0] for season in seasons) or int(day_of_month(days)[0]) in month_days
        )

    def _state(self, day: int) -> Whole:
        """For each entity, the instance of the condition that it is in on a day (since 1970), or -1."""
        state = np.full(self._count, _NOBODY, dtype=np.int64)
        for before in range(day - self.condition.days + 1, day + 1):
            entities = self.fallen(before)
            state[entities] = (before << _PLACE) + np.arange(len(entities))
        return state

    def _fallen(self, day: int) -> Whole:
        """The entities that fall to the condition on a day, each once."""
        times = 1.0
        for drift in self.condition.drift:
            times = drift.times if day - self._start_day >= drift.day else times
        wanted, part = divmod(self.condition.per_day * times, 1)
        more = int(self._draws.of("more", np.array(day))[0] < chance(part))
        number = min(int(wanted) + more, self._count)
        found: dict[int, None] = {}
        for attempt in range(_TRIES):
            drawn = below(self._draws.of("who", np.array(day), np.arange(number) + attempt * number), self._count)
            found.update(dict.fromkeys(drawn.tolist()))
            if len(found) >= number:
                break
        return np.array(list(found)[:number], dtype=np.int64)


def within(times: Whole, hours: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which times of day are from the first hour to the second, over midnight if the second is earlier."""
    since, until = hours
    after, before = times >= since, times < until
    return after & before if since <= until else after | before
