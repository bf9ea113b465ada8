"""One declared statement beside what a server has of it: whether it is the same, and what differs."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from streamguard.engine.analysis import upgrades
from streamguard.engine.analysis.metastore import Metastore
from streamguard.engine.analysis.plan import Plan, QueryPlan, plan
from streamguard.engine.client.deployed import DeployedSource
from streamguard.engine.client.entities import type_text
from streamguard.engine.language import syntax as s
from streamguard.engine.language.canonical import Made, canonical, lines, without_injected
from streamguard.engine.language.types import quoted, schema
from streamguard.errors import StatementError

Columns = Mapping[str, Collection[str]]
DIFFERS = re.compile(r"DataSource '.*?' has ([\w ]+?) = ", re.DOTALL)
COLUMNS = re.compile(r"\(([^()]*columns[^()]* (?:missing or reordered|identical)[^\[]*\[.*\])\)", re.DOTALL)


@dataclass(frozen=True)
class Comparison:
    """`diff`: lines with `+`, `-` or a space in front, empty when nothing differs; `obstacle`: why CREATE OR REPLACE
    can not bring the one to the other."""

    diff: tuple[str, ...] = ()
    obstacle: str | None = None


def planned(statement: s.Statement, metastore: Metastore, session: Mapping[str, str]) -> Plan | None:
    """The plan, if our own analysis can make one: a server may know more than it."""
    try:
        return plan(statement, metastore, session)
    except (StatementError, RecursionError):
        return None


def compare(
    wanted: Made, after: Plan | None, present: DeployedSource, before: Plan | None, columns: Columns
) -> Comparison:
    """The statement of a stream or table beside the one there is; `after` and `before` are their plans."""
    facts = _facts(after, present)
    if not facts and (same(wanted, present.statement, columns) or same_plan(after, before)):
        return Comparison()
    shown = () if present.statement is None else _shown(present.statement, wanted, columns)
    diff = difference(shown or tuple(present.text.splitlines()), lines(canonical(wanted, columns)))
    obstacle = None if before is None or after is None else upgrades.refusal(before, after)
    obstacle = None if obstacle is None else in_short(obstacle)
    told = [fact for fact in facts if not diff or not fact.startswith(("+ column", "- column"))]
    return Comparison((*diff, *told), obstacle)


def same(wanted: Made, present: Made | None, columns: Columns) -> bool:
    """Whether two statements say the same."""
    if present is None:
        return False
    one = canonical(wanted, columns)
    other = canonical(present, columns)
    return one in (other, without_injected(other, one))


def same_plan(one: Plan | None, other: Plan | None) -> bool:
    """Whether two plans do the same."""
    return one is not None and other is not None and _essence(one) == _essence(other)


def difference(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """What differs, with a line around it."""
    found = list(difflib.unified_diff(before, after, lineterm="", n=1))[2:]
    return [f"{line[:1]} {line[1:]}" for line in found if not line.startswith("@@")]


def in_short(obstacle: str) -> str:
    """Why something can not be replaced, without the schemas that ksqlDB repeats: the difference shows them."""
    parts = DIFFERS.findall(obstacle)
    columns = COLUMNS.search(obstacle)
    told = f"CREATE OR REPLACE can not change its {' and '.join(parts)}" if parts else " ".join(obstacle.split())
    return f"{told} ({columns[1]})" if parts and columns else told


def _shown(present: Made, wanted: Made, columns: Columns) -> tuple[str, ...]:
    return tuple(lines(without_injected(canonical(present, columns), canonical(wanted, columns))))


def _essence(made: Plan | None) -> object:
    """What a plan does, without the words that it was written with and without what a server filled in."""
    if made is None:
        return None
    source = upgrades.made(made)
    end = None if source is None else replace(source, statement="", partitions=None, replicas=None)
    if not isinstance(made, QueryPlan):
        return end
    reads = made.source.name, made.source.topic
    return reads, made.where, made.keys, made.values, made.partitioned, made.grouping, made.insert, end


def _facts(after: Plan | None, present: DeployedSource) -> list[str]:
    """What the statement would make differently from what is there, told by the server itself."""
    source = None if after is None else upgrades.made(after)
    if source is None:
        return []
    pairs = [
        ("kind", present.kind, source.kind),
        ("topic", present.topic, source.topic),
        ("value format", present.formats[1], source.value_format),
    ]
    if source.keys:  # without a key column the format says nothing
        pairs.append(("key format", present.formats[0], source.key_format))
    told = [f"~ {what}: {one} -> {other}" for what, one, other in pairs if one != other]
    wanted = [(each.name, type_text(schema(each.type)), True) for each in source.keys]
    wanted += [(each.name, type_text(schema(each.type)), False) for each in source.values]
    if set(wanted) == set(present.columns):
        return told
    told += [f"- column {_column(each)}" for each in present.columns if each not in wanted]
    return told + [f"+ column {_column(each)}" for each in wanted if each not in present.columns]


def _column(column: tuple[str, str, bool]) -> str:
    name, kind, is_key = column
    return f"{quoted(name)} {kind}{' KEY' if is_key else ''}"
