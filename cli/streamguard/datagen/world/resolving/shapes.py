"""Durations, distributions and choices."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.shapes import (
    Choices,
    Constant,
    Distribution,
    Gamma,
    IntRange,
    LogNormal,
    Mixture,
    Normal,
    Pareto,
    Tailed,
    Uniform,
)

DISTRIBUTIONS = (
    "constant",
    "uniform",
    "normal",
    "lognormal",
    "gamma",
    "exponential",
    "pareto",
    "tailed",
    "mixture",
)
"""The keys of a world file that make a distribution."""
NOTHING = Constant(0.0)
"""Stands for what could not be resolved; a problem says why."""
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(us|ms|s|m|h|d|w)")


def number(value: Any) -> float:
    """A number, or the seconds of a duration like ``5m``."""
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return float(match[1]) * _UNITS[match[2]]
    return float(value)


def one_kind(spec: Mapping[str, Any], kinds: Iterable[str], path: Path, problems: Problems, what: str) -> str | None:
    """The one key of `spec` that says what it is; None, and a problem, if there is none or more than one."""
    known = tuple(kinds)
    found = [key for key in spec if key in known]
    if len(found) == 1:
        return found[0]
    if found:
        problems.add(path, f"{' and '.join(found)} exclude each other: {what} is one of them")
    else:
        problems.add(path, f"{what} needs one of {', '.join(known)}")
    return None


def distribution(value: Any, path: Path, problems: Problems) -> Distribution:
    """A number, [from, to], or an object with the name of a distribution (other keys are somebody else's)."""
    if isinstance(value, list):
        return _uniform(value, path, problems)
    if not isinstance(value, Mapping):
        return Constant(number(value))
    kind = one_kind(value, DISTRIBUTIONS, path, problems, "a distribution")
    return NOTHING if kind is None else _named(kind, value[kind], (*path, kind), problems)


def least(shape: Distribution) -> float:
    """The smallest number that can be drawn; minus infinity if there is none."""
    match shape:
        case Constant(value):
            return value
        case Uniform(low):
            return low
        case Normal(low=low):
            return -math.inf if low is None else low
        case Pareto(least=low):
            return low
        case LogNormal() | Gamma():
            return 0.0
        case Mixture(parts):
            return min(least(part) for part in parts)
        case _:
            return -math.inf


def not_negative(shape: Distribution, path: Path, problems: Problems, what: str) -> Distribution:
    """`shape`, and a problem if it can be negative, which `what` can not."""
    if least(shape) < 0:
        problems.add(path, f"{what} can not be negative: give it a lowest number of 0 or more")
    return shape


def _named(kind: str, spec: Any, path: Path, problems: Problems) -> Distribution:
    match kind:
        case "constant":
            return Constant(number(spec))
        case "uniform":
            return _uniform(spec, path, problems)
        case "normal":
            return _normal(spec, path, problems)
        case "lognormal":
            return LogNormal(number(spec["median"]), float(spec["sigma"]))
        case "gamma":
            return Gamma(float(spec["shape"]), number(spec["mean"]))
        case "exponential":
            return Gamma(1.0, number(spec))
        case "pareto":
            return Pareto(number(spec["least"]), float(spec["exponent"]))
        case "tailed":
            return Tailed(float(spec.get("mean", 0.0)), float(spec["sd"]), float(spec["kurtosis"]))
        case _:
            return _mixture(spec, path, problems)


def _uniform(spec: Sequence[Any], path: Path, problems: Problems) -> Distribution:
    low, high = number(spec[0]), number(spec[1])
    if low > high:
        problems.add(path, f"from {spec[0]} to {spec[1]} is backwards: write [{spec[1]}, {spec[0]}]")
    return Uniform(low, high)


def _normal(spec: Mapping[str, Any], path: Path, problems: Problems) -> Distribution:
    low, high = (None if spec.get(key) is None else float(spec[key]) for key in ("low", "high"))
    if low is not None and high is not None and low >= high:
        problems.add(path, f"low {low:g} is not below high {high:g}: exchange them")
    instead = (
        _uniform(spec["instead"]["uniform"], (*path, "instead", "uniform"), problems) if "instead" in spec else None
    )
    if instead is not None and low is None and high is None:
        problems.add((*path, "instead"), "nothing is drawn anew without low or high: add `low: 0` or leave it out")
    return Normal(
        number(spec["mean"]), number(spec["sd"]), low, high, instead if isinstance(instead, Uniform) else None
    )


def _mixture(spec: Sequence[Mapping[str, Any]], path: Path, problems: Problems) -> Distribution:
    parts = tuple(distribution(part, (*path, index), problems) for index, part in enumerate(spec))
    shares = tuple(float(part["share"]) for part in spec)
    _sum_to_one(shares, path, problems)
    return Mixture(parts, shares)


def choices(value: Any, path: Path, problems: Problems) -> Choices:
    """A list, all alike, or an object of shares, which sum to 1."""
    if isinstance(value, list):
        return Choices(tuple(value), (1 / len(value),) * len(value))
    shares = tuple(float(share) for share in value.values())
    _sum_to_one(shares, path, problems)
    return Choices(tuple(value), shares)


def choices_like(value: Any, like: Choices, path: Path, problems: Problems) -> Choices:
    """Other shares of the values of `like`; values that are left out get none. A single value gets all."""
    spec = {str(value): 1.0} if not isinstance(value, list | Mapping) else value
    if isinstance(spec, list):
        spec = {str(one): 1 / len(spec) for one in spec}
    known = [str(one) for one in like.values]
    for name in spec:
        if name not in known:
            problems.unknown((*path, name) if isinstance(value, Mapping) else path, "value", name, known)
    shares = tuple(float(spec.get(name, 0.0)) for name in known)
    if not any(name not in known for name in spec):
        _sum_to_one(shares, path, problems)
    return Choices(like.values, shares)


def int_range(value: Any, path: Path, problems: Problems) -> IntRange:
    """A whole number, or [least, most]."""
    low, high = (value, value) if isinstance(value, int) else value
    if low > high:
        problems.add(path, f"from {low} to {high} is backwards: write [{high}, {low}]")
    return IntRange(low, high)


def _sum_to_one(shares: Sequence[float], path: Path, problems: Problems) -> None:
    total = sum(shares)
    if abs(total - 1) > 1e-6:
        problems.add(path, f"the shares sum to {total:.6g}: {_toward_one(total)} so that they make 1")


def _toward_one(total: float) -> str:
    return f"add {1 - total:.6g}" if total < 1 else f"take away {total - 1:.6g}"
