"""Rows as a client is shown them: dates, times and timestamps in ISO's form. All else is written by `framing`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.compile import MessageLike, compile_source
from streamguard.engine.language import types as t
from streamguard.engine.values import casts

LOG = logging.getLogger("streamguard.engine.execution.presenting")
Present = Callable[[Any], Any]
TEMPORAL = (t.DATE, t.TIME, t.TIMESTAMP)


class Presented:
    """What a query without a sink makes of records, as its client is shown it: no more rows than its limit."""

    def __init__(self, query_id: str, plan: QueryPlan) -> None:
        self._run = compile_source({query_id: plan})
        self._present = presenter([column.type for column in plan.columns])
        self._topic = plan.source.topic
        self._left = plan.limit

    @property
    def full(self) -> bool:
        """Whether the limit is reached."""
        return self._left is not None and self._left <= 0

    def of(self, messages: Sequence[MessageLike]) -> list[list[Any]]:
        """The rows of the next records."""
        rows: list[list[Any]] = []
        self._run(messages, rows.append, self._refuse)
        if self._left is not None:
            rows = rows[: self._left]
            self._left -= len(rows)
        for row in rows:
            self._present(row)
        return rows

    def _refuse(self, message: MessageLike, query_id: str, reason: str) -> None:
        place = {"topic": self._topic, "partition": message.partition(), "offset": message.offset()}
        LOG.warning("record skipped", extra={**place, "query": query_id, "reason": reason})


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
