"""S1 and S4: every declared parameter is found again, in every category and segment; amounts by their whole shape."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streamguard.datagen.check.findings import Finding
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import Floats, Whole, drawn, fits, scipy_stats
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.world.population import ChoiceText, Place, Trait
from streamguard.datagen.world.shapes import Constant, Zipf
from streamguard.datagen.world.streams import ChoiceColumn, LabelColumn, NumberColumn

SEGMENTS = 3
"""Parts into which records are cut by what their traits multiply a number with."""
LEAST = 60
"""Records that a segment needs for a test of its own."""


def parameters(sample: Sample) -> Iterator[Finding]:
    """Shares of choices and labels, traits and attributes of entities, means and spreads of numbers."""
    for entity in sample.world.entities:
        yield from _entity(sample.pools[entity.name], sample.chance)
    for column in sample.declared.columns:
        match column:
            case ChoiceColumn():
                yield from _choices(sample, column)
            case LabelColumn():
                yield from _label(sample, column)
            case NumberColumn():
                yield from _number(sample, column)


def _entity(pool: Pool, chance: np.random.Generator) -> Iterator[Finding]:
    """Attributes and traits over all entities there are."""
    name = pool.entity.name
    for attribute in pool.entity.attributes:
        if isinstance(attribute.kind, ChoiceText):
            choices = attribute.kind.choices
            counts = np.bincount(pool.codes(attribute.name), minlength=len(choices.values))
            yield _chosen(f"{name}.{attribute.name}", counts, choices.shares)
    for trait in pool.entity.traits:
        yield from _trait(pool, trait, chance)


def _trait(pool: Pool, trait: Trait, chance: np.random.Generator) -> Iterator[Finding]:
    stats = scipy_stats()
    subject = f"{pool.entity.name} ({trait.name})"
    if isinstance(trait.kind, Place):
        for axis, points in zip("xy", pool.places(trait.name), strict=True):
            found = stats.kstest(points / (1 << TRAIT_BITS), "uniform", (0, trait.kind.size))
            yield Finding("S1", f"{subject} {axis}", "KS", float(found.statistic), "uniform", float(found.pvalue))
        return
    if isinstance(trait.kind, Zipf):
        return
    values = np.asarray(pool.trait(trait.name) / (1 << TRAIT_BITS), dtype=np.float64)
    groups = pool.codes(trait.by) if trait.by else np.zeros(pool.count, dtype=np.int64)
    for place, kind in enumerate(trait.kinds):
        own = values[groups == place]
        if isinstance(kind, Zipf | Constant | Place) or len(own) < LEAST:
            continue
        found = stats.ks_2samp(own, drawn(kind, chance, 50 * len(own)))
        yield Finding("S1", subject, "KS", float(found.statistic), type(kind).__name__.lower(), float(found.pvalue))


def _choices(sample: Sample, column: ChoiceColumn) -> Iterator[Finding]:
    usual = sample.usual(column.name)
    codes = sample.values[column.name]
    if column.by is None:
        yield _chosen(
            column.name, np.bincount(codes[usual], minlength=len(column.choices[0].values)), column.choices[0].shares
        )
        return
    by = sample.codes(column.by)
    usual &= sample.usual(column.by.partition(".")[0])
    for place, (value, choices) in enumerate(zip(sample.choices(column.by), column.choices, strict=True)):
        counts = np.bincount(codes[usual & (by == place)], minlength=len(choices.values))
        if counts.sum() >= LEAST:
            yield _chosen(f"{column.name} of {value}", counts, choices.shares)


def _label(sample: Sample, column: LabelColumn) -> Iterator[Finding]:
    """Over all records, and among fraud if the world says so."""
    codes, many = sample.values[column.name], len(column.choices.values)
    yield _chosen(column.name, np.bincount(codes, minlength=many), column.choices.shares)
    if column.fraud is not None and sample.fraud.sum() >= LEAST:
        counts = np.bincount(codes[sample.fraud], minlength=many)
        yield _chosen(f"{column.name} of fraud", counts, column.fraud.shares)


def _chosen(subject: str, counts: Whole, shares: tuple[float, ...]) -> Finding:
    total = max(1, int(counts.sum()))
    largest = int(np.argmax(np.abs(counts / total - np.array(shares))))
    told = f"share {shares[largest]:.4g} (the farthest of {len(shares)})"
    return Finding("S1", subject, "shares", float(counts[largest] / total), told, fits(counts, shares))


def _number(sample: Sample, column: NumberColumn) -> Iterator[Finding]:
    usual = sample.usual(column.name)
    by, names = np.zeros(sample.size, dtype=np.int64), [""]
    if column.by is not None:
        usual &= sample.usual(column.by.partition(".")[0])
        by, names = sample.codes(column.by), [f" of {value}" for value in sample.choices(column.by)]
    factors = sample.factors(column)
    for place, (name, shape) in enumerate(zip(names, column.distributions, strict=True)):
        own = usual & (by == place)
        if own.sum() >= LEAST:
            observed = sample.values[column.name][own] / 10**column.decimals
            expected = _as_declared(drawn(shape, sample.chance, int(own.sum())) * factors[own], column, sample.chance)
            subject, segmented = f"{column.name}{name}", bool(column.times)
            yield from _amounts(subject, observed, factors[own], expected, segmented=segmented)


def _amounts(
    subject: str, observed: Floats, factors: Floats, expected: Floats, *, segmented: bool
) -> Iterator[Finding]:
    """Against as many numbers drawn another way, with the traits of the same records: mean and spread of the logarithm
    in each segment, the whole shape, and the tail."""
    stats = scipy_stats()
    steps = np.unique(np.quantile(factors, np.arange(1, SEGMENTS) / SEGMENTS)) if segmented else np.array([])
    segments = np.searchsorted(steps, factors)
    for segment in range(len(steps) + 1):
        own, other = _scaled(observed[segments == segment], expected[segments == segment])
        if len(own) < LEAST or np.ptp(other) == 0:  # a number that is always the same has neither; S4 compares it
            continue
        told = f"{np.mean(other):.4g}"
        name = f"{subject}, segment {segment + 1}" if len(steps) else subject
        p = float(stats.ttest_ind(own, other, equal_var=False).pvalue)
        yield Finding("S1", name, "mean of logarithm", float(own.mean()), told, p)
        spread = float(stats.levene(own, other, center="median").pvalue)
        yield Finding("S1", name, "SD of logarithm", float(own.std()), f"{other.std():.4g}", spread)
    found = stats.ks_2samp(observed, expected)
    yield Finding("S4", subject, "KS", float(found.statistic), "0", float(found.pvalue))
    high = np.quantile(expected, 0.99)
    counts = [int((values > high).sum()) for values in (observed, expected)]
    if min(counts) >= LEAST:
        yield _tail(subject, observed[observed > high] / high, expected[expected > high] / high)


def _tail(subject: str, observed: Floats, expected: Floats) -> Finding:
    """Hill's index of the highest hundredth, by the means of the logarithms of what is above it."""
    stats = scipy_stats()
    own, other = np.log(observed), np.log(expected)
    p = float(stats.mannwhitneyu(own, other).pvalue)
    return Finding(
        "S4", subject, "tail index", float(1 / max(own.mean(), 1e-9)), f"{1 / max(other.mean(), 1e-9):.4g}", p
    )


def _scaled(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """Logarithms of numbers that are 0 or more (a little more than they are, so that 0 has one), else the numbers."""
    if min(left.min(initial=0), right.min(initial=0)) < 0:
        return left, right
    return np.log(left + 0.01), np.log(right + 0.01)


def _as_declared(values: Floats, column: NumberColumn, chance: np.random.Generator) -> Floats:
    """Rounded as the column says, then within its limits."""
    unit = 10**column.decimals
    result = np.floor(values * unit + 0.5) / unit
    which = chance.random(len(result))
    start, least = 0.0, 1 / unit if column.least is None else max(column.least, 1 / unit)
    for rounding in column.rounding:
        own = (which >= start) & (which < start + rounding.share)
        start += rounding.share
        rounded = np.floor(result / rounding.to + 0.5) * rounding.to + rounding.plus
        result = np.where(own & (rounded >= least - 1e-9), rounded, result)
    low = -np.inf if column.least is None else column.least
    high = np.inf if column.most is None else column.most
    return np.asarray(np.clip(result, low, high), dtype=np.float64)
