"""Statistics that several checks share: functions of arrays; draws come from a generator that is given."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
)
from streamguard.errors import StreamguardError

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]
Mask = NDArray[np.bool_]


def scipy_stats() -> Any:
    """`scipy.stats`. Raises StreamguardError with what to install."""
    try:
        from scipy import stats
    except ModuleNotFoundError as exc:
        raise StreamguardError("world check needs scipy: pip install 'streamguard[check]'") from exc
    return stats


def fits(observed: Whole, shares: Sequence[float] | Floats) -> float:
    """The p-value of counts under declared shares (chi-square; rare values are put together)."""
    counts, expected = _lumped(np.asarray(observed, dtype=np.float64), np.asarray(shares, dtype=np.float64))
    if len(counts) < 2:
        return 1.0
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return float(scipy_stats().chi2.sf(statistic, len(counts) - 1))


def _lumped(counts: Floats, shares: Floats) -> tuple[Floats, Floats]:
    """Counts and what is expected; what is expected less than 8 times is put into one, the impossible tells at once."""
    total = counts.sum()
    expected = shares / shares.sum() * total
    if counts[expected == 0].any():
        return np.array([total, total]), np.array([total * 1e-6, total])
    often = expected >= 8
    if often.all():
        return counts, expected
    rest_counts, rest = counts[~often].sum(), expected[~often].sum()
    if rest < 8:
        return counts[often], expected[often] * (counts[often].sum() / max(expected[often].sum(), 1e-300))
    return np.append(counts[often], rest_counts), np.append(expected[often], rest)


def cramers_v(left: Whole, right: Whole) -> tuple[float, float]:
    """Cramér's V of two columns of codes, corrected for its bias (Bergsma), and the p-value of independence."""
    table = np.zeros((int(left.max()) + 1, int(right.max()) + 1))
    np.add.at(table, (left, right), 1)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    rows, columns = table.shape
    total = table.sum()
    if min(rows, columns) < 2:
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / total
    statistic = float(((table - expected) ** 2 / expected).sum())
    freedom = (rows - 1) * (columns - 1)
    phi = max(0.0, statistic / total - freedom / (total - 1))
    least = min(rows - (rows - 1) ** 2 / (total - 1), columns - (columns - 1) ** 2 / (total - 1)) - 1
    return float(np.sqrt(phi / max(least, 1e-12))), float(scipy_stats().chi2.sf(statistic, freedom))


def telling(scores: Floats, positive: Mask, least_recall: float) -> tuple[float, float]:
    """What a score tells of what is positive: its average precision (ties counted as one step), and the best precision
    of a rule `score at least x` that finds at least this part of it."""
    order = np.argsort(-scores)
    hits = np.cumsum(positive[order])
    if not hits[-1]:
        return 0.0, 0.0
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    found = hits[last]
    precision = found / (last + 1)
    area = float(np.sum(np.diff(found, prepend=0) * precision) / hits[-1])
    return area, float(precision[found >= least_recall * hits[-1]].max())


def bins(values: Whole | Floats, most: int = 10) -> Whole:
    """Codes of about equally many values each; few values stay as they are."""
    found, codes = np.unique(values, return_inverse=True)
    if len(found) <= most:
        return codes.astype(np.int64)
    edges = np.unique(np.quantile(values, np.arange(1, most) / most))
    return np.searchsorted(edges, values, side="right").astype(np.int64)


@singledispatch
def drawn(shape: Distribution, chance: np.random.Generator, size: int) -> Floats:
    """Numbers of a distribution by numpy's own generators: another way than the engine's, to compare it with."""
    raise TypeError(f"no way to draw {size} of {shape!r} by {chance!r}")


@drawn.register
def _(shape: Constant, _chance: np.random.Generator, size: int) -> Floats:
    return np.full(size, shape.value)


@drawn.register
def _(shape: Uniform, chance: np.random.Generator, size: int) -> Floats:
    return chance.uniform(shape.low, shape.high, size)


@drawn.register
def _(shape: LogNormal, chance: np.random.Generator, size: int) -> Floats:
    return chance.lognormal(np.log(shape.median), shape.sigma, size)


@drawn.register
def _(shape: Gamma, chance: np.random.Generator, size: int) -> Floats:
    return chance.gamma(shape.shape, shape.mean / shape.shape, size)


@drawn.register
def _(shape: Pareto, chance: np.random.Generator, size: int) -> Floats:
    return shape.least * (1 + chance.pareto(shape.exponent, size))


@drawn.register
def _(shape: Normal, chance: np.random.Generator, size: int) -> Floats:
    low = -np.inf if shape.low is None else shape.low
    high = np.inf if shape.high is None else shape.high
    values = chance.normal(shape.mean, shape.sd, size)
    if shape.instead is None:
        return np.clip(values, low, high)
    outside = (values < low) | (values > high)
    return np.where(outside, chance.uniform(shape.instead.low, shape.instead.high, size), values)


@drawn.register
def _(shape: Tailed, chance: np.random.Generator, size: int) -> Floats:
    h = tail(shape.kurtosis)
    z = chance.standard_normal(size)
    return np.asarray(shape.mean + shape.sd * (1 - 2 * h) ** 0.75 * z * np.exp(h * z * z / 2), dtype=np.float64)


@drawn.register
def _(shape: Mixture, chance: np.random.Generator, size: int) -> Floats:
    which = chance.choice(len(shape.parts), size, p=np.array(shape.shares) / sum(shape.shares))
    columns = np.stack([drawn(part, chance, size) for part in shape.parts])
    return np.asarray(columns[which, np.arange(size)], dtype=np.float64)


def tail(kurtosis: float) -> float:
    """Tukey's h of an excess kurtosis."""
    if kurtosis <= 0:
        return 0.0
    from scipy.optimize import brentq

    return float(brentq(lambda h: 3 * (1 - 2 * h) ** 3 * (1 - 4 * h) ** -2.5 - 3 - kurtosis, 0.0, 0.25 - 1e-9))
