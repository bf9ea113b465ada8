"""GROUP BY: what the groups are, what is aggregated, and ksqlDB's rules for what may stand where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from streamguard.engine.analysis import windows
from streamguard.engine.analysis.metastore import Source
from streamguard.engine.analysis.refusals import Refuse, listed
from streamguard.engine.analysis.resolve import Resolver
from streamguard.engine.analysis.typed import Aggregation, Constant, Pseudo, Read, Typed, parts_of, walk
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language import wording
from streamguard.engine.language.places import Place

N = TypeVar("N", bound=s.Node)
BOUNDS = ("WINDOWSTART", "WINDOWEND")
BOUND_TYPES: dict[str, t.Type] = dict.fromkeys(BOUNDS, t.BIGINT)


@dataclass(frozen=True)
class Output:
    """A column of a query: its name and what it holds."""

    name: str
    expression: Typed


@dataclass(frozen=True)
class Selected:
    """A column of the SELECT list as it was written."""

    output: Output
    node: s.Expression
    place: Place


@dataclass(frozen=True)
class Question:
    """A query in the making. `sink` is the name that it writes, None for a push query."""

    query: s.Select
    source: Source
    resolver: Resolver
    refuse: Refuse
    sink: str | None


@dataclass(frozen=True)
class Changes:
    """The records are changes of a group: what a row of a table gave it if it `had` one, and gives it now if it `has`.

    `old` are the arguments of each aggregation for the former, as those of the aggregations themselves for the latter.
    """

    had: Typed
    has: Typed
    old: tuple[tuple[Typed, ...], ...]


@dataclass(frozen=True)
class Grouping:
    """Groups of records: rows of one result each (one each window) that aggregations are computed for.

    `unchanged`: the groups are the keys that the records have already. `final`: only results of closed windows.
    `sent`: nothing is aggregated, the changes of the groups are written; `changes`: that is what is read.
    """

    by: tuple[Typed, ...]
    aggregations: tuple[Aggregation, ...]
    window: windows.Windows | None
    having: Typed | None
    unchanged: bool
    final: bool = False
    sent: bool = False
    changes: Changes | None = None


def grouped(asked: Question, columns: list[Selected], having: Typed | None) -> Grouping:
    """Understand the GROUP BY of a query whose SELECT list and HAVING are resolved."""
    query, source, refuse = asked.query, asked.source, asked.refuse
    window = None if query.window is None else windows.configured(query.window, refuse, final=query.final)
    by = _expressions(asked)
    used = [each.output.expression for each in columns] + ([] if having is None else [having])
    aggregations = tuple(dict.fromkeys(part for each in used for part in walk(each) if isinstance(part, Aggregation)))
    if not aggregations:
        reason = "GROUP BY requires aggregate functions in either the SELECT or HAVING clause."
        raise refuse(reason, query.place)
    _check_aggregations(asked, aggregations)
    _check_selected(columns, by, refuse)
    if having is not None:
        _check_having(query, having, by, refuse)
    if query.final and window is None:
        raise refuse("EMIT FINAL is only supported for windowed aggregations.", query.place)
    keys = tuple(Read(key.name, key.type, is_key=True) for key in source.keys)
    unchanged = by == keys and source.window is None and bool(keys)
    return Grouping(by, aggregations, window, having, unchanged, query.final)


def check_ungrouped(asked: Question, columns: list[Selected], kind: str) -> None:
    """Refuse what only GROUP BY allows: aggregates, WINDOW, HAVING and EMIT FINAL."""
    query, refuse = asked.query, asked.refuse
    found = [each for each in columns if any(isinstance(part, Aggregation) for part in walk(each.output.expression))]
    if found:
        others = [each for each in columns if each not in found]
        if others:
            raise refuse(_not_grouped([wording.text(each.node) for each in others]), others[0].place)
        calls = ", ".join(_as_written(next(nodes_in(each.node, s.Call))) for each in found)
        reason = f"CREATE {kind} AS SELECT statement does not support aggregate function [{calls}]"
        raise refuse(f"{reason} without a GROUP BY clause.", found[0].place)
    if query.window is not None:
        raise refuse("WINDOW clause requires a GROUP BY clause.", query.window.place)
    if query.having is not None:
        raise refuse("HAVING clause requires a GROUP BY clause.", query.having.place)
    if query.final:
        raise refuse("EMIT FINAL is only supported for windowed aggregations.", query.place)


def nodes_in(node: object, kind: type[N]) -> Iterator[N]:
    """Every node of a kind in a part of the syntax tree, outside in."""
    if isinstance(node, kind):
        yield node
    if isinstance(node, s.Node):
        for part in vars(node).values():
            yield from nodes_in(part, kind)
    elif isinstance(node, tuple):
        for part in node:
            yield from nodes_in(part, kind)


def check_bounds(nodes: Iterable[s.Expression | None], refuse: Refuse) -> None:
    """Refuse window bounds where only the SELECT list may have them."""
    for node in nodes:
        for name in nodes_in(node, s.Name):
            if name.name in BOUNDS:
                reason = (
                    f"Window bounds column {name.name} can only be used in the SELECT clause of windowed aggregations "
                    "and can not be passed to aggregate functions."
                )
                raise refuse(f"{reason}\nSee https://github.com/confluentinc/ksql/issues/4397", name.place)


def _as_written(call: s.Call) -> str:
    return f"{call.name}(ROWTIME)" if not call.arguments else wording.text(call)


def _expressions(asked: Question) -> tuple[Typed, ...]:
    query, resolver = asked.query, asked.resolver
    if not query.group:
        raise asked.refuse("GROUP BY requires at least one expression", query.place)
    resolver.clause, resolver.aggregates = "GROUP BY", False
    made: list[Typed] = []
    for node in query.group:
        expression = resolver.resolve(node)
        if expression in made:
            shown = wording.text(node, query.alias or asked.source.name)
            raise asked.refuse(f"Duplicate GROUP BY expression: {shown}", node.place)
        made.append(expression)
    return tuple(made)


def _check_aggregations(asked: Question, aggregations: tuple[Aggregation, ...]) -> None:
    query, source = asked.query, asked.source
    for argument in (argument for each in aggregations for argument in each.arguments):
        if any(isinstance(part, Pseudo) and part.name in BOUNDS for part in walk(argument)):
            check_bounds([item.expression for item in query.items if isinstance(item, s.Item)], asked.refuse)
    if source.is_table:
        wrong = list(dict.fromkeys(each.name for each in aggregations if not each.function.can_undo))
        if wrong:
            what = f"function {wrong[0]}" if len(wrong) == 1 else f"functions {listed(wrong)}"
            reason = f"The aggregation {what} cannot be applied to a table source, only to a stream source."
            raise asked.refuse(reason, query.place)
    states = [each.function.intermediate or each.type for each in aggregations]
    if source.value_format == "DELIMITED" and any(isinstance(state, t.Array | t.Map | t.Struct) for state in states):
        reason = (
            "One of the functions used in the statement has an intermediate type that the value format can not handle. "
            "Please remove the function or change the format."
        )
        raise asked.refuse(reason, query.place)


def _check_selected(columns: list[Selected], by: tuple[Typed, ...], refuse: Refuse) -> None:
    wrong = [each for each in columns if not _is_covered(each.output.expression, by)]
    if wrong:
        shown = [wording.text(each.node) for each in wrong]
        raise refuse(_not_grouped(shown), wrong[0].place)


def _not_grouped(shown: list[str]) -> str:
    reason = f"Non-aggregate SELECT expression(s) not part of GROUP BY: {', '.join(shown)}"
    return f"{reason}\nEither add the column(s) to the GROUP BY or remove them from the SELECT."


def _check_having(query: s.Select, having: Typed, by: tuple[Typed, ...], refuse: Refuse) -> None:
    wrong = list(dict.fromkeys(_uncovered(having, by)))
    if wrong:
        shown = ", ".join(part.name if isinstance(part, Read) else str(part) for part in wrong)
        assert query.having is not None
        raise refuse(f"Non-aggregate HAVING expression not part of GROUP BY: {shown}", query.having.place)


def _is_covered(expression: Typed, by: tuple[Typed, ...]) -> bool:
    return next(_uncovered(expression, by), None) is None


def _uncovered(expression: Typed, by: tuple[Typed, ...]) -> Iterator[Typed]:
    """The columns that are neither in a group's key nor inside an aggregate."""
    if expression in by or isinstance(expression, Constant | Aggregation):
        return
    if isinstance(expression, Read) or (isinstance(expression, Pseudo) and expression.name not in BOUNDS):
        yield expression
    for part in parts_of(expression):
        yield from _uncovered(part, by)
