"""Shapes that numbers and choices are drawn from: values only; `datagen.distributions` draws them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Constant:
    """Always the same number."""

    value: float


@dataclass(frozen=True)
class Uniform:
    """Any number from `low` to `high`, all alike."""

    low: float
    high: float


@dataclass(frozen=True)
class Normal:
    """A bell; what is outside `low`…`high` is drawn anew from `instead` (or clipped to them if that is None)."""

    mean: float
    sd: float
    low: float | None = None
    high: float | None = None
    instead: Uniform | None = None


@dataclass(frozen=True)
class LogNormal:
    """`median` times e to the power of a normal of SD `sigma`."""

    median: float
    sigma: float


@dataclass(frozen=True)
class Gamma:
    """Of that `shape` (1 is the exponential) and `mean`."""

    shape: float
    mean: float


@dataclass(frozen=True)
class Pareto:
    """A tail: P(above x) = (least / x) ** exponent."""

    least: float
    exponent: float


@dataclass(frozen=True)
class Tailed:
    """Tukey's h: ``z * exp(h * z² / 2)`` of a normal z, moved to `mean`, scaled to `sd`; h follows from the excess
    `kurtosis` (0 is the normal): 3 (1-2h)³ (1-4h)^(-5/2) - 3 = kurtosis; variance of the raw form: (1-2h)^(-3/2)."""

    mean: float
    sd: float
    kurtosis: float


@dataclass(frozen=True)
class Zipf:
    """Traits only: entity i (from 0) has 1 / (i + 1) ** exponent."""

    exponent: float


@dataclass(frozen=True)
class Mixture:
    """One of `parts`, by `shares`, which sum to 1."""

    parts: tuple[Distribution, ...]
    shares: tuple[float, ...]


Distribution = Constant | Uniform | Normal | LogNormal | Gamma | Pareto | Tailed | Mixture


@dataclass(frozen=True)
class Choices:
    """One of `values`, by `shares`, which sum to 1. Values are what a record shows: text, numbers, true, false."""

    values: tuple[str | int | float | bool, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from `low` to `high`, both included, all alike."""

    low: int
    high: int
