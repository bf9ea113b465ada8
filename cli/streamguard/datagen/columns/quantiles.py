"""Quantile functions of the shapes of a world, from exactly rounded operations alone (see `arithmetic`)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from streamguard.datagen.columns.arithmetic import Floats, exp, log, log1, log_gamma
from streamguard.datagen.world.shapes import (
    Constant,
    Gamma,
    LogNormal,
    Mixture,
    Normal,
    Pareto,
    Tailed,
    Uniform,
)

_GRID = 1 << 14


@dataclass(frozen=True)
class Level:
    """`below` of a distribution is below a number, `above` = 1 - `below` above it: both, so that no tail is lost."""

    below: Floats
    above: Floats


# Wichura's rational approximations of the normal quantile (AS 241), highest power first.
_CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258,
     3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459,
     0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093,
     0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4,
     0.0148753612908506148525, 0.13692988092273580531, 0.59983220655588793769, 1.0),
)  # fmt: skip


def normal_quantile(level: Level) -> Floats:
    """The standard normal's."""
    offset = level.below - 0.5
    square = 0.180625 - offset * offset
    centre = offset * _ratio(_CENTRE, square)
    deviation = np.sqrt(-log(np.minimum(level.below, level.above)))
    tail = np.where(deviation <= 5.0, _ratio(_MIDDLE, deviation - 1.6), _ratio(_FAR, deviation - 5.0))
    return np.asarray(np.where(np.abs(offset) <= 0.425, centre, np.where(offset < 0, -tail, tail)), dtype=np.float64)


def normal_below(z: float) -> float:
    """The part of a standard normal below z, found by halving."""
    low, high = 1e-300, 1.0 - 1e-16
    for _ in range(60):
        middle = (low + high) / 2
        found = normal_quantile(Level(np.array([middle]), np.array([1.0 - middle])))[0]
        low, high = (middle, high) if found < z else (low, middle)
    return (low + high) / 2


def simplified(distribution: object) -> list[tuple[float, object]]:
    """A distribution as shares of others that have a quantile function each."""
    if isinstance(distribution, Mixture):
        pairs = zip(distribution.shares, distribution.parts, strict=True)
        return [(share * inner, part) for share, mixed in pairs for inner, part in simplified(mixed)]
    if isinstance(distribution, Normal) and distribution.instead is not None:
        inside = _inside(distribution)[1] - _inside(distribution)[0]
        return [(inside, distribution), (1.0 - inside, distribution.instead)]
    return [(1.0, distribution)]


@singledispatch
def quantile(distribution: object, level: Level) -> Floats:
    """The number of a distribution at each level."""
    raise TypeError(f"no quantiles of {distribution!r} at {level}")


@quantile.register
def _(distribution: Constant, level: Level) -> Floats:
    return np.full_like(level.below, distribution.value)


@quantile.register
def _(distribution: Uniform, level: Level) -> Floats:
    return np.asarray(distribution.low + (distribution.high - distribution.low) * level.below, dtype=np.float64)


@quantile.register
def _(distribution: Normal, level: Level) -> Floats:
    low = -np.inf if distribution.low is None else distribution.low
    high = np.inf if distribution.high is None else distribution.high
    if distribution.instead is not None:  # what is outside comes from elsewhere: here is what is inside
        from_, until = _inside(distribution)
        level = Level(from_ + (until - from_) * level.below, (1.0 - until) + (until - from_) * level.above)
    return np.clip(distribution.mean + distribution.sd * normal_quantile(level), low, high)


@quantile.register
def _(distribution: LogNormal, level: Level) -> Floats:
    return np.asarray(distribution.median * exp(distribution.sigma * normal_quantile(level)), dtype=np.float64)


@quantile.register
def _(distribution: Pareto, level: Level) -> Floats:
    return np.asarray(distribution.least * exp(log(level.above) * (-1.0 / distribution.exponent)), dtype=np.float64)


@quantile.register
def _(distribution: Tailed, level: Level) -> Floats:
    h = tail_of(distribution.kurtosis)
    z = normal_quantile(level)
    spread = np.sqrt((1 - 2 * h) * np.sqrt(1 - 2 * h))  # one over the SD of the raw form
    return np.asarray(distribution.mean + distribution.sd * spread * z * exp(h * z * z / 2), dtype=np.float64)


@quantile.register
def _(distribution: Gamma, level: Level) -> Floats:
    """The density of the logarithm is smooth, and falls off on both sides: it is summed on a fine grid and inverted."""
    shape = distribution.shape
    most = shape + 30.0 + 12.0 * float(np.sqrt(shape))
    logs = np.linspace(log1(shape) - 40.0 / min(shape, 40.0) - 2.0, log1(most), _GRID)
    density = exp(np.maximum(shape * logs - exp(logs) - log_gamma(shape), -700.0))
    areas = (density[1:] + density[:-1]) * ((logs[1] - logs[0]) / 2)
    up = np.concatenate([[0.0], np.cumsum(areas)])
    down = np.concatenate([[0.0], np.cumsum(areas[::-1])])
    up, down = up / up[-1], down / down[-1]
    from_below = _inverse(logs, up, level.below)
    from_above = _inverse(-logs[::-1], down, level.above)
    found = np.where(level.below < 0.5, from_below, -from_above)
    return np.asarray(exp(found) * (distribution.mean / shape), dtype=np.float64)


def tail_of(kurtosis: float) -> float:
    """Tukey's h for an excess kurtosis, found by halving: it grows with h, from 0 at 0 without bound below 1/4."""
    low, high = 0.0, 0.25
    for _ in range(60):
        h = (low + high) / 2
        rest, root = 1 - 2 * h, float(np.sqrt(1 - 4 * h))
        found = 3 * rest * rest * rest / (root * root * root * root * root) - 3 if root else np.inf
        low, high = (h, high) if found < kurtosis else (low, h)
    return low if kurtosis > 0 else 0.0


def _inverse(values: Floats, sums: Floats, wanted: Floats) -> Floats:
    """Where the growing `sums` of `values` are `wanted`, straight between two."""
    at = np.clip(np.searchsorted(sums, wanted, side="left"), 1, len(sums) - 1)
    step = sums[at] - sums[at - 1]
    part = np.where(step > 0, (wanted - sums[at - 1]) / np.where(step > 0, step, 1.0), 0.5)
    return np.asarray(values[at - 1] + (values[at] - values[at - 1]) * np.clip(part, 0.0, 1.0), dtype=np.float64)


def _inside(normal: Normal) -> tuple[float, float]:
    """How much of the bell is below its lower and below its upper bound."""
    low = 0.0 if normal.low is None else normal_below((normal.low - normal.mean) / normal.sd)
    high = 1.0 if normal.high is None else normal_below((normal.high - normal.mean) / normal.sd)
    return low, high


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], at: Floats) -> Floats:
    top, bottom = (_polynomial(coefficients, at) for coefficients in polynomials)
    return np.asarray(top / bottom, dtype=np.float64)


def _polynomial(coefficients: tuple[float, ...], at: Floats) -> Floats:
    total = np.full_like(at, coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * at + coefficient
    return total
