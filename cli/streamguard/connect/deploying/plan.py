"""Plan: what would have to change on the cluster. Pure: connectors and what a server shows in, a list of changes out.

`deploy` carries out exactly the writes of this list, in their order.

What a server adds or hides is no difference: order, the injected `name`, `__internal.*`, numbers for text, and a value
that it masks (`***`, `•••`, `[hidden]`), which can not be known and counts as equal; unless the digest of the
references says that one of them was replaced. A mask is never sent back. Connectors that no template names are left
alone, save those that a prune names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from streamguard.connect.lint.rule import version_of
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State, is_mask
from streamguard.connect.secrecy.secrets import shown_beside
from streamguard.connect.secrecy.sensitive import is_sensitive
from streamguard.connect.templates.own import REFERENCES, owner_of
from streamguard.connect.templates.render import Connector

Action = Literal["create", "update", "pause", "resume", "stop", "delete", "unchanged"]
Verb = Literal["create", "put", "patch", "pause", "resume", "stop", "reset", "delete"]
SIGNS = {"create": "+", "update": "~", "pause": "~", "resume": "~", "stop": "~", "delete": "-", "unchanged": "="}

_REQUESTS: Mapping[Verb, tuple[str, str]] = {
    "create": ("POST", ""),
    "put": ("PUT", "config"),
    "patch": ("PATCH", "config"),
    "pause": ("PUT", "pause"),
    "resume": ("PUT", "resume"),
    "stop": ("PUT", "stop"),
    "reset": ("DELETE", "offsets"),
    "delete": ("DELETE", ""),
}
_STATES: Mapping[str, State] = {"PAUSED": "paused", "STOPPED": "stopped"}
_VERBS: Mapping[State, Literal["pause", "resume", "stop"]] = {"paused": "pause", "running": "resume", "stopped": "stop"}
_QUIET: Sequence[State] = ("running", "paused", "stopped")  # from the busiest
_CERTAIN_MASK = re.compile(r"•{3,}|\[hidden\]")
_INJECTED = re.compile(r"name|__internal\..*")


@dataclass(frozen=True)
class Abilities:
    """What a worker can do, by its version of Kafka."""

    patch: bool = True
    initial_state: bool = True
    stop: bool = True
    reset: bool = True

    @classmethod
    def of(cls, version: str) -> Abilities:
        """Of a version as the worker says it; one that says none can do everything."""
        number = version_of(version) or (9, 0, 0)
        return cls(number >= (3, 8), number >= (3, 7), number >= (3, 5), number >= (3, 6))


@dataclass(frozen=True)
class Write:
    """One request that changes something. `config` is what a PUT or POST sends, or the changes of a PATCH."""

    verb: Verb
    name: str
    config: Mapping[str, str | None] = field(default_factory=dict)
    state: State = "running"

    @property
    def method(self) -> str:
        return _REQUESTS[self.verb][0]

    @property
    def part(self) -> str:
        """The last step of the path: `config`, `stop`; empty for the connector itself."""
        return _REQUESTS[self.verb][1]

    def row(self) -> dict[str, Any]:
        """As a document, without values."""
        path = f"/connectors/{self.name}/{self.part}".rstrip("/") if self.verb != "create" else "/connectors"
        document: dict[str, Any] = {"method": self.method, "path": path}
        if self.verb == "create":
            document["initial_state"] = self.state.upper()
        return document | ({"keys": sorted(self.config)} if self.config else {})

    def __str__(self) -> str:
        return f"{self.method} {self.part}".rstrip()


@dataclass(frozen=True)
class KeyChange:
    """One key of a config; None: not there."""

    key: str
    before: str | None
    after: str | None

    @property
    def shown(self) -> tuple[str | None, str | None]:
        """Both as they may be printed: beside a reference, a text in clear is the secret itself."""
        before, after = self.before, self.after
        return shown_beside(self.key, before, after), shown_beside(self.key, after, before)

    def __str__(self) -> str:
        before, after = self.shown
        if before is None:
            return f"+ {self.key} = {after}"
        if after is None:
            return f"- {self.key} = {before}"
        return f"~ {self.key} = {before} -> {after}"


@dataclass(frozen=True)
class Change:
    """What `deploy` does with one connector. `keys` are in the order of their names.

    `before` and `after` are its states; None: it is not there. With a `refusal` nothing of it is done.
    """

    name: str
    action: Action
    keys: tuple[KeyChange, ...] = ()
    before: State | None = None
    after: State | None = "running"
    writes: tuple[Write, ...] = ()
    refusal: str = ""

    @property
    def patch(self) -> dict[str, str | None]:
        """The changes as PATCH takes them: None removes a key."""
        return {change.key: change.after for change in self.keys}

    def row(self) -> dict[str, Any]:
        """As a document; secrets masked."""
        keys = [{"key": k.key, "before": k.shown[0], "after": k.shown[1]} for k in self.keys]
        return {
            "name": self.name,
            "action": self.action,
            "state": {"before": self.before, "after": self.after},
            "changes": keys,
            "writes": [write.row() for write in self.writes],
        }

    def __str__(self) -> str:
        return self.text()

    def text(self, *, whole: bool = False) -> str:
        """A line, and one for each key that an update changes; if `whole`, for each that is created as well."""
        if self.refusal:
            return f"! {self.name}: refused: {self.refusal}"
        state = f", {self.before} -> {self.after}" if self._moves else ""
        if self.action == "create" and self.after != "running":
            state = f" as {self.after}"
        writes = f" ({', '.join(str(write) for write in self.writes)})" if self.writes else ""
        head = f"{SIGNS[self.action]} {self.name}: {self.action}{state}{writes}"
        shown = self.keys if self.action == "update" or whole else ()
        return "\n".join([head, *(f"    {change}" for change in shown)])

    @property
    def _moves(self) -> bool:
        return self.action in ("update", "pause", "resume", "stop") and self.before != self.after


def diff(
    desired: Sequence[Connector],
    deployed: Mapping[str, Deployed],
    abilities: Abilities | None = None,
    *,
    delete: Collection[str] = (),
    reset_offsets: bool = False,
    force_secrets: bool = False,
    take_over: bool = False,
) -> list[Change]:
    """The changes that turn `deployed` into `desired`, and delete `delete`; by name.

    `force_secrets`: a masked value counts as different. `take_over`: a connector of another owner may be changed.
    """
    able = abilities or Abilities()
    changes = [_change(one, deployed.get(one.name), able, force_secrets, take_over) for one in desired]
    changes += [_deletion(deployed[name], able, reset_offsets) for name in delete]
    return sorted(changes, key=lambda change: change.name)


def has_changes(changes: Sequence[Change]) -> bool:
    return any(change.action != "unchanged" for change in changes)


def counts(changes: Sequence[Change]) -> str:
    """`1 to create, 2 to update, 497 unchanged`."""
    kinds: dict[str, int] = {}
    for change in changes:
        kind = "refused" if change.refusal else change.action
        kinds[kind] = kinds.get(kind, 0) + 1
    order = (*SIGNS, "refused")
    words = {action: f"to {action}" for action in SIGNS} | {"unchanged": "unchanged", "refused": "refused"}
    return ", ".join(f"{kinds[kind]} {words[kind]}" for kind in order if kind in kinds) or "no connectors"


def state_of(status: ConnectorStatus | None) -> State | None:
    """The state that a connector is meant to be in, as far as its status tells; None: it does not tell."""
    if status is None or status.state == "UNASSIGNED":
        return None
    return _STATES.get(status.state, "running")


def _change(wanted: Connector, present: Deployed | None, able: Abilities, force: bool, take_over: bool) -> Change:
    config = _own(wanted.config)
    if present is None:
        keys = tuple(KeyChange(key, None, config[key]) for key in sorted(config))
        create = Write("create", wanted.name, config, wanted.state)
        refusal = _refusal(wanted, keys, None, able, take_over)
        return Change(wanted.name, "create", keys, None, wanted.state, () if refusal else (create,), refusal)
    keys = _differences(config, _own(present.config), force)
    before = state_of(present.status)
    move = _move(before, wanted.state)
    action: Action = "update" if keys else move or "unchanged"
    refusal = _refusal(wanted, keys, present, able, take_over)
    sent = _config_write(wanted.name, config, keys, able)
    moved = (Write(move, wanted.name),) if move else ()
    calms = _QUIET.index(wanted.state) > _QUIET.index(before or "running")
    # A new config never runs in a state that was not meant for it: rest comes before it, work after it.
    writes = () if refusal else (*moved, *sent) if calms else (*sent, *moved)
    return Change(wanted.name, action, keys, before, wanted.state, writes, refusal)


def _differences(wanted: Mapping[str, str], present: Mapping[str, str], force: bool) -> tuple[KeyChange, ...]:
    replaced = wanted.get(REFERENCES) != present.get(REFERENCES)

    def differs(key: str) -> bool:
        new, old = wanted.get(key), present.get(key)
        if new is None or old is None or not is_mask(old):
            return new != old
        return new != old and (force or replaced)

    return tuple(
        KeyChange(key, present.get(key), wanted.get(key)) for key in sorted(wanted.keys() | present) if differs(key)
    )


def _move(before: State | None, after: State) -> Literal["pause", "resume", "stop"] | None:
    """How to get from one state to another. One that is not known yet is taken for running: connectors start so."""
    return None if (before or "running") == after else _VERBS[after]


def _config_write(
    name: str, config: Mapping[str, str], keys: Sequence[KeyChange], able: Abilities
) -> tuple[Write, ...]:
    if not keys:
        return ()
    if able.patch:
        return (Write("patch", name, {change.key: change.after for change in keys}),)
    return (Write("put", name, config),)


def _deletion(present: Deployed, able: Abilities, reset: bool) -> Change:
    name = present.name
    before = state_of(present.status) or "running"
    if reset and not able.reset:
        refusal = "this worker can not delete offsets (Kafka 3.6 can): delete it without --reset-offsets"
        return Change(name, "delete", (), before, None, (), refusal)
    writes = [Write("stop", name), Write("reset", name)] if reset else []
    return Change(name, "delete", (), before, None, (*writes, Write("delete", name)))


def _refusal(
    wanted: Connector, keys: Sequence[KeyChange], present: Deployed | None, able: Abilities, take_over: bool
) -> str:
    """Why a connector must not be written; empty: it may."""
    theirs = owner_of(present.config) if present else None
    ours = owner_of(wanted.config)
    if theirs and ours and theirs.name != ours.name and not take_over:
        return f"it belongs to {theirs} and not to {ours}: --take-over changes it all the same"
    if wanted.state == "stopped" and not able.stop:
        return "this worker knows no stopped connectors (Kafka 3.5 does)"
    if present is None and wanted.state != "running" and not able.initial_state:
        return f"this worker can not create a connector as {wanted.state} (Kafka 3.7 can): create it running first"
    sent = {change.key: change.after for change in keys} if able.patch or not keys else wanted.config
    for key, value in sent.items():
        if value is not None and _is_mask(key, value):
            return f"{key} is the mask of a server and not a value: write a reference in the template"
    return ""


def _is_mask(key: str, value: str) -> bool:
    return bool(_CERTAIN_MASK.fullmatch(value)) or (is_sensitive(key) and is_mask(value))


def _own(config: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in config.items() if not _INJECTED.fullmatch(key)}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
