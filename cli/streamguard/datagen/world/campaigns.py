"""Campaigns: what happens to some records, be it fraud or something that only looks like it (`fraud` is false).

The kinds of a world file (card testing, travel, …) are resolved into three families: bursts, conditions and rules, and
into changes of columns; `kind` is kept for the truth and for people.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamguard.datagen.world.shapes import Choices, Distribution, IntRange
from streamguard.datagen.world.streams import Season, Weighted


@dataclass(frozen=True)
class Times:
    """The ordinary number, times a draw."""

    column: str
    factor: Distribution
    once: bool = False


@dataclass(frozen=True)
class SetNumber:
    """A number drawn anew, in the column's own unit (not fixed point)."""

    column: str
    distribution: Distribution
    once: bool = False


@dataclass(frozen=True)
class SetChoice:
    """One of other shares; values and order as in the column."""

    column: str
    choices: Choices
    once: bool = False


@dataclass(frozen=True)
class Away:
    """An entity whose choice attribute `attribute` is not that of `reference` (``user.country``), by trait `weight`;
    all records of an instance share one value of the attribute."""

    attribute: str
    reference: str
    weight: str | None = None


@dataclass(frozen=True)
class SetEntity:
    """An entity picked in another way than usual; `pick` None: as usual, which with `once` holds it for an instance."""

    column: str
    pick: Weighted | Away | None = None
    once: bool = False


Change = Times | SetNumber | SetChoice | SetEntity
"""What a campaign does to a column. `once`: drawn once for an instance, else for each record."""


@dataclass(frozen=True)
class Phase:
    """A part of an instance: from `records.low` to `records.high` records, `every` seconds from one to the next (the
    first phase: from its first to its second). The target of the instance is the entity in column `actor`. Its records
    are `fraud` if the campaign is; if not, they are the target's own, as before a theft."""

    actor: str
    records: IntRange
    every: Distribution
    changes: tuple[Change, ...] = ()
    fraud: bool = True


@dataclass(frozen=True)
class Drift:
    """From `day` days after the start on, the campaign is `times` as frequent."""

    day: float
    times: float


@dataclass(frozen=True)
class Burst:
    """A campaign of instances: a target, and some records in a row. `share` is that of all records of the stream.

    Targets are drawn by trait `weight` (None: all alike)."""

    name: str
    kind: str
    stream: str
    fraud: bool
    share: float
    weight: str | None
    phases: tuple[Phase, ...]
    drift: tuple[Drift, ...] = ()
    about: str = ""

    @property
    def fraud_share(self) -> float:
        """The part of all records of the stream that is fraud of this campaign, on average."""
        if not self.fraud:
            return 0.0
        counts = [phase.records.low + phase.records.high for phase in self.phases]
        guilty = sum(count for count, phase in zip(counts, self.phases, strict=True) if phase.fraud)
        return self.share * guilty / sum(counts)


@dataclass(frozen=True)
class Condition:
    """A campaign of a state: each day `per_day` entities (on average) of the one in column `actor` fall to it, for
    `days` days; then `probability` of their records, if their hour is in `hours`, is changed and belongs to it.

    `hours` is from, until (in hours, from > until goes over midnight). Entities are drawn uniformly. `steady`: all
    records of all entities, in `seasons` and on `month_days` if there are some (`per_day` is then 0)."""

    name: str
    kind: str
    stream: str
    fraud: bool
    actor: str
    per_day: float
    days: int
    probability: float
    changes: tuple[Change, ...] = ()
    hours: tuple[float, float] | None = None
    steady: bool = False
    seasons: tuple[Season, ...] = ()
    month_days: tuple[int, ...] = ()
    drift: tuple[Drift, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Rule:
    """A campaign of a number: every record whose `column` is above `above` belongs to it (trivial by design)."""

    name: str
    kind: str
    stream: str
    fraud: bool
    column: str
    above: float
    about: str = ""


Campaign = Burst | Condition | Rule
"""A record belongs to at most one: to a burst, else to the first condition of the file that takes it, else to the first
rule. `Columns.campaign` is 1 + its place in `World.campaigns`."""
