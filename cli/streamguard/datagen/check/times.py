"""S3: records come when the rate says, hour by hour, weekday by weekday, season by season."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.check.sample import START, Sample, spread
from streamguard.datagen.check.statistics import Floats, Whole, fits
from streamguard.datagen.columns.clock import Clock
from streamguard.datagen.columns.draws import BLOCK, Draws
from streamguard.datagen.explaining.expectations import day_weight
from streamguard.datagen.world.streams import Rate

MOST = 0.03
"""The error (root mean square, of the mean) up to which a curve is followed."""
YEAR = 364
SECOND = 1_000_000


def times(sample: Sample) -> Iterator[Finding]:
    """Hours and days over the sample, days over a year, and that no record is before the one before it."""
    rate = sample.declared.rate
    backward = int((np.diff(sample.instants) < 0).sum())
    yield within("S3", "event times", "going back", backward, (0, 0))
    if rate.steps or rate.bursts:
        return
    yield from _hours(sample.instants, rate)
    yield from _days(sample.instants, rate, "weekday", 28)
    if rate.seasons or rate.month_days:
        year = spread(sample.world, sample.declared.name, sample.size, YEAR).stream(sample.declared.name).rate
        yield from _days(_instants(year, sample.size, sample.seed), year, "day of the year", YEAR)


def _hours(instants: Whole, rate: Rate) -> Iterator[Finding]:
    parts = len(rate.day) if len(rate.day) > 1 else 24
    counts = np.bincount(instants % (86_400 * SECOND) * parts // (86_400 * SECOND), minlength=parts)
    weights = np.array(rate.day if len(rate.day) > 1 else (1.0,) * parts)
    yield from _curve("hour of day" if parts == 24 else "time of day", counts, weights)


def _days(instants: Whole, rate: Rate, subject: str, days: int) -> Iterator[Finding]:
    first = int(START.timestamp()) // 86_400
    inside = instants // (86_400 * SECOND) - first
    counts = np.bincount(inside[(inside >= 0) & (inside < days)], minlength=days)
    names = [date.fromordinal(date(1970, 1, 1).toordinal() + first) + timedelta(days=number) for number in range(days)]
    yield from _curve(subject, counts, np.array([day_weight(rate, name) for name in names]))


def _curve(subject: str, counts: Whole, weights: Floats) -> Iterator[Finding]:
    """Arrivals are spread evenly within the curve, so chance adds less than it would by itself: chi-square is the
    upper bound."""
    expected = weights / weights.sum() * counts.sum()
    error = float(np.sqrt(np.mean((counts - expected) ** 2)) / expected.mean())
    noise = 3 / np.sqrt(max(1.0, expected.mean()))
    yield within("S3", subject, "NRMSE", error, (0.0, max(MOST, float(noise))))
    yield Finding("S3", subject, "chi-square", float(counts.sum()), "the rate's curve", fits(counts, weights))


def _instants(rate: Rate, size: int, seed: int) -> Whole:
    """Event times alone, without the records."""
    clock = Clock(rate, int(START.timestamp()) * SECOND)
    draws = Draws(seed, "check", "arrivals")
    blocks = [clock.instants(number * BLOCK, draws.block(number)) for number in range(-(-size // BLOCK))]
    return np.concatenate(blocks)[:size]
