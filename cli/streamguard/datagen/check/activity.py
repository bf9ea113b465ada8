"""S5 and S6: who acts how often, which ones are popular, and how much goes to favourites."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import Whole, fits, scipy_stats
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.world.shapes import Gamma, Zipf
from streamguard.datagen.world.streams import EntityColumn, Favourites, Near, Same, Weighted

SLOPE, SHARE = 0.05, 0.01
"""How far the exponent of Zipf and the share of favourites may be from what is declared."""
LAGS = 5
"""Records of an entity apart from each other that are compared; more add little."""


def activity(sample: Sample) -> Iterator[Finding]:
    """Every column that has entities."""
    for column in sample.declared.columns:
        if not isinstance(column, EntityColumn):
            continue
        match column.pick:
            case Weighted(weight=weight, within=None):
                yield from _counts(sample, column, weight)
            case Weighted(within=Near() as near):
                yield _near(sample, column, near)
            case Favourites():
                yield _favourites(sample, column, column.pick)
        usual = column.pick.otherwise if isinstance(column.pick, Favourites) else column.pick
        if isinstance(usual, Weighted) and usual.weight is not None:
            kind = sample.pools[column.entity].entity.trait(usual.weight).kind
            if isinstance(kind, Zipf):
                yield _zipf(sample, column, usual, kind.exponent)


def _counts(sample: Sample, column: EntityColumn, weight: str | None) -> Iterator[Finding]:
    """Records an entity: as often as its weight says, and all together as the declared gamma makes them."""
    pool = sample.pools[column.entity]
    counts = np.bincount(sample.values[column.name][sample.usual(column.name)], minlength=pool.count)
    if column.other_than is None:
        p = fits(counts, pool.weights(weight))
        yield Finding("S5", f"{column.name}, each", "chi-square", float(counts.max()), f"by {weight or 'chance'}", p)
    kind = pool.entity.trait(weight).kind if weight else None
    if isinstance(kind, Gamma):
        yield _negative_binomial(column.name, counts, kind.shape)


def _negative_binomial(subject: str, counts: Whole, shape: float) -> Finding:
    """A gamma of rates makes counts negative-binomial: variance over mean is 1 + mean / shape."""
    stats = scipy_stats()
    mean = counts.mean()
    declared = stats.nbinom(shape, shape / (shape + mean))
    edges = np.unique(declared.ppf(np.arange(1, 40) / 40))
    parts = np.diff(np.concatenate([[0.0], declared.cdf(edges), [1.0]]))
    found = np.bincount(np.searchsorted(edges, counts), minlength=len(parts))
    told = f"{1 + mean / shape:.4g} (negative binomial)"
    return Finding("S5", subject, "dispersion", float(counts.var() / mean), told, fits(found, parts))


def _near(sample: Sample, column: EntityColumn, near: Near) -> Finding:
    """All within the radius; one that has nobody there goes to the nearest, one that it must not be to anybody."""
    usual = sample.usual(column.name, near.of)
    here = [axis[sample.values[near.of][usual]] for axis in sample.pool(near.of).places(near.place)]
    there = [axis[sample.values[column.name][usual]] for axis in sample.pools[column.entity].places(near.place)]
    apart = np.hypot(*(np.asarray(a - b, dtype=np.float64) for a, b in zip(here, there, strict=True)))
    inside = float((apart <= near.radius * (1 << TRAIT_BITS)).mean())
    least = 0.999 if column.other_than is None else 0.9
    return within("S6", column.name, f"part within {near.radius:g}", inside, (least, 1.0))


def _zipf(sample: Sample, column: EntityColumn, usual: Weighted, declared: float) -> Finding:
    """The exponent of greatest likelihood, among those that could have been picked."""
    from scipy.optimize import minimize_scalar

    pool = sample.pools[column.entity]
    picked = sample.values[column.name][sample.usual(column.name)]
    logs = np.log(np.arange(1, pool.count + 1))
    groups = [logs[members] for members in _groups(pool, usual)]
    counts = [np.bincount(picked, minlength=pool.count)[members] for members in _groups(pool, usual)]

    def unlikely(exponent: float) -> float:
        pairs = zip(groups, counts, strict=True)
        return sum(
            float(exponent * (seen * log).sum() + seen.sum() * np.log(np.exp(-exponent * log).sum()))
            for log, seen in pairs
            if seen.sum()
        )

    found = float(minimize_scalar(unlikely, bounds=(0.0, 5.0), method="bounded").x)
    return within(
        "S6", f"{column.name} by {usual.weight}", "Zipf exponent", found, (declared - SLOPE, declared + SLOPE)
    )


def _groups(pool: Pool, usual: Weighted) -> list[Whole]:
    """The entities of which one is picked: all, or those that are alike."""
    if not isinstance(usual.within, Same):
        return [np.arange(pool.count)]
    codes = pool.codes(usual.within.attribute)
    return [members for value in range(int(codes.max()) + 1) if len(members := np.flatnonzero(codes == value))]


def _favourites(sample: Sample, column: EntityColumn, pick: Favourites) -> Finding:
    """The share that goes to favourites, from how often two records of one entity go to the same place.

    Two of them coincide with probability ``share² q (1 - c) + c``: q is the chance that two favourites are the same,
    c that two picks by popularity are.
    """
    usual = sample.usual(column.name, pick.of)
    owners, picked = sample.values[pick.of][usual], sample.values[column.name][usual]
    order = np.argsort(owners, kind="stable")
    owners, picked = owners[order], picked[order]
    equal = pairs = 0
    chance = 0.0
    alike = _chance_by_entity(sample, column, pick.otherwise)
    for lag in range(1, LAGS + 1):
        same = owners[lag:] == owners[:-lag]
        equal += int((picked[lag:] == picked[:-lag])[same].sum())
        pairs += int(same.sum())
        chance += float(alike[picked[lag:][same]].sum())
    ranks = np.arange(1, pick.count + 1) ** -pick.skew
    twice = float((ranks**2).sum() / ranks.sum() ** 2)
    c, rate = chance / max(1, pairs), equal / max(1, pairs)
    share = float(np.sqrt(max(0.0, rate - c) / (twice * (1 - c))))
    error = np.sqrt(rate * (1 - rate) / max(1, pairs / LAGS)) / (2 * max(share, 0.05) * twice)
    bounds = max(SHARE, 4 * float(error))
    limits = (pick.share - bounds, pick.share + bounds)
    return within("S6", f"{column.name} of {pick.of}", "favourites", share, limits, detail=f"{pairs:,} pairs")


def _chance_by_entity(
    sample: Sample, column: EntityColumn, usual: Weighted
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """For each entity, how likely two picks by popularity among those like it are the same."""
    pool = sample.pools[column.entity]
    weights, found = pool.weights(usual.weight), np.zeros(pool.count)
    for members in _groups(pool, usual):
        parts = weights[members] / weights[members].sum()
        found[members] = (parts**2).sum()
    return found
