"""The columns of a stream, compiled: each gives whole numbers for records of which the columns before it are drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.distributions import Numbers, Shares, chance
from streamguard.datagen.columns.draws import Whole
from streamguard.datagen.columns.entities import TRAIT_BITS
from streamguard.datagen.columns.lookups import Codes, Lookups
from streamguard.datagen.columns.rows import Rows
from streamguard.datagen.world.shapes import Choices, Gamma
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    ComponentsColumn,
    LabelColumn,
    NumberColumn,
    Rounding,
)

Fill = Callable[[Rows], Whole]
Fraud = NDArray[np.bool_]

FINER = 8
"""Bits after the point (below the last digit that is shown) while a number is worked on."""

_FAR = 1 << 61  # no product is larger


class NumberFill:
    """A number: drawn, times traits; what a campaign does to it comes between `draw` and `finish`."""

    def __init__(self, column: NumberColumn, lookups: Lookups) -> None:
        self.unit = 10**column.decimals << FINER
        self._name = column.name
        self._traits = [lookups.trait(reference) for reference in column.times]
        most = _FAR
        for _, trait in self._traits:
            most = min(most, (_FAR >> TRAIT_BITS) // max(1, int(np.abs(trait).max(initial=1)) >> TRAIT_BITS))
        self._numbers = Numbers(column.distributions, self.unit, most=min(most, 1 << 52))
        self._by: Codes | None = None
        if column.by is not None and len(column.distributions) > 1:
            self._by = lookups.codes(column.by)
        self._least = _units(column.least, column.decimals)
        self._most = _units(column.most, column.decimals)
        self._rounding = _Roundings(column) if column.rounding else None

    def draw(self, rows: Rows) -> Whole:
        """The number as it is without campaigns, in units of 1 / `unit`."""
        by = None if self._by is None else self._by(rows)
        result = self._numbers.take(rows.draw, self._name, by)
        for column, trait in self._traits:
            result = times(result, trait.take(rows.values[column]), TRAIT_BITS)
        return result

    def finish(self, numbers: Whole, rows: Rows) -> Whole:
        """Rounded, and within the limits of the column; in units of its last digit."""
        result: Whole = (numbers + (1 << (FINER - 1))) >> FINER
        if self._rounding is not None:
            result = self._rounding.round(result, rows, 1 if self._least is None else max(1, self._least))
        if self._least is not None:
            np.maximum(result, self._least, out=result)
        if self._most is not None:
            np.minimum(result, self._most, out=result)
        return result


class _Roundings:
    """Shares of numbers that are rounded to something that people like."""

    def __init__(self, column: NumberColumn) -> None:
        self._name, self._rounding = column.name, column.rounding
        shares = [each.share for each in column.rounding]
        self._shares = Shares([[*shares, max(0.0, 1.0 - sum(shares))]])
        self._steps = [self._step(each, column.decimals) for each in column.rounding]

    @staticmethod
    def _step(rounding: Rounding, decimals: int) -> tuple[int, int]:
        return max(1, round(rounding.to * 10**decimals)), round(rounding.plus * 10**decimals)

    def round(self, numbers: Whole, rows: Rows, least: int) -> Whole:
        """Numbers that would fall below `least` stay as they are."""
        which = self._shares.take(rows.draw(f"{self._name}/rounding"))
        for place, (to, plus) in enumerate(self._steps):
            at = np.flatnonzero(which == place)
            rounded = (numbers[at] + to // 2) // to * to + plus
            numbers[at] = np.where(rounded >= least, rounded, numbers[at])
        return numbers


def times(numbers: Whole, factors: Whole, bits: int) -> Whole:
    """Products, rounded; `factors` have `bits` bits after the point."""
    result: Whole = numbers * factors
    result += 1 << (bits - 1)
    result >>= bits
    return result


def choice_fill(column: ChoiceColumn, lookups: Lookups) -> Fill:
    """One of the values of a column, for each value of what it goes by."""
    shares, name = Shares([choices.shares for choices in column.choices]), column.name
    if column.by is None or len(column.choices) == 1:
        return lambda rows: shares.take(rows.draw(name))
    by = lookups.codes(column.by)
    return lambda rows: shares.take(rows.draw(name), by(rows))


def attribute_fill(column: AttributeColumn, lookups: Lookups) -> Fill:
    """The attribute of an entity, copied."""
    return lookups.codes(column.reference)


def label_fill(column: LabelColumn, expected: float) -> Callable[[Rows, Fraud], Whole]:
    """What is said about each record. `expected` is the share of fraud, so that the shares hold over all records."""
    fraud = column.choices if column.fraud is None else column.fraud
    shares, name = Shares([_others(column.choices, fraud, expected), fraud.shares]), column.name
    return lambda rows, is_fraud: shares.take(rows.draw(name), is_fraud.astype(np.int64))


def _others(every: Choices, fraud: Choices, expected: float) -> Sequence[float]:
    if expected >= 1:
        return every.shares
    pairs = zip(every.shares, fraud.shares, strict=True)
    return [max(0.0, (share - expected * of_fraud) / (1 - expected)) for share, of_fraud in pairs]


class ComponentsFill:
    """Anonymous numbers, which fraud moves all by the same severity."""

    def __init__(self, column: ComponentsColumn) -> None:
        unit = 10**column.decimals
        self.names = [f"{column.name}{number}" for number in range(1, len(column.components) + 1)]
        self._name = column.name
        self._ordinary = [Numbers([component.ordinary], unit) for component in column.components]
        self._means = [round(component.ordinary.mean * unit) for component in column.components]
        soft = max(1e-9, 1 - column.hard)
        self._moves = [round(component.fraud_mean / soft * unit) for component in column.components]
        self._severity = Numbers([Gamma(column.severity, 1.0)], 1 << TRAIT_BITS, most=1 << 30)
        self._spread = round(column.spread * (1 << TRAIT_BITS))
        self._hard = chance(column.hard)

    def fill(self, rows: Rows, fraud: Fraud) -> dict[str, Whole]:
        """Every number by its name."""
        found = {name: numbers.take(rows.draw, name) for name, numbers in zip(self.names, self._ordinary, strict=True)}
        at = np.flatnonzero(fraud)
        if len(at):
            severity = self._severity.take(lambda name: rows.draw(name)[at], f"{self._name}/severity")
            severity[rows.draw(f"{self._name}/hard")[at] < self._hard] = 0
            for name, mean, move in zip(self.names, self._means, self._moves, strict=True):
                column = found[name]
                spread = times(column[at] - mean, np.array(self._spread), TRAIT_BITS)
                column[at] = mean + spread + times(severity, np.array(move), TRAIT_BITS)
        return found


def _units(number: float | None, decimals: int) -> int | None:
    return None if number is None else round(number * 10**decimals)
