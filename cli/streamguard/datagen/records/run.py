"""A run: a world, and everything that was decided when it was started. It gives every record again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, get_args

from streamguard.datagen.world.campaigns import Burst, Campaign
from streamguard.datagen.world.model import Fault, FaultKind, World
from streamguard.datagen.world.population import Entity
from streamguard.datagen.world.shapes import Choices
from streamguard.datagen.world.streams import ChoiceColumn, Column, LabelColumn, Rate, Stream
from streamguard.errors import ProjectError
from streamguard.project import did_you_mean

Shares = Mapping[str, float]
MOST_BURSTS = 0.85
"""The part of a stream's records that bursts may take together: beyond it they find no place in time."""


@dataclass(frozen=True)
class Run:
    """Everything that decides what a run writes; it pickles, so that workers make the same records.

    `name` begins ids, so two runs that share one overwrite each other's records in the sinks. `start` is the event time
    of record 0. `rate` (records a second) replaces the world's; None is the world's. `full_speed`: records come as fast
    as they can, and unless it is a `backfill` their event times are a microsecond apart. A backfill ends at `to` (None:
    without end) and what comes then is live. `streams` are those that are written, () for all.

    `counts` (of entities), `shares` (of a choice or label), `campaigns` and `faults` (shares of all records) and
    `topics` (of streams) replace what the world says.
    """

    world: World
    name: str
    seed: int
    start: datetime
    rate: float | None = None
    full_speed: bool = False
    backfill: bool = False
    to: datetime | None = None
    streams: tuple[str, ...] = ()
    truth: bool = True
    counts: Mapping[str, int] = field(default_factory=dict)
    shares: Mapping[str, Shares] = field(default_factory=dict)
    campaigns: Shares = field(default_factory=dict)
    faults: Shares = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)

    def resolved(self) -> World:
        """The world as this run has it. Raises ProjectError if an override names what is not there."""
        world = self.world
        _check("entity", self.counts, [entity.name for entity in world.entities])
        _check("choice or label", self.shares, [column.name for column in _choosing(world)])
        _check("campaign with a share", self.campaigns, [one.name for one in world.campaigns if isinstance(one, Burst)])
        _check("stream", {**dict.fromkeys(self.streams), **self.topics}, [stream.name for stream in world.streams])
        return replace(
            world,
            entities=tuple(self._entity(entity) for entity in world.entities),
            streams=tuple(self._stream(stream) for stream in world.streams),
            campaigns=self._campaigns(),
            faults=self._faults(),
            truth=world.truth if self.truth else None,
        )

    def written_streams(self) -> list[Stream]:
        """Those of its world that it writes, resolved."""
        return [stream for stream in self.resolved().streams if not self.streams or stream.name in self.streams]

    def document(self) -> dict[str, Any]:
        """The run as one flat JSON document; `Run.of` reads it. The world is named by its hash, not contained."""
        return {
            "run": self.name,
            "world": self.world.name,
            "world_hash": self.world.digest,
            "seed": self.seed,
            "start": self.start.isoformat(),
            "target_rate": self.rate,
            "full_speed": self.full_speed,
            "backfill": self.backfill,
            "to": self.to.isoformat() if self.to else None,
            "streams": list(self.streams),
            "truth": self.truth,
            "counts": dict(self.counts),
            "shares": {column: dict(shares) for column, shares in self.shares.items()},
            "campaigns": dict(self.campaigns),
            "faults": dict(self.faults),
            "topics": dict(self.topics),
        }

    @staticmethod
    def of(document: Mapping[str, Any], world: World) -> Run:
        """The run that `document` describes, in the world that it names. Raises ProjectError if that has changed."""
        if document["world_hash"] != world.digest:
            raise ProjectError(
                f"run {document['run']}: the world {world.name} is not what it was then "
                f"({world.digest[:12]} instead of {document['world_hash'][:12]}): bring the world file of then back"
            )
        return Run(
            world=world,
            name=document["run"],
            seed=document["seed"],
            start=datetime.fromisoformat(document["start"]),
            rate=document["target_rate"],
            full_speed=document["full_speed"],
            backfill=document["backfill"],
            to=datetime.fromisoformat(document["to"]) if document["to"] else None,
            streams=tuple(document["streams"]),
            truth=document["truth"],
            counts=document["counts"],
            shares=document["shares"],
            campaigns=document["campaigns"],
            faults=document["faults"],
            topics=document["topics"],
        )

    def _entity(self, entity: Entity) -> Entity:
        return replace(entity, count=self.counts.get(entity.name, entity.count))

    def _stream(self, stream: Stream) -> Stream:
        return replace(
            stream,
            topic=self.topics.get(stream.name, stream.topic),
            rate=stream.rate if self.rate is None else Rate(mean=self.rate),
            columns=tuple(self._column(column) for column in stream.columns),
        )

    def _column(self, column: Column) -> Column:
        shares = self.shares.get(column.name)
        if shares is None:
            return column
        if isinstance(column, LabelColumn):
            choices = _shared(column.choices, shares, column.name)
            return replace(column, choices=choices, fraud=column.fraud and _in_proportion(column, choices))
        if isinstance(column, ChoiceColumn):
            return replace(column, choices=tuple(_shared(each, shares, column.name) for each in column.choices))
        return column

    def _campaigns(self) -> tuple[Campaign, ...]:
        found = tuple(self._campaign(campaign) for campaign in self.world.campaigns)
        for stream in self.world.streams if self.campaigns else ():
            taken = sum(one.share for one in found if isinstance(one, Burst) and one.stream == stream.name)
            if taken > MOST_BURSTS:
                raise ProjectError(
                    f"campaigns with a share would take {taken:.0%} of {stream.name}: let them take {MOST_BURSTS:.0%} "
                    "of it at most, all together"
                )
        return found

    def _campaign(self, campaign: Campaign) -> Campaign:
        if isinstance(campaign, Burst) and campaign.name in self.campaigns:
            return replace(campaign, share=self.campaigns[campaign.name])
        return campaign

    def _faults(self) -> tuple[Fault, ...]:
        known = [fault.kind for fault in self.world.faults]
        for name, number in self.faults.items():
            if name in known or name not in get_args(FaultKind):
                continue
            share = f"{number:g}"
            raise ProjectError(
                f"the world {self.world.name} has no fault {name}: write `faults: {{{name}: {share}}}` into its file, "
                f"or --set faults.{name}={share} instead"
            )
        _check("fault in the world", self.faults, known or get_args(FaultKind))
        changed = (replace(fault, share=self.faults.get(fault.kind, fault.share)) for fault in self.world.faults)
        return tuple(fault for fault in changed if fault.share)


def _choosing(world: World) -> list[Column]:
    columns = [column for stream in world.streams for column in stream.columns]
    return [column for column in columns if isinstance(column, ChoiceColumn | LabelColumn)]


def _shared(choices: Choices, shares: Shares, column: str) -> Choices:
    """These shares; values that are not named get what is left, in proportion to what they had."""
    values = [str(value) for value in choices.values]
    _check(f"value of {column}", shares, values)
    named = sum(shares.values())
    others = sum(share for value, share in zip(values, choices.shares, strict=True) if value not in shares)
    if min(shares.values()) < 0 or named > 1 + 1e-9 or (not others and abs(named - 1) > 1e-9):
        raise ProjectError(f"the shares of {column} are no parts of one: {dict(shares)}")
    left = max(0.0, 1 - named) / others if others else 0.0
    return replace(
        choices,
        shares=tuple(shares.get(value, share * left) for value, share in zip(values, choices.shares, strict=True)),
    )


def _in_proportion(column: LabelColumn, choices: Choices) -> Choices:
    """What fraud is labelled, changed as the labels of all records were; a label that is always or never stays so."""
    assert column.fraud is not None
    rows = zip(column.fraud.shares, column.choices.shares, choices.shares, strict=True)
    parts = [(fraud * now / before) if before else now for fraud, before, now in rows]
    total = sum(parts)
    return replace(choices, shares=tuple(part / total for part in parts) if total else choices.shares)


def _check(kind: str, named: Mapping[str, object], known: Sequence[str]) -> None:
    for name in named:
        if name not in known:
            raise ProjectError(f"no {kind} is called {name}{did_you_mean(name, known)}")
