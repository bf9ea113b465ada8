"""How many records a second, over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import NormalDist
from typing import Any

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.shapes import number
from streamguard.datagen.world.streams import Bursts, Rate, Season, Step

DAY = 86_400.0
PARTS = 144
"""Equal parts of the day that a bell is cut into: ten minutes each."""
_UNITS = {"per_second": 1.0, "per_hour": 3600.0, "per_day": DAY}
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def rate(spec: Any, path: Path, problems: Problems) -> Rate:
    """A number is records a second, for ever the same."""
    if not isinstance(spec, Mapping):
        return Rate(float(spec))
    given = [unit for unit in (*_UNITS, "steps") if unit in spec]
    if len(given) != 1:
        told = f"{' and '.join(given)} exclude each other" if given else "no rate is said"
        problems.add(path, f"{told}: write one of per_second, per_hour, per_day, steps")
        return Rate(1.0)
    bursts = _bursts(spec["bursts"], (*path, "bursts"), problems) if "bursts" in spec else None
    if "steps" in spec:
        for key in ("day", "week", "seasons", "month_days"):
            if key in spec:
                problems.add((*path, key), f"{key} does not go with steps: leave one of them out")
        steps = _steps(spec["steps"], (*path, "steps"), problems)
        return Rate(steps[0].rate, steps=steps, bursts=bursts)
    return Rate(
        spec[given[0]] / _UNITS[given[0]],
        day=_day(spec.get("day", [1.0]), (*path, "day"), problems),
        week=_weights(spec.get("week", [1.0] * 7), (*path, "week"), problems),
        seasons=seasons(spec.get("seasons", {}), (*path, "seasons"), problems),
        month_days=tuple(sorted((int(day), float(weight)) for day, weight in spec.get("month_days", {}).items())),
        bursts=bursts,
    )


def month_day(text: str, path: Path, problems: Problems) -> tuple[int, int]:
    """``11-20`` as (11, 20)."""
    month, _, day = text.partition("-")
    if int(day) > _LENGTHS[int(month) - 1]:
        problems.add(path, f"there is no {text}: month {month} has {_LENGTHS[int(month) - 1]} days")
    return int(month), int(day)


def seasons(spec: Mapping[str, Any], path: Path, problems: Problems) -> tuple[Season, ...]:
    """Times of the year; `times` is 1 where the file has none."""
    return tuple(
        Season(
            name,
            month_day(one["from"], (*path, name, "from"), problems),
            month_day(one["to"], (*path, name, "to"), problems),
            float(one.get("times", 1.0)),
        )
        for name, one in spec.items()
    )


def _day(spec: Any, path: Path, problems: Problems) -> tuple[float, ...]:
    if isinstance(spec, Mapping):
        bell = NormalDist(number(spec["normal"]["mean"]), max(1.0, number(spec["normal"]["sd"])))
        edges = [bell.cdf(part * DAY / PARTS) for part in range(PARTS + 1)]
        return _scaled([after - before for before, after in pairwise(edges)])
    if 86_400 % len(spec):
        problems.add(path, f"{len(spec)} weights do not divide the day: write 24, 48, 96 or 144")
    return _weights(spec, path, problems)


def _weights(spec: Sequence[float], path: Path, problems: Problems) -> tuple[float, ...]:
    if not sum(spec) > 0:
        problems.add(path, "all weights are 0, so nothing ever happens: make one larger")
        return (1.0,) * len(spec)
    return _scaled(spec)


def _scaled(weights: Sequence[float]) -> tuple[float, ...]:
    total = sum(weights)
    return tuple(round(weight * len(weights) / total, 9) for weight in weights)


def _steps(spec: Sequence[Mapping[str, Any]], path: Path, problems: Problems) -> tuple[Step, ...]:
    steps = tuple(Step(number(one["at"]), float(one["rate"])) for one in spec)
    if steps[0].at != 0:
        problems.add((*path, 0, "at"), "the first step is not at the start: write 0s")
    for place in range(1, len(steps)):
        if steps[place].at <= steps[place - 1].at:
            problems.add((*path, place, "at"), "not after the step before it: put the steps in order of time")
    return steps


def _bursts(spec: Mapping[str, Any], path: Path, problems: Problems) -> Bursts:
    bursts = Bursts(number(spec["every"]), number(spec["length"]), float(spec["times"]))
    if bursts.length >= bursts.every:
        problems.add((*path, "length"), f"as long as the time from one to the next: write less than {spec['every']}")
    return bursts
