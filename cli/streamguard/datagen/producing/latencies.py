"""How long deliveries take, in logarithmic classes: a few hundred bytes for any number of them, and they add up."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

STEP = math.log(1.04)
"""Each class is four percent wide: that is how exact a percentile is."""

Classes = Counter[int]
"""How many deliveries by class."""


def class_of(seconds: float) -> int:
    """The class of a delivery that took so long; everything up to a microsecond is one."""
    return math.ceil(math.log(max(seconds * 1e6, 1.0)) / STEP)


def percentile(classes: Classes, part: float) -> float | None:
    """Seconds that `part` of the deliveries took at most, None if there were none."""
    wanted = part * classes.total()
    for number in sorted(classes):
        wanted -= classes[number]
        if wanted <= 0:
            return math.exp(number * STEP) / 1e6
    return None


def added(many: Iterable[Classes]) -> Classes:
    """All of them together."""
    total: Classes = Counter()
    for one in many:
        total.update(one)
    return total
