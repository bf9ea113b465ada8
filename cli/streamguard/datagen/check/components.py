"""S11: anonymous components have the declared spread, tails and means of fraud."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import scipy_stats
from streamguard.datagen.world.streams import ComponentsColumn

MOMENTS = 0.01
"""How far mean (in SDs) and SD (as a part) may be from what is declared, beyond what chance allows."""
FRAUD = 0.05
"""The same of the means of fraud."""
ORDER = 0.8
"""The least rank correlation of tails with the declared ones."""
CHANCE = 4.0
"""Standard errors that chance is allowed."""


def components(sample: Sample) -> Iterator[Finding]:
    """Every column of components."""
    for column in sample.declared.columns:
        if isinstance(column, ComponentsColumn):
            yield from _column(sample, column)


def _column(sample: Sample, column: ComponentsColumn) -> Iterator[Finding]:
    stats = scipy_stats()
    tails = []
    for number, component in enumerate(column.components, start=1):
        name = f"{column.name}{number}"
        values = sample.values[name] / 10**column.decimals
        ordinary, fraud = values[~sample.fraud], values[sample.fraud]
        sd, kurtosis = component.ordinary.sd, float(stats.kurtosis(ordinary))
        tails.append(kurtosis)
        error = CHANCE * np.sqrt((max(kurtosis, component.ordinary.kurtosis) + 2) / (4 * len(ordinary)))
        bound = MOMENTS + float(error)
        yield within("S11", name, "SD, of the declared", float(ordinary.std() / sd), (1 - bound, 1 + bound))
        offset = MOMENTS + CHANCE / np.sqrt(len(ordinary))
        yield within("S11", name, "mean, in SDs", float(ordinary.mean() / sd), (-float(offset), float(offset)))
        if len(fraud) >= 50:
            chance = CHANCE * float(fraud.std()) / np.sqrt(len(fraud))
            reach = FRAUD * abs(component.fraud_mean) + float(chance)
            bounds = (component.fraud_mean - reach, component.fraud_mean + reach)
            yield within("S11", name, "mean of fraud", float(fraud.mean()), bounds)
    declared = [component.ordinary.kurtosis for component in column.components]
    if len(set(declared)) > 2:
        order = float(stats.spearmanr(tails, declared).statistic)
        yield within("S11", column.name, "order of tails", order, (ORDER, 1.0))
