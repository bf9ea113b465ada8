"""Records as they are written: bytes read back, and what an entity in them must show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.check.findings import Finding, within
from streamguard.datagen.check.sample import START, Sample
from streamguard.datagen.check.statistics import Whole
from streamguard.datagen.columns.forms import Fixed
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.world.model import Fault, World
from streamguard.datagen.world.population import HexText, IbanText, IndexText, UuidText
from streamguard.datagen.world.shapes import Uniform
from streamguard.datagen.world.streams import EntityColumn, Field, Follow, ShowAttribute, ShowColumn, ShowEntity, Stream

LATE = Fault("late", 0.10, delay=Uniform(60.0, 7200.0))
_UNIQUE = (UuidText, IndexText, HexText, IbanText)


def source_of(world: World, stream: str, seed: int, cache_dir: Path | None, *, faults: Sequence[Fault] = ()) -> Source:
    """The bytes of a stream, with these faults and no others."""
    run = Run(replace(world, faults=tuple(faults)), "check", seed, START, backfill=True)  # so that times are told
    return Source(run, stream, cache_dir)


def integrity(sample: Sample, size: int, cache_dir: Path | None, written: World | None = None) -> Iterator[Finding]:
    """S7 and S9: whatever a record shows of an entity is what that entity is, and belongs together; a tenth is late.

    `written` is the world whose bytes are read, for one that is to be found wrong."""
    world, declared = sample.world, sample.declared
    source = source_of(world, declared.name, sample.seed, cache_dir)
    bytes_of = source_of(written or world, declared.name, sample.seed, cache_dir, faults=[LATE])
    reading = _Reading(world, declared, source, _shown(declared))
    drawn = _drawn(sample, source)
    wrong = dict.fromkeys(drawn, 0)
    for block in bytes_of.blocks(0, size):
        for index, value in zip(block.indexes, block.values, strict=True):
            record = orjson.loads(value or b"{}")
            reading.add(record)
            for name, expected in drawn.items():
                wrong[name] += record[name] != expected(index)
    told = f"{reading.records:,} records"
    for column in reading.known:
        yield within("S9", column, "unknown entities", reading.strange[column], (0, 0), detail=told)
        yield within("S7", column, "attributes that changed", reading.changed[column], (0, 0), detail=told)
    for column, others in reading.misplaced.items():
        yield within("S9", column, "owners that are others", others, (0, 0), detail=told)
    for name, count in wrong.items():
        yield within("S9", name, "not as drawn", count, (0, 0), detail=told)


def _drawn(sample: Sample, source: Source) -> dict[str, Callable[[int], Any]]:
    """What fields at the top that show a column have to say, for the number of a record."""
    found: dict[str, Callable[[int], Any]] = {}
    for one in sample.declared.record:
        if isinstance(one.show, ShowColumn):
            values, form = sample.values[one.show.column], source.form(one.show.column)
            if isinstance(form, Fixed):
                found[one.name] = partial(_number, values, 10**form.decimals)
            else:
                found[one.name] = partial(_piece, values, [orjson.loads(json) for json in form.json])
    return found


def _number(values: Whole, unit: int, index: int) -> float:
    return int(values[index]) / unit


def _piece(values: Whole, pieces: Sequence[Any], index: int) -> Any:
    return pieces[values[index]]


def _shown(stream: Stream) -> dict[str, list[Field]]:
    """The fields at the top that show something of an entity, by column."""
    found: dict[str, list[Field]] = {}
    for field in stream.record:
        if isinstance(field.show, ShowAttribute | ShowEntity):
            found.setdefault(field.show.column, []).append(field)
    return found


class _Reading:
    """Records read back: which entity each shows, by an attribute that no two share."""

    def __init__(self, world: World, stream: Stream, source: Source, shown: Mapping[str, Sequence[Field]]) -> None:
        self.records = 0
        self._fields = {
            column: [(field.name, _values(field, source)) for field in fields] for column, fields in shown.items()
        }
        self.known: dict[str, tuple[str, dict[Any, int]]] = {}
        for column, fields in shown.items():
            for field, (name, values) in zip(fields, self._fields[column], strict=True):
                if column not in self.known and _names(field, stream, world):
                    self.known[column] = name, {_hashable(value): place for place, value in enumerate(values)}
        self.strange, self.changed = dict.fromkeys(self.known, 0), dict.fromkeys(self.known, 0)
        self._owners = _owners(world, stream, self.known)
        self.misplaced = dict.fromkeys(self._owners, 0)

    def add(self, record: Mapping[str, Any]) -> None:
        """Look at one record."""
        self.records += 1
        entities: dict[str, int] = {}
        for column, (name, places) in self.known.items():
            place = places.get(_hashable(record[name]))
            if place is None:
                self.strange[column] += 1
                continue
            entities[column] = place
            self.changed[column] += any(record[other] != values[place] for other, values in self._fields[column])
        for column, (owned, many, of) in self._owners.items():
            if column in entities and owned in entities:
                self.misplaced[column] += entities[column] != entities[owned] * of // many


def _values(field: Field, source: Source) -> list[Any]:
    show = field.show
    assert isinstance(show, ShowAttribute | ShowEntity)
    reference = show.column if isinstance(show, ShowEntity) else f"{show.column}.{show.attribute}"
    pieces = source.form(reference)
    return [orjson.loads(json) for json in pieces.json]  # type: ignore[union-attr]  # entities are pieces


def _names(field: Field, stream: Stream, world: World) -> bool:
    """Whether a field tells entities apart."""
    show = field.show
    assert isinstance(show, ShowAttribute | ShowEntity)
    column = stream.column(show.column)
    assert isinstance(column, EntityColumn)
    entity = world.entity(column.entity)
    attributes = entity.shown if isinstance(show, ShowEntity) else (entity.attribute(show.attribute),)
    return any(isinstance(one.kind, _UNIQUE) or "{index" in getattr(one.kind, "template", "") for one in attributes)


def _owners(world: World, stream: Stream, known: Mapping[str, Any]) -> dict[str, tuple[str, int, int]]:
    """Columns that follow another, with the numbers of both entities."""
    found = {}
    for column in stream.columns:
        if isinstance(column, EntityColumn) and isinstance(column.pick, Follow) and column.name in known:
            owned = stream.column(column.pick.column)
            if isinstance(owned, EntityColumn) and owned.name in known:
                found[column.name] = owned.name, world.entity(owned.entity).count, world.entity(column.entity).count
    return found


def _hashable(value: Any) -> Any:
    return orjson.dumps(value) if isinstance(value, dict | list) else value
