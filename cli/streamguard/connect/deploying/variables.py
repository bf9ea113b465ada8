"""The variables that connectors name by `${env:NAME}`: which a worker must have, and what they are made from. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from streamguard import cloud
from streamguard.connect.templates.render import Connector

ENV = "${env:"


@dataclass(frozen=True)
class WorkerVariable:
    """A variable of the worker's; `made_from` are those of .env, `missing` those of them that are not set."""

    name: str
    made_from: tuple[str, ...]
    missing: tuple[str, ...]
    connectors: tuple[str, ...]

    def row(self) -> dict[str, object]:
        """As a document; there is no value in it."""
        return {
            "variable": self.name,
            "state": f"lacks {', '.join(self.missing)}" if self.missing else "set",
            "made from": ", ".join(self.made_from),
            "connectors": ", ".join(self.connectors),
        }


def variables(
    connectors: Sequence[Connector], known: Mapping[str, str], mine: Mapping[str, str]
) -> list[WorkerVariable]:
    """What these connectors name, by name. `known` has the values that are set, `mine` the variables `MY_…`."""
    users: dict[str, list[str]] = {}
    for connector in connectors:
        for name in names_of(connector):
            users.setdefault(name, []).append(connector.name)
    return [
        WorkerVariable(
            name, _made_from(name), () if known.get(name) else _missing(name, mine), tuple(sorted(users[name]))
        )
        for name in sorted(users)
    ]


def names_of(connector: Connector) -> list[str]:
    """The variables of a worker that a connector names, each once."""
    references = {reference for found in connector.references.values() for reference in found}
    return sorted(reference[len(ENV) : -1] for reference in references if reference.startswith(ENV))


def _made_from(name: str) -> tuple[str, ...]:
    return cloud.MADE_FROM.get(name, (name,))


def _missing(name: str, mine: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(cloud.lacking(mine, [name])) if name in cloud.MADE_FROM else (name,)
