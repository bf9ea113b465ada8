"""Whether CREATE OR REPLACE can take the place of what runs: ksqlDB's rules for upgrades in place.

A replaced query goes on where it was, with its state. So a filter may change, and columns may be added behind the
others; what decides where a record or a group goes may not.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamguard.engine.analysis.metastore import Column, Source
from streamguard.engine.analysis.plan import Plan, QueryPlan
from streamguard.engine.language.types import quoted


def refusal(before: Plan, after: Plan) -> str | None:
    """Why the one can not become the other in place; None: it can."""
    if isinstance(before, QueryPlan) != isinstance(after, QueryPlan):
        return "one is made by a query and the other is not"
    old, new = made(before), made(after)
    if old is None or new is None:
        return "it makes no stream or table"
    reason = of_source(old, new)
    if reason is None and isinstance(before, QueryPlan) and isinstance(after, QueryPlan):
        reason = of_query(before, after)
    return reason


def made(plan: Plan) -> Source | None:
    """The stream or table that a statement makes."""
    return plan.sink if isinstance(plan, QueryPlan) else plan.source


def of_source(old: Source, new: Source) -> str | None:
    """Why a stream or table can not become another, in ksqlDB's words: everything that differs."""
    pairs = (
        ("type", old.kind, new.kind),
        ("topic", old.topic, new.topic),
        ("keyFormat", old.key_format, new.key_format),
        ("valueFormat", old.value_format, new.value_format),
        ("key options", old.key_options, new.key_options),
        ("value options", old.value_options, new.value_options),
        ("windows", old.window, new.window),
        ("timestamp", old.timestamp, new.timestamp),
    )
    reasons = [_differs(old, what, _shown(one), _shown(other)) for what, one, other in pairs if one != other]
    columns = _columns(old, new)
    if columns is not None:
        reasons.append(f"{_differs(old, 'schema', old.schema(), new.schema())}. ({columns})")
    return "\n\tAND ".join(reasons) or None


def _differs(source: Source, what: str, one: str, other: str) -> str:
    return f"DataSource '{quoted(source.name)}' has {what} = {one} which is not upgradeable to {other}"


def _shown(value: object) -> str:
    """``TUMBLING, 1000`` for a window: what is set, without names of our own."""
    if value is None or isinstance(value, str):
        return value or "none"
    return ", ".join(str(part) for part in vars(value).values() if part is not None)


def _columns(old: Source, new: Source) -> str | None:
    """Columns keep their place, name and type; new ones come behind them."""
    changed = "The following {}columns are changed, missing or reordered: [{}]"
    if old.keys != new.keys:
        lost = _lost(old.keys, new.keys) or new.keys
        return f"Key columns must be identical. {changed.format('key ', ', '.join(f'{each} KEY' for each in lost))}"
    lost = _lost((*old.values, *old.headers), (*new.values, *new.headers))
    return changed.format("", ", ".join(map(str, lost))) if lost else None


def _lost(old: Sequence[Column], new: Sequence[Column]) -> list[Column]:
    return [column for number, column in enumerate(old) if number >= len(new) or new[number] != column]


def of_query(old: QueryPlan, new: QueryPlan) -> str | None:
    """Why a query can not go on as another."""
    if old.source.name != new.source.name:
        return f"its source can not change from {old.source.name} to {new.source.name}"
    if old.partitioned != new.partitioned or old.keys != new.keys:
        return "what its key is made of can not change"
    if (old.grouping is None) != (new.grouping is None):
        return "a query that does not group can not begin to" if old.grouping is None else "its GROUP BY can not go"
    if old.grouping is None or new.grouping is None:
        return None
    if old.grouping.window != new.grouping.window:
        return "its windows can not change"
    if old.grouping.by != new.grouping.by:
        return "its GROUP BY can not change"
    if old.grouping.aggregations != new.grouping.aggregations:
        return "its aggregations can not change: what they remember is the state of the old ones"
    return None
