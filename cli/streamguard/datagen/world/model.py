"""A world file, read, checked and resolved: frozen values that the engine compiles and nothing else needs.

Units: durations in seconds, instants as aware datetimes, shares from 0 to 1, rates in records a second. All defaults of
the file are filled in, so two files that mean the same give equal worlds; `World.digest` is the hash of that.
`shapes`, `population`, `streams` and `campaigns` have the parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from streamguard.datagen.world.campaigns import Campaign
from streamguard.datagen.world.population import Entity
from streamguard.datagen.world.shapes import Distribution
from streamguard.datagen.world.streams import Stream

FaultKind = Literal[
    "late",
    "out_of_order",
    "duplicate",
    "dropped",
    "tombstone",
    "null",
    "wrong_type",
    "unknown_field",
    "missing_field",
    "truncated",
    "oversize",
    "wrong_key",
]


@dataclass(frozen=True)
class Fault:
    """That share of records is spoilt in this way.

    late: written `delay` seconds after its event time; out_of_order: its event time is before that of a record up to
    `distance` earlier; null, wrong_type, missing_field: one of `fields` (empty: any field at the top); oversize: `size`
    bytes."""

    kind: FaultKind
    share: float
    delay: Distribution | None = None
    distance: int = 0
    fields: tuple[str, ...] = ()
    size: int = 0


@dataclass(frozen=True)
class Labels:
    """What investigators find out: a record each for the fraud they report, `delay` seconds after the event; `wrong`
    of them are wrong, `unreported` of the frauds are never told."""

    topic: str
    delay: Distribution
    wrong: float
    unreported: float


@dataclass(frozen=True)
class Truth:
    """Where the truth goes; `labels` None: no stream of labels."""

    topic: str
    labels: Labels | None = None


@dataclass(frozen=True)
class Clock:
    """Event time starts at `start` (None: now) and runs `scale` times as fast as the wall clock; `fast`: as fast as
    possible. `days`: a backfill of that many days; `then_live`: afterwards on as time goes."""

    start: datetime | None = None
    scale: float = 1.0
    fast: bool = False
    days: float | None = None
    then_live: bool = False


@dataclass(frozen=True)
class Stops:
    """When a run ends by itself: after `count` records, or `duration` seconds of wall clock."""

    count: int | None = None
    duration: float | None = None


@dataclass(frozen=True)
class World:
    """Everything a world file says. `document` is the file as JSON with overrides applied: reading it again gives an
    equal world, so a manifest may carry it. `trivial`: one field may give fraud away."""

    name: str
    about: str
    entities: tuple[Entity, ...]
    streams: tuple[Stream, ...]
    campaigns: tuple[Campaign, ...] = ()
    faults: tuple[Fault, ...] = ()
    truth: Truth | None = None
    clock: Clock = field(default_factory=Clock)
    stops: Stops = field(default_factory=Stops)
    trivial: bool = False
    digest: str = field(default="", compare=False)
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def entity(self, name: str) -> Entity:
        """The entity of that name."""
        return next(entity for entity in self.entities if entity.name == name)

    def stream(self, name: str) -> Stream:
        """The stream of that name."""
        return next(stream for stream in self.streams if stream.name == name)
