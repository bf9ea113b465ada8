"""Campaigns: kinds and roles into bursts, conditions and rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from streamguard.datagen.world.campaigns import Burst, Campaign, Condition, Drift, Phase, Rule
from streamguard.datagen.world.document import Path
from streamguard.datagen.world.population import Entity
from streamguard.datagen.world.problems import Problems
from streamguard.datagen.world.resolving.changes import Changing, kind_of
from streamguard.datagen.world.resolving.kinds import COMMON, ENTITY, KINDS, NUMBER, TAKES, Kind
from streamguard.datagen.world.resolving.rates import seasons
from streamguard.datagen.world.resolving.references import Scope
from streamguard.datagen.world.resolving.shapes import distribution, int_range, not_negative, number
from streamguard.datagen.world.streams import EntityColumn, Follow, Stream

MOST_BURSTS = 0.5
"""The part of a stream's records that bursts may take together."""


def campaigns(
    spec: Mapping[str, Any], streams: tuple[Stream, ...], entities: Mapping[str, Entity], problems: Problems
) -> tuple[Campaign, ...]:
    """All campaigns of a world, in the order of the file."""
    by_name = {stream.name: stream for stream in streams}
    found = tuple(
        campaign
        for name, one in spec.items()
        if (campaign := _campaign(name, one, by_name, entities, problems)) is not None
    )
    for stream in streams:
        taken = sum(one.share for one in found if isinstance(one, Burst) and one.stream == stream.name)
        if taken > MOST_BURSTS:
            problems.add(
                ("campaigns",), f"bursts take {taken:.0%} of {stream.name}: let them take {MOST_BURSTS:.0%} at most"
            )
    return found


def _campaign(
    name: str,
    spec: Mapping[str, Any],
    streams: Mapping[str, Stream],
    entities: Mapping[str, Entity],
    problems: Problems,
) -> Campaign | None:
    path: Path = ("campaigns", name)
    if spec["kind"] not in KINDS:
        problems.unknown((*path, "kind"), "kind of campaign", spec["kind"], KINDS)
        return None
    kind = KINDS[spec["kind"]]
    stream = spec.get("stream") or next(iter(streams))
    if stream not in streams or ("stream" not in spec and len(streams) > 1):
        problems.unknown((*path, "stream"), "stream", stream if "stream" in spec else "given", streams)
        return None
    columns = {column.name: column for column in streams[stream].columns}
    one = _One(name, spec, kind, stream, Scope(entities, columns, problems))
    if problems.broken & _named(spec) or not one.fits():
        return None
    match kind.family:
        case "burst":
            return one.burst()
        case "condition":
            return one.condition()
        case _:
            return Rule(
                name, spec["kind"], stream, one.fraud, spec["amount"], float(spec["above"]), spec.get("about", "")
            )


def _named(spec: Any) -> set[str]:
    """Every name in a part of the file: keys, and the steps of references."""
    match spec:
        case str():
            return {*spec.split(".")}
        case Mapping():
            return {*spec}.union(*map(_named, spec.values()))
        case list():
            return set[str]().union(*map(_named, spec))
        case _:
            return set()


class _One:
    """One campaign on its way from the file to the model."""

    def __init__(self, name: str, spec: Mapping[str, Any], kind: Kind, stream: str, scope: Scope) -> None:
        self.name, self.spec, self.kind, self.stream, self.scope = name, spec, kind, stream, scope
        self.path: Path = ("campaigns", name)
        self.problems = scope.problems

    @property
    def fraud(self) -> bool:
        """As the file says, else as the kind says."""
        return bool(self.spec.get("fraud", self.kind.fraud))

    def fits(self) -> bool:
        """Whether keys and roles are those of the kind; a problem for each that is not."""
        before = len(self.problems.found)
        kind, roles = self.spec["kind"], [role.name for role in self.kind.roles]
        takes = (*COMMON, *TAKES[self.kind.family], *roles, *self.kind.takes)
        for key in self.spec:
            if key not in takes:
                self.problems.add(
                    (*self.path, key), f"{key} does not go with {kind}, which takes {', '.join(takes[1:])}"
                )
        needed = [*(role.name for role in self.kind.roles if role.needed), *self.kind.takes]
        needed += ["share"] if self.kind.family == "burst" else []
        needed += ["fraud"] if self.kind.fraud is None else []
        for key in needed:
            if key not in self.spec:
                self.problems.add(self.path, f"{kind} needs {key}: add `{key}: …`")
        for role in self.kind.roles:
            if role.name in self.spec:
                self._role(role.name, role.wants)
        return len(self.problems.found) == before

    def _role(self, role: str, wants: str) -> None:
        path, name = (*self.path, role), self.spec[role]
        column = self.scope.column(name, path)
        if column is None:
            return
        found = kind_of(column)
        if found not in wants:
            fitting = [one.name for one in self.scope.columns.values() if kind_of(one) in wants]
            known = f"name one of {', '.join(fitting)}" if fitting else "the stream has none"
            self.problems.add(path, f"{role} is to be a column of {_plural(wants)}, and {name} is none: {known}")
        elif isinstance(column, EntityColumn) and isinstance(column.pick, Follow) and self.kind.family == "burst":
            self.problems.add(path, f"{name} follows {column.pick.column}: name {column.pick.column} instead")

    def burst(self) -> Burst:
        """A campaign of instances."""
        spec, path = self.spec, self.path
        for key in ("records", "every", "changes"):
            if "phases" in spec and key in spec:
                self.problems.add((*path, key), f"{key} does not go with phases: write it into a phase")
        phases = tuple(self._phase(index, one) for index, one in enumerate(self._phases()))
        entities = {self._entity(phase.actor) for phase in phases}
        if len(entities) > 1:
            told = " and ".join(sorted(entities))
            self.problems.add(path, f"the target is a {told}: let the actors of all phases be the same entity")
        if "weight" in spec and phases:
            entity = self.scope.entities.get(self._entity(phases[0].actor))
            if entity is not None:
                self.scope.trait(entity, spec["weight"], (*path, "weight"))
        return Burst(
            self.name,
            spec["kind"],
            self.stream,
            self.fraud,
            float(spec["share"]),
            spec.get("weight"),
            phases,
            self._drift(),
            spec.get("about", ""),
        )

    def condition(self) -> Condition:
        """A campaign of a state: of some entities, or (without an actor) of all at some times."""
        spec = {**(self.kind.defaults or {}), **self.spec}
        path, actor = self.path, spec.get("actor")
        if actor is not None and "per_day" not in spec:
            self.problems.add(path, f"{spec['kind']} needs per_day: add `per_day: …`, how many fall to it each day")
        if actor is None and not ({"seasons", "month_days"} & spec.keys()):
            self.problems.add(path, "it would be always: add seasons, month_days or an actor")
        changes = {**self._filled(self.kind.changes or {}), **spec.get("changes", {})}
        self._after_actor(actor, changes)
        hours = spec.get("hours")
        return Condition(
            self.name,
            spec["kind"],
            self.stream,
            self.fraud,
            actor or "",
            float(spec.get("per_day", 0.0)) if actor else 0.0,
            int(spec.get("days", 1)),
            float(spec["probability"]),
            Changing(self.scope, once=False).changes(changes, (*path, "changes")),
            None if hours is None else (float(hours[0]), float(hours[1])),
            steady=actor is None,
            seasons=seasons(spec.get("seasons", {}), (*path, "seasons"), self.problems),
            month_days=tuple(spec.get("month_days", ())),
            drift=self._drift(),
            about=spec.get("about", ""),
        )

    def _phases(self) -> Sequence[Mapping[str, Any]]:
        """The phases of the file, or those of the kind with what the file says of the main one."""
        if "phases" in self.spec:
            return [{"records": 1, "every": "1m", **one} for one in self.spec["phases"]]
        phases = [{**one, "changes": self._filled(one.get("changes", {}))} for one in self.kind.phases]
        main = phases[self.kind.main]
        main["changes"] = {**main["changes"], **self.spec.get("changes", {})}
        main.update({key: self.spec[key] for key in ("records", "every") if key in self.spec})
        return phases

    def _phase(self, index: int, spec: Mapping[str, Any]) -> Phase:
        path = (*self.path, "phases", index) if "phases" in self.spec else self.path
        actor = str(spec.get("actor", self.spec.get("actor", "")))
        actor = str(self.spec[actor[1:]]) if actor.startswith("$") else actor
        if actor not in self.scope.columns:
            self.scope.entity_column(actor, (*path, "actor"))
        elif actor in spec["changes"] if "changes" in spec else False:
            self.problems.add((*path, "changes", actor), f"{actor} is the target of the campaign: it does not change")
        every = distribution(spec["every"], (*path, "every"), self.problems)
        return Phase(
            actor,
            int_range(spec["records"], (*path, "records"), self.problems),
            not_negative(every, (*path, "every"), self.problems, "a time between records"),
            Changing(self.scope, once=True).changes(spec.get("changes", {}), (*path, "changes")),
            bool(spec.get("fraud", True)),
        )

    def _filled(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """The changes of the kind with roles put in."""
        found = {}
        for role, change in changes.items():
            if role[1:] in self.spec:
                found[str(self.spec[role[1:]])] = {key: self._value(value) for key, value in change.items()}
        return found

    def _value(self, value: Any) -> Any:
        match value:
            case "$limit":
                return {"uniform": [round(self.spec["limit"] * 0.88, 2), round(self.spec["limit"] * 0.999, 2)]}
            case "$amounts":
                return self.spec["amounts"]
            case "$home":
                home = str(self.spec["home"])
                return {"attribute": home.partition(".")[2] or home, "from": home}
            case _:
                return value

    def _after_actor(self, actor: str | None, changes: Mapping[str, Any]) -> None:
        order = list(self.scope.columns)
        for name in changes:
            if actor in order and name in order and order.index(name) < order.index(str(actor)):
                self.problems.add(
                    (*self.path, "changes", name), f"{name} is drawn before {actor}: move {actor} above it"
                )

    def _entity(self, column: str) -> str:
        found = self.scope.columns.get(column)
        return found.entity if isinstance(found, EntityColumn) else "?"

    def _drift(self) -> tuple[Drift, ...]:
        drift = tuple(Drift(number(one["from"]) / 86_400, float(one["times"])) for one in self.spec.get("drift", []))
        for place in range(1, len(drift)):
            if drift[place].day <= drift[place - 1].day:
                path = (*self.path, "drift", place, "from")
                self.problems.add(path, "not after the one before it: put them in order of time")
        return drift


def _plural(wants: str) -> str:
    return {ENTITY: "entities", NUMBER: "numbers"}.get(wants, "entities or choices")
