"""What a world leads one to expect: means, percentiles, how many records belong to a campaign. No record is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta
from functools import singledispatch

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.quantiles import Level, quantile, simplified
from streamguard.datagen.world.campaigns import Burst, Campaign, Condition
from streamguard.datagen.world.model import World
from streamguard.datagen.world.population import Place, Trait
from streamguard.datagen.world.shapes import (
    Constant,
    Distribution,
    Gamma,
    LogNormal,
    Mixture,
    Normal,
    Pareto,
    Tailed,
    Uniform,
    Zipf,
)
from streamguard.datagen.world.streams import EntityColumn, NumberColumn, Rate, Season, Stream

LEVELS = 4096
"""Even steps at which a distribution is looked at where there is no formula."""


@singledispatch
def mean(shape: Distribution) -> float:
    """The mean of a distribution; infinity if it has none."""
    values, weights = grid(shape)
    return float(np.dot(values, weights))


@mean.register
def _(shape: Constant) -> float:
    return shape.value


@mean.register
def _(shape: Uniform) -> float:
    return (shape.low + shape.high) / 2


@mean.register
def _(shape: LogNormal) -> float:
    return shape.median * math.exp(shape.sigma**2 / 2)


@mean.register
def _(shape: Gamma) -> float:
    return shape.mean


@mean.register
def _(shape: Pareto) -> float:
    return shape.least * shape.exponent / (shape.exponent - 1)


@mean.register
def _(shape: Tailed) -> float:
    return shape.mean


@mean.register
def _(shape: Mixture) -> float:
    return sum(share * mean(part) for share, part in zip(shape.shares, shape.parts, strict=True))


@mean.register
def _(shape: Normal) -> float:
    if shape.low is None and shape.high is None:
        return shape.mean
    values, weights = grid(shape)
    return float(np.dot(values, weights))


def grid(shape: Distribution) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The distribution as values and their weights, which sum to 1; in order of value."""
    below = (np.arange(LEVELS) + 0.5) / LEVELS
    parts = simplified(shape)
    values = np.concatenate([quantile(part, Level(below, 1.0 - below)) for _, part in parts])
    weights = np.concatenate([np.full(LEVELS, share / LEVELS) for share, _ in parts])
    order = np.argsort(values, kind="stable")
    return values[order], weights[order]


def percentiles(shape: Distribution, levels: tuple[float, ...]) -> list[float]:
    """The numbers that so much of a distribution is below."""
    parts = simplified(shape)
    if len(parts) == 1:
        below = np.array(levels)
        return [float(value) for value in quantile(parts[0][1], Level(below, 1.0 - below))]
    values, weights = grid(shape)
    reached = np.cumsum(weights)
    return [float(values[min(int(np.searchsorted(reached, level)), len(values) - 1)]) for level in levels]


def trait_mean(trait: Trait) -> float:
    """The mean of a trait over its entities, where it has one distribution that is a number's."""
    kind = trait.kind
    return math.nan if isinstance(kind, Place | Zipf) or len(trait.kinds) > 1 else mean(kind)


def number_mean(world: World, stream: Stream, column: NumberColumn) -> float:
    """The mean of a number with its traits, before limits and rounding; not a number where it depends on a choice."""
    if column.by is not None:
        return math.nan
    total = mean(column.distributions[0])
    for reference in column.times:
        name, _, trait = reference.partition(".")
        found = stream.column(name)
        assert isinstance(found, EntityColumn)
        total *= trait_mean(world.entity(found.entity).trait(trait))
    return total


def mean_records(burst: Burst) -> float:
    """How many records an instance of a burst has, on average."""
    return sum((phase.records.low + phase.records.high) / 2 for phase in burst.phases)


@dataclass(frozen=True)
class Expected:
    """`share` of all records over a year (nan: the numbers decide); `instances` among a million records."""

    share: float
    instances: float


def expected(world: World, campaign: Campaign) -> Expected:
    """What a campaign is expected to take, where no campaign before it takes its records and nothing drifts."""
    if isinstance(campaign, Burst):
        return Expected(campaign.share, campaign.share * 1e6 / mean_records(campaign))
    if not isinstance(campaign, Condition):
        return Expected(math.nan, math.nan)
    stream = world.stream(campaign.stream)
    share = campaign.probability * part_of_day(stream.rate, campaign.hours) * part_of_year(stream.rate, campaign)
    if campaign.steady:
        return Expected(share, math.nan)
    column = stream.column(campaign.actor)
    assert isinstance(column, EntityColumn)
    count = world.entity(column.entity).count
    active = 1 - math.exp(campaign.days * math.log1p(-min(campaign.per_day / count, 1 - 1e-12)))
    return Expected(share * active, math.nan)


def part_of_day(rate: Rate, hours: tuple[float, float] | None) -> float:
    """The part of a day's records that fall into these hours."""
    if hours is None:
        return 1.0
    start, end = hours
    if start > end:
        return part_of_day(rate, (0.0, end)) + part_of_day(rate, (start, 24.0))
    size = 24 / len(rate.day)
    inside = (max(0.0, min(end, (n + 1) * size) - max(start, n * size)) / size for n in range(len(rate.day)))
    return sum(part * weight for part, weight in zip(inside, rate.day, strict=True)) / len(rate.day)


def day_weight(rate: Rate, day: date) -> float:
    """How many times the records of a plain day this one has."""
    weight = rate.week[day.weekday()] * dict(rate.month_days).get(day.day, 1.0)
    for season in rate.seasons:
        weight *= season.times if in_season(day, season) else 1.0
    return weight


def in_season(day: date, season: Season) -> bool:
    """Whether a day is in a season."""
    at = (day.month, day.day)
    if season.first <= season.last:
        return season.first <= at <= season.last
    return at >= season.first or at <= season.last


def part_of_year(rate: Rate, condition: Condition) -> float:
    """The part of a year's records that fall into the seasons and days of the month of a condition."""
    if not condition.seasons and not condition.month_days:
        return 1.0
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(364)]
    weights = [day_weight(rate, day) for day in days]
    inside = [is_time(condition, day) for day in days]
    return sum(weight for weight, there in zip(weights, inside, strict=True) if there) / sum(weights)


def is_time(condition: Condition, day: date) -> bool:
    """Whether a condition can be on a day."""
    seasonal = not condition.seasons or any(in_season(day, season) for season in condition.seasons)
    return seasonal and (not condition.month_days or day.day in condition.month_days)
