"""Bursts: campaigns whose instances have a target and some records in a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial

import numpy as np

from streamguard.datagen.campaigns.changes import CampaignDraws, Group, compile_changes
from streamguard.datagen.campaigns.lanes import CYCLE, Tracks, begun, fitted, plan
from streamguard.datagen.clock import DAY, Clock
from streamguard.datagen.distributions import Numbers, Shares
from streamguard.datagen.draws import BLOCK, Draws32, Whole, below
from streamguard.datagen.lookups import Lookups
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.streams import Rate

STRIDE = 64 * BLOCK
"""Records for which the steps of a campaign are worked out at a time."""

_FINE = 8  # bits after the point of a slot
_MILLION = 1_000_000


@dataclass(frozen=True)
class Steps:
    """Records of a burst campaign, by number of the record; parallel arrays. What is drawn for them is kept."""

    index: Whole
    instance: Whole
    step: Whole
    phase: Whole
    _each: dict[str, Draws32] = field(default_factory=dict)
    _once: dict[str, Draws32] = field(default_factory=dict)

    def each(self, draws: CampaignDraws, name: str) -> Draws32:
        """Draws for every record."""
        if name not in self._each:
            self._each[name] = draws.of(name, self.instance, self.step)
        return self._each[name]

    def once(self, draws: CampaignDraws, name: str) -> Draws32:
        """Draws that are the same for all records of an instance."""
        if name not in self._once:
            self._once[name] = draws.of(name, self.instance)
        return self._once[name]


@dataclass(frozen=True)
class Marked:
    """The records of one campaign in a block, in places of the block."""

    campaign: int
    places: Whole
    instance: Whole
    step: Whole
    groups: Sequence[Group]


class BurstLane:
    """One burst campaign, compiled. `number` is its place among the campaigns of the world."""

    def __init__(
        self, burst: Burst, number: int, *, tracks: Tracks, track: int, lookups: Lookups, pace: Clock, seed: int
    ) -> None:
        """`pace` says how many records a second there are; `track` is the campaign's place in `tracks`."""
        self.burst, self.number = burst, number
        self._tracks, self._track = tracks, track
        self._draws = CampaignDraws(seed, lookups.stream.name, burst.name)
        self._every = Numbers([phase.every for phase in burst.phases], 1000.0, most=1 << 40)
        lows, highs = ([getattr(phase.records, end) for phase in burst.phases] for end in ("low", "high"))
        self._lows, self._highs, self._most = lows, highs, sum(highs)
        rate = lookups.stream.rate
        self._lanes = plan(
            peak_share(burst),
            tracks.counts[track],
            ((sum(lows) + sum(highs)) / 2, self._most),
            self._every.mean() * mean_rate(rate),
            unevenness(rate),
        )
        self._changes = [compile_changes(phase.changes, lookups, seed) for phase in burst.phases]
        self._targets = []
        for phase in burst.phases:
            pool = lookups.pool(phase.actor)
            self._targets.append(Shares([pool.weights(burst.weight)]) if burst.weight else pool.count)
        self._begin(pace)

    def starting(self, pace: Clock) -> BurstLane:
        """The same campaign in a stream that starts at another instant."""
        other = copy(self)
        other._begin(pace)
        return other

    def _begin(self, pace: Clock) -> None:
        self._pace = pace
        self._drift = [(pace.count_until(round(drift.day * DAY)), drift.times) for drift in self.burst.drift]
        self._stride = lru_cache(maxsize=3)(self._steps)

    @cached_property
    def columns(self) -> frozenset[str]:
        """The columns that belong to the campaign in one phase or another."""
        return frozenset(
            {*(phase.actor for phase in self.burst.phases), *(name for one in self._changes for name in one)}
        )

    def in_block(self, number: int) -> Marked | None:
        """The campaign's records in a block; None if it has none there."""
        first = number * BLOCK
        steps = self._stride(first // STRIDE)
        low, high = np.searchsorted(steps.index, [first, first + BLOCK]).tolist()
        if low == high:
            return None
        places = steps.index[low:high] - first
        groups = list(self._groups(steps, low, high, places))
        return Marked(self.number, places, steps.instance[low:high], steps.step[low:high], groups)

    def lengths(self, instances: Whole) -> Whole:
        """How many records instances have, from the first to the last, as a row of the length of each phase."""
        counts = [
            low + below(self._draws.of(f"records{phase}", instances), high - low + 1)
            for phase, (low, high) in enumerate(zip(self._lows, self._highs, strict=True))
        ]
        return np.stack(counts, axis=1)

    def _groups(self, steps: Steps, low: int, high: int, places: Whole) -> Iterator[Group]:
        """The records of a block, which are `steps` from `low` to `high`, by phase."""
        alone = len(self.burst.phases) == 1
        for number, phase in enumerate(self.burst.phases):
            mine = np.arange(low, high) if alone else low + np.flatnonzero(steps.phase[low:high] == number)
            if not len(mine):
                continue
            drawn, targets = steps.once(self._draws, "target")[mine], self._targets[number]
            target = below(drawn, targets) if isinstance(targets, int) else targets.take(drawn)
            each, once = (partial(_some, draws, self._draws, mine) for draws in (steps.each, steps.once))
            yield Group(places[mine - low], each, once, self._changes[number], phase.actor, target)

    def _steps(self, stride: int) -> Steps:
        """The steps among the records from ``stride * STRIDE`` on."""
        count, lanes, window = self._tracks.counts[self._track], self._lanes.lanes, self._lanes.window
        first = stride * STRIDE // CYCLE * count
        last = first + STRIDE // CYCLE * count  # slots of the campaign
        lane, number = self._windows(first, last)
        instance = number * lanes + lane
        begins = number * window - self._phase(lane)  # slots of the lane
        takes = self._takes_place(instance, np.maximum(0, begins * lanes + lane) * CYCLE // count)
        lane, instance, begins = lane[takes], instance[takes], begins[takes]
        positions, lengths, phases = self._instances(instance, np.maximum(0, begins * lanes + lane) * CYCLE // count)
        slots = (positions + begins[:, None]) * lanes + lane[:, None]
        order = np.arange(self._most)
        row, step = np.nonzero((order < lengths[:, None]) & (slots >= first) & (slots < last))
        index = self._tracks.indexes(self._track, slots[row, step])
        by_index = np.argsort(index, kind="stable")
        row, step = row[by_index], step[by_index]
        return Steps(index[by_index], instance[row], step, phases[row, step])

    def _windows(self, first: int, last: int) -> tuple[Whole, Whole]:
        """Lane and number of all windows with slots from `first` to `last` (exclusive)."""
        lane = np.arange(self._lanes.lanes, dtype=np.int64)
        window, lanes = self._lanes.window, self._lanes.lanes
        low = (-((lane - first) // lanes) + self._phase(lane)) // window
        high = (-((lane - last) // lanes) - 1 + self._phase(lane)) // window
        count = np.maximum(0, high - low + 1)
        lanes_ = lane.repeat(count)
        ahead = np.arange(len(lanes_)) - (np.cumsum(count) - count).repeat(count)
        return lanes_, low.repeat(count) + ahead

    def _phase(self, lane: Whole) -> Whole:
        """How far into its first window each lane begins: the world has been there before the first record."""
        return below(self._draws.of("phase", lane), self._lanes.window)

    def _takes_place(self, instance: Whole, index: Whole) -> Whole:
        """The places of those windows that have an instance; drift makes it more or fewer."""
        accepted = np.full(len(instance), self._lanes.accepted / peak(self.burst))
        if self._drift:
            times = np.array([1.0, *(times for _, times in self._drift)])
            accepted *= times[np.searchsorted([since for since, _ in self._drift], index, side="right")]
        limits = np.floor(np.minimum(1.0, accepted) * 2.0**32 + 0.5)
        return np.flatnonzero(self._draws.of("accepted", instance) < limits)

    def _instances(self, instance: Whole, index: Whole) -> tuple[Whole, Whole, Whole]:
        """For each instance: in which slots of its window its records are, how many it has, the phase of each."""
        counts = self.lengths(instance)
        ends = np.cumsum(counts, axis=1)
        order = np.arange(self._most)
        phases = np.minimum((order[None, :, None] >= ends[:, None, :]).sum(axis=2), len(self._lows) - 1)
        flat = (instance.repeat(self._most), np.tile(order, len(instance)))
        gaps = self._every.take(self._draws.at(*flat), "every", phases.reshape(-1)).reshape(phases.shape)
        tracks, lanes = self._tracks.counts[self._track], self._lanes.lanes
        pace = np.maximum(
            1, (self._pace.rate_at(index) * tracks << _FINE) // (lanes * CYCLE)
        )  # slots a million seconds
        gaps = np.clip(gaps, 1, (1 << 62) // pace[:, None]) * pace[:, None] // (1000 * _MILLION)
        gaps[:, 0] = 0
        lengths = ends[:, -1]
        positions = fitted(np.cumsum(gaps, axis=1) >> _FINE, lengths, self._lanes.window)
        return begun(positions, lengths, self._lanes.window, self._draws.of("begin", instance)), lengths, phases


def _some(
    draws: Callable[[CampaignDraws, str], Draws32], campaign: CampaignDraws, mine: Whole, name: str
) -> Draws32:
    return draws(campaign, name)[mine]


def compile_bursts(campaigns: Sequence[tuple[int, Burst]], lookups: Lookups, pace: Clock, seed: int) -> list[BurstLane]:
    """All bursts of a stream, given with their places among the campaigns of the world."""
    tracks = Tracks(seed, lookups.stream.name, [peak_share(burst) for _, burst in campaigns])
    return [
        BurstLane(burst, number, tracks=tracks, track=track, lookups=lookups, pace=pace, seed=seed)
        for track, (number, burst) in enumerate(campaigns)
    ]


def peak(burst: Burst) -> float:
    """How many times its share a campaign has at most."""
    return max(1.0, *(drift.times for drift in burst.drift)) if burst.drift else 1.0


def peak_share(burst: Burst) -> float:
    """The largest share that a campaign ever has."""
    return burst.share * peak(burst)


def mean_rate(rate: Rate) -> float:
    """Records a second on a plain day, or on the first steps."""
    return sum(step.rate for step in rate.steps) / len(rate.steps) if rate.steps else rate.mean


def unevenness(rate: Rate) -> float:
    """How many times its mean a rate is at most, without single days."""
    if rate.steps:
        return max(step.rate for step in rate.steps) / max(1e-9, mean_rate(rate))
    return max(rate.day) * max(rate.week)
