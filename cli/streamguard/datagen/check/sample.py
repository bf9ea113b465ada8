"""A sample of a world: columns of many records, spread over some weeks, and its entities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from streamguard.datagen.check.statistics import Floats, Mask, Whole
from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.columns.entities import TRAIT_BITS, Pool
from streamguard.datagen.columns.stream import Stream, compile_stream
from streamguard.datagen.explaining.expectations import day_weight
from streamguard.datagen.world.campaigns import Burst, Condition
from streamguard.datagen.world.model import World
from streamguard.datagen.world.streams import (
    AttributeColumn,
    EntityColumn,
    LabelColumn,
    NumberColumn,
    Rate,
)
from streamguard.datagen.world.streams import Stream as Declared

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""
DAYS = 28
"""Days that a sample is spread over: whole weeks, so that each weekday counts alike."""


@dataclass(frozen=True)
class Sample:
    """`size` records of one stream of a world. `values`, `campaign` and the like are as in `Columns`."""

    world: World
    declared: Declared
    stream: Stream
    pools: Mapping[str, Pool]
    size: int
    seed: int
    values: Mapping[str, Whole]
    instants: Whole
    campaign: Whole
    instance: Whole
    step: Whole
    fraud: Mask
    chance: np.random.Generator = field(compare=False, repr=False)

    def pool(self, column: str) -> Pool:
        """The entities of a column."""
        found = self.declared.column(column)
        assert isinstance(found, EntityColumn)
        return self.pools[found.entity]

    def codes(self, reference: str) -> Whole:
        """For each record the place of a choice: of ``column.attribute`` or of a column."""
        name, dot, attribute = reference.partition(".")
        return self.pool(name).codes(attribute)[self.values[name]] if dot else self.values[name]

    def choices(self, reference: str) -> tuple[object, ...]:
        """What those places stand for."""
        name, dot, attribute = reference.partition(".")
        if dot:
            return self.pool(name).choices(attribute).values
        column = self.declared.column(name)
        if isinstance(column, AttributeColumn):
            return self.choices(column.reference)
        if isinstance(column, LabelColumn):
            return column.choices.values
        return column.choices[0].values  # type: ignore[union-attr]  # the reader has seen to it that it is a choice

    def factors(self, column: NumberColumn) -> Floats:
        """The product of a number's traits for each record."""
        product = np.ones(self.size)
        for reference in column.times:
            name, _, trait = reference.partition(".")
            product *= (self.pool(name).trait(trait) / (1 << TRAIT_BITS))[self.values[name]]
        return product

    def usual(self, *columns: str) -> Mask:
        """The records in which these columns are what they are without campaigns."""
        kept = np.ones(self.size, dtype=np.bool_)
        for place, campaign in enumerate(self.world.campaigns):
            touches = isinstance(campaign, Burst) or (
                isinstance(campaign, Condition) and any(change.column in columns for change in campaign.changes)
            )
            if touches:
                kept &= self.campaign != place + 1
        return kept


def take(
    world: World,
    stream: str,
    size: int,
    *,
    seed: int,
    cache_dir: Path | None = None,
    days: float | None = DAYS,
    start: datetime = START,
    show: Callable[[int], None] | None = None,
) -> Sample:
    """Draw a sample of a stream from `start` on, `size` records over so many `days` (None: at the declared rate)."""
    world = world if days is None else spread(world, stream, size, days, start)
    declared = world.stream(stream)
    begin = int(start.timestamp()) * 1_000_000
    compiled = compile_stream(world, stream, seed=seed, start=begin, cache_dir=cache_dir)
    blocks = []
    for number in range(-(-size // BLOCK)):
        block = compiled.block(number)
        blocks.append(block if (number + 1) * BLOCK <= size else block.part(0, size - number * BLOCK))
        if show is not None:
            show(min(size, (number + 1) * BLOCK))
    counts = {entity.name: entity.count for entity in world.entities}
    return Sample(
        world,
        declared,
        compiled,
        {entity.name: Pool(entity, seed, counts, cache_dir) for entity in world.entities},
        size,
        seed,
        {name: np.concatenate([block.values[name] for block in blocks]) for name in blocks[0].values},
        np.concatenate([block.instants for block in blocks]),
        np.concatenate([block.campaign for block in blocks]).astype(np.int64),
        np.concatenate([block.instance for block in blocks]),
        np.concatenate([block.step for block in blocks]).astype(np.int64),
        np.concatenate([block.fraud for block in blocks]),
        np.random.default_rng(seed),
    )


def spread(world: World, stream: str, size: int, days: float, start: datetime = START) -> World:
    """The world with a rate at which `size` records of a stream take so many days; its curve stays as it is."""
    rate = world.stream(stream).rate
    if rate.steps:
        return world
    weights = [day_weight(rate, start.date() + timedelta(days=number)) for number in range(round(days))]
    return _with_rate(world, stream, replace(rate, mean=size / (86_400 * max(sum(weights), 1e-9))))


def _with_rate(world: World, stream: str, rate: Rate) -> World:
    streams = tuple(replace(one, rate=rate) if one.name == stream else one for one in world.streams)
    return replace(world, streams=streams)


def days_of(instants: Whole) -> list[date]:
    """The day of each instant."""
    first = date(1970, 1, 1)
    found, places = np.unique(instants // 86_400_000_000, return_inverse=True)
    names = [first + timedelta(days=int(day)) for day in found]
    return [names[place] for place in places]
