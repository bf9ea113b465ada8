"""What is written for consecutive records of a stream, ready to be sent, stored, counted and hashed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.records.faults import KINDS, Spoilt
from streamguard.datagen.records.truth import Told

T = TypeVar("T", Told, Spoilt)
Texts = Sequence[bytes | None]


@dataclass(frozen=True)
class Classes:
    """The class of each record by number: of everything that is written its `label` and its `campaign` (0: none), of
    every record its `fault` (0: none); `labels` and `campaigns` are their names."""

    labels: Sequence[str]
    campaigns: Sequence[str]
    label: NDArray[Any]
    campaign: NDArray[Any]
    fault: NDArray[Any] | None = None

    def part(self, begin: int, end: int, first: int, stop: int) -> Classes:
        """What is written from `begin` to `end`, for the records from `first` to `stop`."""
        fault = None if self.fault is None else self.fault[first:stop]
        return replace(self, label=self.label[begin:end], campaign=self.campaign[begin:end], fault=fault)


@dataclass(frozen=True)
class Block:
    """What is written for `size` records from number `first` on.

    `keys` and `values` are parallel, and so is `times` (event times in milliseconds), which is None unless the run is a
    backfill. A record that is dropped is missing in them, a duplicate stands there twice, side by side; `places` then
    says which record (from 0) each one is, and is None where there is one for each. `truth` and `labels` are empty if
    the run does not tell them; `ledger` has the faults.
    """

    first: int
    size: int
    keys: Texts = field(repr=False)
    values: Texts = field(repr=False)
    times: Sequence[int] | None = field(repr=False)
    classes: Classes = field(repr=False)
    places: NDArray[np.int64] | None = field(default=None, repr=False)
    truth: Sequence[Told] = ()
    labels: Sequence[Told] = ()
    ledger: Sequence[Spoilt] = ()

    @property
    def indexes(self) -> Sequence[int]:
        """The number of the record that each one is."""
        if self.places is None:
            return range(self.first, self.first + self.size)
        indexes: list[int] = (self.places + self.first).tolist()
        return indexes

    @cached_property
    def counts(self) -> Mapping[str, int]:
        """How many of what is written have each value of the label; without a label, are fraud or ordinary."""
        return _counted(self.classes.labels, self.classes.label)

    @cached_property
    def campaigns(self) -> Mapping[str, int]:
        """How many of what is written belong to each campaign."""
        return _occurring(_counted(("", *self.classes.campaigns), self.classes.campaign))

    @cached_property
    def faults(self) -> Mapping[str, int]:
        """How many of the `size` records have each fault."""
        fault = self.classes.fault
        return {} if fault is None else _occurring(_counted(("", *KINDS), fault))

    def part(self, first: int, stop: int) -> Block:
        """The records from place `first` to `stop` (exclusive)."""
        begin, end, places = first, stop, None
        if self.places is not None:
            begin, end = np.searchsorted(self.places, (first, stop)).tolist()
            places = self.places[begin:end] - first
        return Block(
            first=self.first + first,
            size=stop - first,
            keys=self.keys[begin:end],
            values=self.values[begin:end],
            times=None if self.times is None else self.times[begin:end],
            classes=self.classes.part(begin, end, first, stop),
            places=places,
            truth=_about(self.truth, self.first + first, self.first + stop),
            labels=_about(self.labels, self.first + first, self.first + stop),
            ledger=_about(self.ledger, self.first + first, self.first + stop),
        )


def _about(told: Sequence[T], first: int, stop: int) -> Sequence[T]:
    """Those about the records from number `first` to `stop` (exclusive)."""
    if not told:
        return told
    numbers = [each.index for each in told]
    return told[bisect_left(numbers, first) : bisect_left(numbers, stop)]


def _counted(names: Sequence[str], codes: NDArray[Any]) -> dict[str, int]:
    return dict(zip(names, np.bincount(codes, minlength=len(names)).tolist(), strict=True))


def _occurring(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if name and count}
