"""S8: as much of each campaign as declared, in instances as long and as quick as declared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import numpy as np

from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.check.sample import START, Sample, days_of, take
from streamguard.datagen.check.statistics import Mask, Whole, fits, scipy_stats
from streamguard.datagen.columns.campaigns.bursts import BurstState
from streamguard.datagen.explaining.expectations import expected, is_time, mean, part_of_day
from streamguard.datagen.world.campaigns import Burst, Condition
from streamguard.datagen.world.model import World

QUICK = 0.10
"""How far the mean time between records of an instance may be from what is declared."""


def campaigns(sample: Sample) -> Iterator[Finding]:
    """Shares, lengths and mix."""
    free = np.ones(sample.size, dtype=np.bool_)
    lanes = {lane.number: lane for lane in sample.stream.bursts}
    own_ones = (one for one in enumerate(sample.world.campaigns) if one[1].stream == sample.declared.name)
    order = sorted(own_ones, key=lambda one: not isinstance(one[1], Burst))
    for place, campaign in order:
        own = sample.campaign == place + 1
        match campaign:
            case Burst(drift=()):
                yield _share(sample, campaign, own, campaign.share)
                yield from _lengths(sample, campaign, own, lanes[place])
            case Condition(drift=()):
                yield _condition(sample, campaign, own, free)
        free &= ~own


def _share(sample: Sample, campaign: Burst, own: Mask, share: float) -> Finding:
    """Records come in instances, so chance is that of their number: the variance is the sum of their squares."""
    found, declared = int(own.sum()), share * sample.size
    _, sizes = np.unique(sample.instance[own], return_counts=True)
    typical = float((sizes**2).sum() / max(1, found)) if found else 1.0
    deviation = math.sqrt(max(declared * typical, 1e-9))
    p = float(2 * scipy_stats().norm.sf(abs(found - declared) / deviation))
    detail = f"{len(sizes):,} instances"
    return Finding("S8", campaign.name, "share", found / sample.size, f"{share:.4g}", p, detail=detail)


def _condition(sample: Sample, campaign: Condition, own: Mask, free: Mask) -> Finding:
    """Of those that no campaign before it has taken; one without entities takes its part of the times it is on."""
    if not campaign.steady:
        return _state(sample, campaign, own, float(free.mean()))
    days = days_of(sample.instants)
    on = {day: is_time(campaign, day) for day in set(days)}
    eligible = free & np.array([on[day] for day in days])
    total, found = int(eligible.sum()), int(own.sum())
    told = f"{campaign.probability:.4g} of {total:,}"
    if not total or (own & ~eligible).any():
        return within("S8", campaign.name, "records outside its time", int((own & ~eligible).sum()), (0, 0))
    p = float(scipy_stats().binomtest(found, total, campaign.probability).pvalue)
    return Finding("S8", campaign.name, "share of its time", found / total, told, p)


def _state(sample: Sample, campaign: Condition, own: Mask, free: float) -> Finding:
    """Who falls to it is chance, and some have many more records than others: the variance is that of their numbers."""
    found, declared = int(own.sum()), expected(sample.world, campaign).share * free * sample.size
    pool = sample.pool(campaign.actor)
    records = np.bincount(sample.values[campaign.actor], minlength=pool.count).astype(np.float64)
    taken = campaign.probability * part_of_day(sample.declared.rate, campaign.hours)
    active = min(1.0, campaign.per_day * campaign.days / pool.count)
    deviation = math.sqrt(float(((records * taken) ** 2).sum()) * active + declared + 1e-9)
    p = float(2 * scipy_stats().norm.sf(abs(found - declared) / deviation))
    detail = f"{len(np.unique(sample.instance[own])):,} fallen"
    told = f"{declared / sample.size:.4g}"
    return Finding("S8", campaign.name, "share", found / sample.size, told, p, detail=detail)


def seasonal(world: World, stream: str, size: int, seed: int, cache_dir: Path | None) -> Iterator[Finding]:
    """Campaigns of a time of the year, each in a sample of its first day."""
    for place, campaign in enumerate(world.campaigns):
        if isinstance(campaign, Condition) and campaign.steady and campaign.stream == stream:
            start = _first_day(campaign)
            sample = take(world, stream, size, seed=seed, cache_dir=cache_dir, days=1, start=start)
            free = np.ones(sample.size, dtype=np.bool_)
            for other, before in enumerate(world.campaigns):
                if isinstance(before, Burst) or other < place:
                    free &= sample.campaign != other + 1
            yield _condition(sample, campaign, sample.campaign == place + 1, free)


def _first_day(campaign: Condition) -> datetime:
    """The first day of 2026 on which a campaign can be on."""
    days = (START.replace(month=1, day=1) + timedelta(days=number) for number in range(366))
    return next(day for day in days if is_time(campaign, day.date()))


def _lengths(sample: Sample, campaign: Burst, own: Mask, lane: BurstState) -> Iterator[Finding]:
    """Every instance that is whole inside the sample has exactly the records that it is to have."""
    places = np.flatnonzero(own)
    instances, first, counts = np.unique(sample.instance[places], return_index=True, return_counts=True)
    if not len(instances):
        return
    lengths = lane.lengths(instances)
    last = _last(sample.instance[places], places, instances)
    spans = last - places[first]
    whole = (sample.step[places[first]] == 0) & (places[first] + 2 * spans.max(initial=0) + 1 < sample.size)
    wrong = int((counts != lengths.sum(axis=1))[whole].sum())
    detail = f"{int(whole.sum()):,} whole instances"
    yield within("S8", campaign.name, "instances of another length", wrong, (0, 0), detail=detail)
    for number, phase in enumerate(campaign.phases):
        low, high = phase.records.low, phase.records.high
        seen = lengths[whole, number]
        outside = int(((seen < low) | (seen > high)).sum())
        yield within("S8", f"{campaign.name}, phase {number + 1}", f"lengths outside {low}-{high}", outside, (0, 0))
        if high > low and whole.sum() >= 30:
            inside = seen[(seen >= low) & (seen <= high)] - low
            p = fits(np.bincount(inside, minlength=high - low + 1), [1.0] * (high - low + 1))
            told = f"{(low + high) / 2:g}"
            yield Finding("S8", f"{campaign.name}, phase {number + 1}", "mean length", float(seen.mean()), told, p)


def _last(of: Whole, places: Whole, instances: Whole) -> Whole:
    last = np.zeros(len(instances), dtype=np.int64)
    np.maximum.at(last, np.searchsorted(instances, of), places)
    return last


def intensity(sample: Sample) -> Iterator[Finding]:
    """Times between the records of an instance, in a sample that was taken at the declared rate."""
    seconds = float(sample.instants[-1] - sample.instants[0]) / 1e6
    spacing = seconds / sample.size
    for place, campaign in enumerate(sample.world.campaigns):
        if isinstance(campaign, Burst) and campaign.stream == sample.declared.name:
            own = np.flatnonzero(sample.campaign == place + 1)
            yield from _gaps(sample, campaign, own, partial(_readable, seconds=seconds, spacing=spacing))


def _readable(campaign: Burst, every: float, *, seconds: float, spacing: float) -> bool:
    """Whether the sample is long enough to hold instances whole, and records dense enough to show their times."""
    length = sum(phase.records.high * mean(phase.every) for phase in campaign.phases)
    return length < seconds / 8 and every > 20 * spacing


def _gaps(sample: Sample, campaign: Burst, own: Whole, readable: partial[bool]) -> Iterator[Finding]:
    order = own[np.lexsort((sample.step[own], sample.instance[own]))]
    same = np.diff(sample.instance[order]) == 0
    gaps = (np.diff(sample.instants[order]) / 1e6)[same]
    if len(campaign.phases) != 1 or len(gaps) < 100:  # where phases meet is not seen from outside
        return
    declared = mean(campaign.phases[0].every)
    if readable(campaign, declared):
        bounds = (declared * (1 - QUICK), declared * (1 + QUICK))
        yield within(
            "S8", campaign.name, "seconds between records", float(gaps.mean()), bounds, detail=f"{len(gaps):,} gaps"
        )
