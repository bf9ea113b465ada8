"""Rows as a client is shown them: dates, times and timestamps in ISO's form. All else is written by `framing`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamguard.engine import casts
from streamguard.engine import types as t

Present = Callable[[Any], Any]
TEMPORAL = (t.DATE, t.TIME, t.TIMESTAMP)


def presenter(kinds: Sequence[t.Type]) -> Callable[[list[Any]], None]:
    """A function that changes rows of such columns in place."""
    changes = [(position, change) for position, kind in enumerate(kinds) if (change := _change(kind)) is not None]

    def present(row: list[Any]) -> None:
        for position, change in changes:
            row[position] = change(row[position])

    return present


def _change(kind: t.Type) -> Present | None:
    """How values of a type are shown; None: as they are."""
    match kind:
        case t.Array():
            element = _change(kind.element)
            return None if element is None else _nullable(lambda value: list(map(element, value)))
        case t.Map():
            inner = _change(kind.value)
            if inner is None:
                return None
            return _nullable(lambda value: dict(zip(value, map(inner, value.values()), strict=True)))
        case t.Struct():
            fields = {name: change for name, of in kind.fields if (change := _change(of)) is not None}
            if not fields:
                return None
            return _nullable(lambda value: {k: fields[k](v) if k in fields else v for k, v in value.items()})
        case _ if kind in TEMPORAL:
            return casts.function(kind, t.STRING)
        case _:
            return None


def _nullable(change: Present) -> Present:
    return lambda value: None if value is None else change(value)
