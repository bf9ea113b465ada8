"""Plan: what would have to change on the worker. Pure: two sets of configs in, a list of changes out.

What a server adds or hides is no difference: the injected `name`, `__internal.*`, and a value that it masks (`***`,
`•••`, `[hidden]`) counts as equal, since it can not be known. Connectors that no template names are left alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from streamguard.connect.secrets import shown

Action = Literal["create", "update", "unchanged"]

_MASKED = re.compile(r"[•*]{3,}|\[hidden\]")
_INJECTED = re.compile(r"name|__internal\..*")


@dataclass(frozen=True)
class KeyChange:
    """One key of a config; None: not there."""

    key: str
    before: str | None
    after: str | None

    def __str__(self) -> str:
        before, after = shown(self.key, self.before), shown(self.key, self.after)
        if before is None:
            return f"+ {self.key} = {after}"
        if after is None:
            return f"- {self.key} = {before}"
        return f"~ {self.key} = {before} -> {after}"


@dataclass(frozen=True)
class Change:
    """What `deploy` does with one connector. `keys` are in the order of their names."""

    name: str
    action: Action
    keys: tuple[KeyChange, ...] = ()

    @property
    def patch(self) -> dict[str, str | None]:
        """The changes as PATCH takes them: None removes a key."""
        return {change.key: change.after for change in self.keys}

    def row(self) -> dict[str, Any]:
        """As a document; secrets masked."""
        keys = [{"key": k.key, "before": shown(k.key, k.before), "after": shown(k.key, k.after)} for k in self.keys]
        return {"name": self.name, "action": self.action, "changes": keys}

    def __str__(self) -> str:
        sign = {"create": "+", "update": "~", "unchanged": "="}[self.action]
        head = f"{sign} {self.name}: {self.action}"
        return "\n".join([head, *(f"    {change}" for change in self.keys if self.action == "update")])


def diff(desired: Mapping[str, Mapping[str, str]], deployed: Mapping[str, Mapping[str, str]]) -> list[Change]:
    """The changes that turn `deployed` into `desired`, one for each desired connector, by name."""
    return [_change(name, desired[name], deployed.get(name)) for name in sorted(desired)]


def has_changes(changes: Sequence[Change]) -> bool:
    return any(change.action != "unchanged" for change in changes)


def _change(name: str, desired: Mapping[str, str], deployed: Mapping[str, str] | None) -> Change:
    wanted = _own(desired)
    if deployed is None:
        return Change(name, "create", tuple(KeyChange(key, None, wanted[key]) for key in sorted(wanted)))
    present = _own(deployed)
    keys = tuple(
        KeyChange(key, present.get(key), wanted.get(key))
        for key in sorted(wanted.keys() | present.keys())
        if not _equal(wanted.get(key), present.get(key))
    )
    return Change(name, "update" if keys else "unchanged", keys)


def _own(config: Mapping[str, str]) -> dict[str, str]:
    return {key: str(value) for key, value in config.items() if not _INJECTED.fullmatch(key)}


def _equal(wanted: str | None, present: str | None) -> bool:
    return wanted == present or (wanted is not None and present is not None and bool(_MASKED.fullmatch(present)))
