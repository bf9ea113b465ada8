"""Bursts: campaigns whose instances have a target and some records in a row."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache, partial

import numpy as np

from streamguard.datagen.columns.campaigns.changes import CampaignDraws, Group, compile_changes
from streamguard.datagen.columns.campaigns.slots import CYCLE, Tracks, grown, settled
from streamguard.datagen.columns.clock import DAY, SECOND, Clock, mean_rate
from streamguard.datagen.columns.distributions import Numbers, Shares
from streamguard.datagen.columns.draws import BLOCK, Draws32, Whole, below
from streamguard.datagen.columns.lookups import Lookups
from streamguard.datagen.world.campaigns import Burst
from streamguard.datagen.world.streams import Rate

LEAST_STRIDE = 64 * BLOCK
"""Records for which the steps of a campaign are worked out at a time, at least."""

_LONGEST = 1 << 25
"""Records of the stream that an instance lasts at most."""


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
    innocent: Whole = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Places of records that are no fraud though the campaign is."""


class BurstState:
    """One burst campaign, compiled. `number` is its place among the campaigns of the world."""

    def __init__(
        self, burst: Burst, number: int, *, tracks: Tracks, track: int, lookups: Lookups, pace: Clock, seed: int
    ) -> None:
        """`pace` says how many records a second there are; `track` is the campaign's place in `tracks`."""
        self.burst, self.number = burst, number
        self._tracks, self._track = tracks, track
        self._draws = CampaignDraws(seed, lookups.stream.name, burst.name)
        self._every = Numbers([phase.every for phase in burst.phases], SECOND, most=1 << 52)
        lows, highs = ([getattr(phase.records, end) for phase in burst.phases] for end in ("low", "high"))
        self._lows, self._highs, self._most = lows, highs, sum(highs)
        self._slots = tracks.counts[track]  # in a cycle
        self._plot = (sum(lows) + sum(highs)) / 2 * self._slots / (CYCLE * peak_share(burst))
        rate = lookups.stream.rate
        span = min(2 * self._most * self._every.mean() * mean_rate(rate) * unevenness(rate), _LONGEST)
        self._longest = self._most + int(span * self._slots / CYCLE)
        self._stride = LEAST_STRIDE << max(0, math.ceil(span / 2 / LEAST_STRIDE) - 1).bit_length()
        self._changes = [compile_changes(phase.changes, lookups, seed) for phase in burst.phases]
        self._innocent = [number for number, phase in enumerate(burst.phases) if not phase.fraud]
        self._targets = []
        for phase in burst.phases:
            pool = lookups.pool(phase.actor)
            self._targets.append(Shares([pool.weights(burst.weight)]) if burst.weight else pool.count)
        self._begin(pace)

    def starting(self, pace: Clock) -> BurstState:
        """The same campaign in a stream that starts at another instant."""
        other = copy(self)
        other._begin(pace)
        return other

    def _begin(self, pace: Clock) -> None:
        self._pace = pace
        self._drift = [(pace.count_until(round(drift.day * DAY)), drift.times) for drift in self.burst.drift]
        self._kept = lru_cache(maxsize=3)(self._steps)

    def in_block(self, number: int) -> Marked | None:
        """The campaign's records in a block; None if it has none there."""
        first = number * BLOCK
        steps = self._kept(first // self._stride)
        low, high = np.searchsorted(steps.index, [first, first + BLOCK]).tolist()
        if low == high:
            return None
        places = steps.index[low:high] - first
        groups = list(self._groups(steps, low, high, places))
        innocent = places[np.isin(steps.phase[low:high], self._innocent)] if self._innocent else places[:0]
        return Marked(self.number, places, steps.instance[low:high], steps.step[low:high], groups, innocent)

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
        """The steps among the records of a stride: the longer instances last, the more records are in one."""
        slots = self._stride // CYCLE * self._slots
        first, last = stride * slots, (stride + 1) * slots
        plots = np.arange(
            math.floor((first - self._longest) / self._plot) - 1, math.floor((last + self._longest) / self._plot) + 1
        )
        plots = plots[self._takes_place(plots)]
        wanted, lengths, phases = self._instances(plots)
        row, step = np.nonzero((np.arange(self._most) < lengths[:, None]) & (wanted >= first) & (wanted < last))
        order = np.lexsort((row, wanted[row, step]))[: last - first]
        row, step = row[order], step[order]
        index = self._tracks.indexes(self._track, settled(wanted[row, step], last))
        return Steps(index, self._instance(plots[row]), step, phases[row, step])

    def _instance(self, plots: Whole) -> Whole:
        """Instances are numbered from the first that can reach the first record."""
        return np.asarray(plots + (math.ceil(self._longest / self._plot) + 2), dtype=np.int64)

    def _takes_place(self, plots: Whole) -> Whole:
        """The places of those plots that have an instance; drift makes it more or fewer."""
        if not self._drift:
            return np.arange(len(plots))
        times = np.array([1.0, *(times for _, times in self._drift)]) / peak(self.burst)
        index = self._middles(plots) * CYCLE // self._slots
        accepted = times[np.searchsorted([since for since, _ in self._drift], index, side="right")]
        limits = np.floor(accepted * 2.0**32 + 0.5)
        return np.flatnonzero(self._draws.of("accepted", self._instance(plots)) < limits)

    def _middles(self, plots: Whole) -> Whole:
        """The slot that the middle record of the instance of each plot wants: anywhere in it."""
        part = self._draws.of("middle", self._instance(plots)) * 2.0**-32
        return np.asarray(np.floor((plots + part) * self._plot), dtype=np.int64)

    def _instances(self, plots: Whole) -> tuple[Whole, Whole, Whole]:
        """For each instance: the slots that its records want, how many it has, the phase of each record.

        It lasts as long as its intervals in event time, whatever the rate does meanwhile. From its middle it goes both
        ways, so that a campaign has its share of the records also while the rate grows or falls. There are places
        before the first record, as the world has been there before.
        """
        instance, middles = self._instance(plots), self._middles(plots)[:, None]
        counts = self.lengths(instance)
        ends, order, rows = np.cumsum(counts, axis=1), np.arange(self._most), np.arange(len(instance))
        phases = np.minimum((order[None, :, None] >= ends[:, None, :]).sum(axis=2), len(self._lows) - 1)
        at = self._draws.at(instance.repeat(self._most), np.tile(order, len(instance)))
        every = self._every.take(at, "every", phases.reshape(-1)).reshape(phases.shape)
        since = np.cumsum(every, axis=1)
        since -= since[rows, ends[:, -1] // 2][:, None]
        index = self._pace.indexes_of(self._pace.offsets_of(middles.astype(np.float64) * (CYCLE / self._slots)) + since)
        away = index * self._slots // CYCLE - middles
        away[rows, ends[:, -1] // 2] = 0
        span = away[rows, ends[:, -1] - 1] - away[:, 0]
        long = np.flatnonzero(span > self._longest)
        away[long] = away[long] * self._longest // span[long, None]
        return grown(middles + away), ends[:, -1], phases


def _some(draws: Callable[[CampaignDraws, str], Draws32], campaign: CampaignDraws, mine: Whole, name: str) -> Draws32:
    return draws(campaign, name)[mine]


def compile_bursts(
    campaigns: Sequence[tuple[int, Burst]], lookups: Lookups, pace: Clock, seed: int
) -> list[BurstState]:
    """All bursts of a stream, given with their places among the campaigns of the world."""
    tracks = Tracks(seed, lookups.stream.name, [peak_share(burst) for _, burst in campaigns])
    return [
        BurstState(burst, number, tracks=tracks, track=track, lookups=lookups, pace=pace, seed=seed)
        for track, (number, burst) in enumerate(campaigns)
    ]


def peak(burst: Burst) -> float:
    """How many times its share a campaign has at most."""
    return max(1.0, *(drift.times for drift in burst.drift)) if burst.drift else 1.0


def peak_share(burst: Burst) -> float:
    """The largest share that a campaign ever has."""
    return burst.share * peak(burst)


def unevenness(rate: Rate) -> float:
    """How many times its mean a rate is at most, without single days."""
    if rate.steps:
        return max(step.rate for step in rate.steps) / max(1e-9, mean_rate(rate))
    return max(rate.day) * max(rate.week)
