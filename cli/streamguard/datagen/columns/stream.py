"""A stream, compiled: any block of its records as columns of whole numbers.

Record i depends on the world, the seed, the start, the stream and i alone. A block is made column by column, in the
order of the world; a campaign puts its own numbers in place of a column's as soon as that is drawn, so that the columns
after it follow. What somebody has said about a record, and what gives fraud away, comes last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.campaigns.bursts import BurstState, Marked, compile_bursts
from streamguard.datagen.columns.campaigns.changes import Group
from streamguard.datagen.columns.campaigns.conditions import ConditionState
from streamguard.datagen.columns.clock import Clock, constant
from streamguard.datagen.columns.draws import BLOCK, Draws, Draws32, Whole, below
from streamguard.datagen.columns.entities import Pool, pieces_of
from streamguard.datagen.columns.fills import (
    ComponentsFill,
    Fraud,
    NumberFill,
    attribute_fill,
    choice_fill,
    label_fill,
)
from streamguard.datagen.columns.forms import Fixed, Pieces
from streamguard.datagen.columns.lookups import Lookups
from streamguard.datagen.columns.picks import compile_pick
from streamguard.datagen.columns.rows import Rows
from streamguard.datagen.world.campaigns import Burst, Condition, Rule
from streamguard.datagen.world.model import World
from streamguard.datagen.world.streams import (
    AttributeColumn,
    ChoiceColumn,
    ComponentsColumn,
    EntityColumn,
    LabelColumn,
    NumberColumn,
)

AT_ONCE = 1_000_000.0
"""Records a second of event time when a run is as fast as it can be: a microsecond apart, none is dated ahead."""


_SAMPLE = 32  # blocks


@dataclass(frozen=True)
class Columns:
    """Consecutive records, an array a column.

    `values` are whole numbers: places in lists, or numbers with a fixed point; `instants` event times in µs since 1970.
    `campaign` is 0 for none, else 1 + the place among the campaigns of the world; `instance` names one instance of it
    and `step` the record (or, of a condition, the day) in it, both -1 for none. `fraud` is the truth.
    """

    first: int
    size: int
    values: Mapping[str, Whole]
    instants: Whole
    campaign: NDArray[np.int16]
    instance: Whole
    step: NDArray[np.int16]
    fraud: Fraud

    def part(self, start: int, stop: int) -> Columns:
        """The records from place `start` to `stop` (exclusive)."""
        chosen = slice(start, stop)
        return Columns(
            self.first + start,
            min(stop, self.size) - start,
            {name: column[chosen] for name, column in self.values.items()},
            self.instants[chosen],
            self.campaign[chosen],
            self.instance[chosen],
            self.step[chosen],
            self.fraud[chosen],
        )


@dataclass
class Draft:
    """A block that is being made."""

    number: int
    rows: Rows
    values: dict[str, Whole]
    instants: Whole
    campaign: NDArray[np.int16]
    instance: Whole
    step: NDArray[np.int16]
    conditions: Sequence[ConditionState]
    innocent: Fraud
    """Records that are no fraud though their campaign is."""
    groups: list[Group] = field(default_factory=list)

    def mark(self, marked: Marked | None) -> None:
        """Note that records belong to a campaign."""
        if marked is None:
            return
        self.campaign[marked.places] = marked.campaign + 1
        self.instance[marked.places] = marked.instance
        self.step[marked.places] = marked.step
        self.innocent[marked.innocent] = True
        self.groups += marked.groups


Make = Callable[[Draft], None]


class Stream:
    """One stream of a world, with its seed and its start."""

    def __init__(
        self, world: World, name: str, *, seed: int, start: int, cache_dir: Path | None, full_speed: bool
    ) -> None:
        declared = world.stream(name)
        self.name, self.topic = name, declared.topic
        counts = {entity.name: entity.count for entity in world.entities}
        pools = {entity.name: Pool(entity, seed, counts, cache_dir) for entity in world.entities}
        self._lookups = Lookups(declared, pools)
        self._seed, self._full_speed = seed, full_speed
        pace = self._begin(start)
        self._draws: dict[str, Draws] = {}
        own = [(number, one) for number, one in enumerate(world.campaigns) if one.stream == name]
        bursts = [(number, one) for number, one in own if isinstance(one, Burst)]
        self.bursts: Sequence[BurstState] = compile_bursts(bursts, self._lookups, pace, seed)
        self.conditions: Sequence[ConditionState] = [
            ConditionState(one, number, self._lookups, start, seed) for number, one in own if isinstance(one, Condition)
        ]
        self._rules = [(number, one) for number, one in own if isinstance(one, Rule)]
        self._fraud = np.array([False, *(campaign.fraud for campaign in world.campaigns)])
        self._steps = self._compiled()

    def starting(self, start: int) -> Stream:
        """The same stream from another instant (µs since 1970) on; what is compiled is shared."""
        other = copy(self)
        pace = other._begin(start)
        other.bursts = [burst.starting(pace) for burst in self.bursts]
        other.conditions = [condition.starting(start) for condition in self.conditions]
        return other

    def block(self, number: int) -> Columns:
        """The records from ``number * BLOCK`` on."""
        draft = self._draft(number)
        for make in self._steps:
            make(draft)
        return Columns(
            number * BLOCK,
            BLOCK,
            draft.values,
            draft.instants,
            draft.campaign,
            draft.instance,
            draft.step,
            self._frauds(draft),
        )

    def form(self, reference: str) -> Pieces | Fixed:
        """How a column, or ``column.attribute``, is shown."""
        name, dot, attribute = reference.partition(".")
        if dot:
            return self._lookups.pool(name).pieces(attribute)
        for column in self._lookups.stream.columns:
            if isinstance(column, ComponentsColumn) and name in ComponentsFill(column).names:
                return Fixed(column.decimals)
        column = self._lookups.stream.column(name)
        if isinstance(column, EntityColumn):
            return self._lookups.pool(name).objects()
        if isinstance(column, NumberColumn):
            return Fixed(column.decimals)
        return pieces_of(self._lookups.choices(name).values)

    def _frauds(self, draft: Draft) -> Fraud:
        frauds: Fraud = self._fraud[draft.campaign] & ~draft.innocent
        return frauds

    def _begin(self, start: int) -> Clock:
        """Set the clock; returns the one that says how often records are by declaration."""
        pace = Clock(self._lookups.stream.rate, start)
        self.clock = Clock(constant(AT_ONCE), start) if self._full_speed else pace
        return pace

    def _draft(self, number: int) -> Draft:
        def draw(name: str) -> Draws32:
            if name not in self._draws:
                self._draws[name] = Draws(self._seed, self.name, name)
            return self._draws[name].block(number)

        values: dict[str, Whole] = {}
        instants = self.clock.instants(number * BLOCK, draw(" arrivals"))
        draft = Draft(
            number,
            Rows(BLOCK, draw, values),
            values,
            instants,
            np.zeros(BLOCK, dtype=np.int16),
            np.full(BLOCK, -1, dtype=np.int64),
            np.full(BLOCK, -1, dtype=np.int16),
            self.conditions,
            np.zeros(BLOCK, dtype=np.bool_),
        )
        for burst in self.bursts:
            draft.mark(burst.in_block(number))
        return draft

    def _compiled(self) -> Sequence[Make]:
        """What makes a block, in order."""
        steps: list[Make] = []
        waiting = list(enumerate(self.conditions))
        drawn: set[str] = set()
        for column in self._lookups.stream.columns:
            if any(column.name in state.columns for _, state in waiting):
                ready = [place for place, state in waiting if state.condition.actor in {"", *drawn}]
                steps += map(_deciding, ready)
                waiting = [each for each in waiting if each[0] not in ready]
            match column:
                case NumberColumn():
                    steps.append(_numbering(column.name, NumberFill(column, self._lookups)))
                case EntityColumn():
                    steps.append(self._entity(column))
                case ChoiceColumn():
                    steps.append(_filling(column.name, choice_fill(column, self._lookups)))
                case AttributeColumn():
                    steps.append(_filling(column.name, attribute_fill(column, self._lookups)))
            drawn.add(column.name)
        steps += [_deciding(place) for place, _ in waiting]
        steps += [self._ruling(number, rule) for number, rule in self._rules]
        late = [
            self._label(column, steps) if isinstance(column, LabelColumn) else self._components(column)
            for column in self._lookups.stream.columns
            if isinstance(column, LabelColumn | ComponentsColumn)
        ]
        return [*steps, *late]

    def _entity(self, column: EntityColumn) -> Make:
        pick = compile_pick(column, self._lookups, self._seed)
        name, count = column.name, self._lookups.pool(column.name).count
        rivals = {
            other.name
            for other in self._lookups.stream.columns
            if isinstance(other, EntityColumn) and other.other_than == name
        }

        def make(draft: Draft) -> None:
            picked = pick(draft.rows)
            for group in draft.groups:
                group.apply(name, picked, draft.rows)
                if group.actor in rivals and group.target is not None:  # the target comes into a column after this one
                    same = group.places[picked[group.places] == group.target]
                    steps = 1 + below(draft.rows.draw(f"{name}/rival")[same], count - 1)
                    picked[same] = (picked[same] + steps) % count
            draft.values[name] = picked

        return make

    def _label(self, column: LabelColumn, before: Sequence[Make]) -> Make:
        fill = label_fill(column, self._expected_fraud(before) if column.fraud else 0.0)

        def make(draft: Draft) -> None:
            draft.values[column.name] = fill(draft.rows, self._frauds(draft))

        return make

    def _components(self, column: ComponentsColumn) -> Make:
        components = ComponentsFill(column)

        def make(draft: Draft) -> None:
            draft.values.update(components.fill(draft.rows, self._frauds(draft)))

        return make

    def _ruling(self, number: int, rule: Rule) -> Make:
        column = self._lookups.stream.column(rule.column)
        decimals = column.decimals if isinstance(column, NumberColumn) else 0
        above = round(rule.above * 10**decimals)

        def make(draft: Draft) -> None:
            takes = (draft.values[rule.column] > above) & (draft.campaign == 0)
            draft.campaign[takes] = number + 1

        return make

    def _expected_fraud(self, before: Sequence[Make]) -> float:
        """About the share of fraud among all records, for labels that are to keep theirs; whatever the start is."""
        bursts = sum(state.burst.fraud_share for state in self.bursts)
        others = sum(state.expected() for state in self.conditions if state.condition.fraud)
        others += self._measured([number for number, rule in self._rules if rule.fraud], before)
        return min(1.0, bursts + (1 - bursts) * min(1.0, others))

    def _measured(self, rules: Sequence[int], before: Sequence[Make]) -> float:
        """The share of records that rules take, in a sample: nothing says what is to be expected of them."""
        if not rules:
            return 0.0
        anywhen = self.starting(0)
        drafts = [anywhen._draft(number) for number in range(_SAMPLE)]
        for draft in drafts:
            for make in before:
                make(draft)
        wanted = [number + 1 for number in rules]
        return float(sum(int(np.isin(draft.campaign, wanted).sum()) for draft in drafts) / (_SAMPLE * BLOCK))


def compile_stream(
    world: World, name: str, *, seed: int, start: int, cache_dir: Path | None = None, full_speed: bool = False
) -> Stream:
    """A stream of a world whose overrides are in it already. `start`: µs since 1970; `cache_dir` keeps texts.

    `full_speed`: dates are a microsecond apart, while campaigns take their time as if the rate were the declared one.
    """
    return Stream(world, name, seed=seed, start=start, cache_dir=cache_dir, full_speed=full_speed)


def _deciding(place: int) -> Make:
    def make(draft: Draft) -> None:
        condition = draft.conditions[place]
        actors = draft.values.get(condition.condition.actor)
        draft.mark(condition.decide(draft.number * BLOCK, draft.instants, actors, draft.campaign == 0))

    return make


def _filling(name: str, fill: Callable[[Rows], Whole]) -> Make:
    def make(draft: Draft) -> None:
        codes = fill(draft.rows)
        for group in draft.groups:
            group.apply(name, codes, draft.rows)
        draft.values[name] = codes

    return make


def _numbering(name: str, number: NumberFill) -> Make:
    def make(draft: Draft) -> None:
        numbers = number.draw(draft.rows)
        for group in draft.groups:
            group.apply(name, numbers, draft.rows)
        draft.values[name] = number.finish(numbers, draft.rows)

    return make
