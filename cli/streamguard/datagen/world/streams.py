"""Streams: the columns of a record in the order in which they are drawn, what it shows of them, and how many there are.

Every column is an array of whole numbers in `Columns`; each docstring says of what. A *reference* is ``column`` or
``column.attribute``, split at the dot; the reader has checked that it leads somewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from streamguard.datagen.world.shapes import Choices, Distribution, Tailed


@dataclass(frozen=True)
class Near:
    """Only entities whose trait `place` is within `radius` of that of the entity in column `of`; if there is none, the
    nearest."""

    of: str
    place: str
    radius: float


@dataclass(frozen=True)
class Same:
    """Only entities whose choice attribute has the value of `reference` (``user.country``); if there is none, all."""

    attribute: str
    reference: str


@dataclass(frozen=True)
class Weighted:
    """One of all entities, with a probability in proportion to trait `weight` (None: all alike)."""

    weight: str | None = None
    within: Near | Same | None = None


@dataclass(frozen=True)
class Favourites:
    """Each entity of column `of` has `count` favourites, drawn once as `otherwise` draws; `share` of its records go to
    them, the n-th (from 1) in proportion to 1 / n ** skew, and the rest as `otherwise` draws."""

    of: str
    count: int
    share: float
    skew: float
    otherwise: Weighted


@dataclass(frozen=True)
class Follow:
    """The entity that ``column.attribute`` (a `ReferenceText`) points to."""

    column: str
    attribute: str


@dataclass(frozen=True)
class EntityColumn:
    """An entity. `other_than` names a column before it of the same entity, whose value it never has."""

    name: str
    entity: str
    pick: Weighted | Favourites | Follow
    other_than: str | None = None


@dataclass(frozen=True)
class Rounding:
    """That `share` of amounts is rounded to a multiple of `to` plus `plus` (charm prices: to 1, plus -0.01)."""

    share: float
    to: float
    plus: float = 0.0


@dataclass(frozen=True)
class NumberColumn:
    """A number with `decimals`, in `Columns` an integer in units of 10 ** -decimals.

    `by` is a reference to a `ChoiceText` or the name of a `ChoiceColumn`; then `distributions` has one for each of its
    values, in order; else it has one. `times` are references ``column.trait``; all are multiplied in. The result is
    rounded, then clipped to `least` and `most`."""

    name: str
    distributions: tuple[Distribution, ...]
    decimals: int
    by: str | None = None
    times: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    rounding: tuple[Rounding, ...] = ()


@dataclass(frozen=True)
class ChoiceColumn:
    """One of some values, in `Columns` the index into `choices[0].values`.

    `by` as for numbers: then `choices` has one for each value of it, all with the same values in the same order."""

    name: str
    choices: tuple[Choices, ...]
    by: str | None = None


@dataclass(frozen=True)
class AttributeColumn:
    """The value of a `ChoiceText` attribute as a column of its own, that a campaign may set; index into its choices."""

    name: str
    reference: str


@dataclass(frozen=True)
class LabelColumn:
    """What somebody has said about each record: a declared, observed label, in `Columns` the index into its values.

    `choices` are the shares over all records; `fraud` those among records of fraud campaigns (None: the same). The
    shares of the others follow: ``(all - p * fraud) / (1 - p)`` with p the expected share of fraud, never below 0."""

    name: str
    choices: Choices
    fraud: Choices | None = None


@dataclass(frozen=True)
class Component:
    """One of the numbers of a `ComponentsColumn`: ordinary distribution, and the mean of fraud."""

    ordinary: Tailed
    fraud_mean: float


@dataclass(frozen=True)
class ComponentsColumn:
    """Anonymous numbers V1…Vn: in `Columns` ``NAME1`` … ``NAMEn``, integers in units of 10 ** -decimals.

    An ordinary record draws each by itself. A fraudulent one adds ``severity * fraud_mean / (1 - hard)`` to each, with
    one severity a record, gamma of shape `severity` and mean 1, the same for all numbers; a share `hard` of the frauds
    adds nothing. The spread of frauds is that of the ordinary ones times `spread`."""

    name: str
    components: tuple[Component, ...]
    decimals: int
    severity: float
    hard: float
    spread: float = 1.0


Column = EntityColumn | NumberColumn | ChoiceColumn | AttributeColumn | LabelColumn | ComponentsColumn


@dataclass(frozen=True)
class ShowColumn:
    """A number, choice, label or attribute column (or one number of components: ``v7``)."""

    column: str


@dataclass(frozen=True)
class ShowAttribute:
    """An attribute of the entity in a column."""

    column: str
    attribute: str


@dataclass(frozen=True)
class ShowEntity:
    """All that an entity shows, as an object."""

    column: str


@dataclass(frozen=True)
class ShowTime:
    """The event time. iso_ms: 2026-01-31T23:59:59.123Z; iso_us; iso_s; epoch_ms, epoch_us and epoch_s are numbers;
    date: 2026-01-31."""

    format: Literal["iso_ms", "iso_us", "iso_s", "epoch_ms", "epoch_us", "epoch_s", "date"]


@dataclass(frozen=True)
class ShowIndex:
    """The number of the record, from 0, as a JSON number."""


@dataclass(frozen=True)
class ShowConstant:
    """Always the same value."""

    value: str | int | float | bool | None


@dataclass(frozen=True)
class ShowText:
    """Text of parts: strings as they stand; ``("run", "")``, ``("index", "09d")`` (the number of the record, from 0)
    and ``("column.attribute", "")`` are filled in."""

    parts: tuple[str | tuple[str, str], ...]


@dataclass(frozen=True)
class ShowObject:
    """An object in the record."""

    fields: tuple[Field, ...]


Show = ShowColumn | ShowAttribute | ShowEntity | ShowTime | ShowIndex | ShowConstant | ShowText | ShowObject


@dataclass(frozen=True)
class Field:
    """A field of the record."""

    name: str
    show: Show


@dataclass(frozen=True)
class Season:
    """From month and day `first` to `last` (both included; may go over the new year), `times` as many records."""

    name: str
    first: tuple[int, int]
    last: tuple[int, int]
    times: float


@dataclass(frozen=True)
class Step:
    """From `at` seconds after the start on, that rate."""

    at: float
    rate: float


@dataclass(frozen=True)
class Bursts:
    """Every `every` seconds, for `length` seconds, `times` the rate that is there otherwise."""

    every: float
    length: float
    times: float


@dataclass(frozen=True)
class Rate:
    """How many records a second, over event time (UTC).

    `mean` is that of a plain day: weights have a mean of 1 (the reader scales them). `day` are weights of equal parts
    of the day from midnight on (24: hours), `week` seven from Monday on, `month_days` pairs of a day of the month and
    its weight (salary day). With `steps` (first at 0) nothing else but `bursts` is set."""

    mean: float
    day: tuple[float, ...] = (1.0,)
    week: tuple[float, ...] = (1.0,) * 7
    seasons: tuple[Season, ...] = ()
    month_days: tuple[tuple[int, float], ...] = ()
    steps: tuple[Step, ...] = ()
    bursts: Bursts | None = None


@dataclass(frozen=True)
class Stream:
    """Records of one topic. `key` is a reference to what a record shows as text, or None: no key."""

    name: str
    topic: str
    rate: Rate
    columns: tuple[Column, ...]
    record: tuple[Field, ...]
    key: ShowAttribute | ShowColumn | ShowText | None

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)
