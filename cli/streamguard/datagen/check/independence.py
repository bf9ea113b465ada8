"""S2: what is declared to have nothing to do with each other has nothing to do with each other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from streamguard.datagen.check.findings import Finding
from streamguard.datagen.check.sample import Sample
from streamguard.datagen.check.statistics import Whole, bins, cramers_v
from streamguard.datagen.world.campaigns import Condition
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    Column,
    ComponentsColumn,
    EntityColumn,
    Favourites,
    Follow,
    Near,
    NumberColumn,
    Same,
    Weighted,
)

MOST = 0.02
"""Cramér's V up to which two columns are independent."""
HOUR, DAY = "hour of day", "day"
_COMPONENTS = 6
"""Components of a column that are compared with everything; all of them would be hundreds of pairs."""


def independence(sample: Sample) -> Iterator[Finding]:
    """Every pair of columns that have no origin in common, and each with the hour and the day."""
    usual = sample.usual(*sample.values)
    for place, campaign in enumerate(sample.world.campaigns):
        if isinstance(campaign, Condition):
            usual &= sample.campaign != place + 1
    codes = {name: bins(values[usual]) for name, values in _columns(sample).items()}
    origins = origins_of(sample)
    for left, right in combinations(codes, 2):
        if not origins[left] & origins[right]:
            v, p = cramers_v(codes[left], codes[right])
            passed = v <= MOST or p > 1e-6
            yield Finding("S2", f"{left} and {right}", "Cramér's V", v, f"at most {MOST}", None, passed)


def _columns(sample: Sample) -> dict[str, Whole]:
    instants = sample.instants // 1_000_000
    found = {HOUR: instants % 86_400 // 3600, DAY: instants // 86_400}
    for column in sample.declared.columns:
        if isinstance(column, ComponentsColumn):
            many = min(len(column.components), _COMPONENTS)
            found.update({f"{column.name}{n + 1}": sample.values[f"{column.name}{n + 1}"] for n in range(many)})
        else:
            found[column.name] = sample.values[column.name]
            if isinstance(column, EntityColumn):
                found.update(_attributes(sample, column))
    return found


def _attributes(sample: Sample, column: EntityColumn) -> dict[str, Whole]:
    """Choice attributes that another column goes by: where a category hangs together with the day, it is here."""
    used = {one.by for one in sample.declared.columns if isinstance(one, NumberColumn | ChoiceColumn) and one.by}
    return {name: sample.codes(name) for name in used if name.startswith(f"{column.name}.")}


def origins_of(sample: Sample) -> dict[str, set[str]]:
    """For each column what it is made from, itself included; two that share nothing are declared independent.

    A label depends on fraud and so on campaigns, which are left out of the sample."""
    origins: dict[str, set[str]] = {HOUR: {HOUR, "time"}, DAY: {DAY, "time"}}
    for column in sample.declared.columns:
        own = {column.name}
        for used in _uses(column):
            own |= origins[used.partition(".")[0]]
        if isinstance(column, ComponentsColumn):
            origins.update({f"{column.name}{n + 1}": {f"{column.name}{n + 1}"} for n in range(len(column.components))})
        origins[column.name] = own
        if isinstance(column, EntityColumn):
            origins.update(dict.fromkeys(_attributes(sample, column), own))
    return origins


def _uses(column: Column) -> Iterator[str]:
    match column:
        case EntityColumn(pick=Follow(column=owner)):
            yield owner
        case EntityColumn(pick=Favourites() as pick):
            yield pick.of
            yield from _within(pick.otherwise)
        case EntityColumn(pick=Weighted() as pick):
            yield from _within(pick)
        case NumberColumn(by=by, times=times):
            yield from times
            if by is not None:
                yield by
        case ChoiceColumn(by=str(by)):
            yield by
        case AttributeColumn(reference=reference):
            yield reference


def _within(pick: Weighted) -> Iterator[str]:
    match pick.within:
        case Near(of=of):
            yield of
        case Same(reference=reference):
            yield reference
