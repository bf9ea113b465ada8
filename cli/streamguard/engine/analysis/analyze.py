"""A query against what exists: ksqlDB's rules for sources, keys and the columns of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streamguard.engine.analysis.grouping import (
    BOUND_TYPES,
    BOUNDS,
    Grouping,
    Output,
    Question,
    Selected,
    check_bounds,
    check_ungrouped,
    grouped,
    nodes_in,
)
from streamguard.engine.analysis.metastore import Metastore, Source, SourceWindow
from streamguard.engine.analysis.refusals import Refuse, find, listed
from streamguard.engine.analysis.resolve import PSEUDO, Resolver
from streamguard.engine.analysis.schemas import map_key_refusal
from streamguard.engine.analysis.selecting import selected
from streamguard.engine.analysis.typed import Read, TableCall, Typed, walk
from streamguard.engine.functions import TABLE_FUNCTIONS
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language import wording

NOTHING: Mapping[str, str] = MappingProxyType({})
RESERVED = (*PSEUDO, *BOUNDS)
NEW_PLANNER = "ksql.new.query.planner.enabled"


@dataclass(frozen=True)
class Analysis:
    """A query, understood. `keys` empty: the record key is null; `values` in the order of the SELECT list.

    `partitioned`: PARTITION BY makes the key. `grouping`: GROUP BY does, and the result is a table.
    """

    source: Source
    where: Typed | None
    keys: tuple[Output, ...]
    values: tuple[Output, ...]
    partitioned: bool = False
    grouping: Grouping | None = None

    @property
    def kind(self) -> str:
        """STREAM or TABLE."""
        return "TABLE" if self.grouping is not None or self.source.is_table else "STREAM"

    @property
    def window(self) -> SourceWindow | None:
        """The windows that the keys of the result have."""
        if self.grouping is not None:
            return None if self.grouping.window is None else self.grouping.window.of_source
        return None if self.partitioned else self.source.window


def analyze(
    query: s.Select,
    metastore: Metastore,
    refuse: Refuse,
    *,
    sink: str | None = None,
    kind: str = "STREAM",
    session: Mapping[str, str] = NOTHING,
) -> Analysis:
    """Understand a query. `sink` is the name that a persistent query writes, None for a push query.

    `kind` is what a CREATE … AS asks for, `session` the properties in force.
    """
    source = find(query.source, metastore, query.source_place, refuse)
    resolver = Resolver(source, query.alias, refuse, pseudo=_pseudo(query, source), properties=session)
    asked = Question(query, source, resolver, refuse, sink)
    _check_built(asked)
    _check_reserved(asked)
    where = _where(asked)
    by = _partition(asked)
    resolver.clause, resolver.aggregates = "SELECT", True
    columns = selected(asked, by)
    having = _having(asked)
    grouping = None
    if query.group is None:
        check_ungrouped(asked, columns, kind)
    else:
        grouping = grouped(asked, columns, having)
    _check_columns(asked, columns)
    if sink is None:
        return Analysis(source, where, (), tuple(each.output for each in columns), grouping=grouping)
    wanted = _wanted(asked, by, grouping, columns, session)
    keys = _keys(asked, wanted, columns)
    values = tuple(each.output for each in columns if each.output not in keys)
    if not values:
        raise refuse("The projection contains no value columns.", query.place)
    return Analysis(source, where, keys, values, by is not None, grouping)


def _check_built(asked: Question) -> None:
    """Refuse what ksqlDB does not have for such sources, and what this engine does not have yet."""
    query, source, refuse = asked.query, asked.source, asked.refuse
    if query.joins:
        raise refuse("JOIN is not supported yet by the embedded engine", query.joins[0].place)
    if query.partition is not None and query.group is not None:
        raise refuse("GROUP BY and PARTITION BY can not be used together.", query.place)
    if source.is_table:
        _check_table(asked)
    if query.group is not None:
        for call in nodes_in(query.items, s.Call):
            if call.name in TABLE_FUNCTIONS:
                raise refuse("Table functions cannot be used with aggregations.", call.place)
    if source.value_format == "KAFKA" and query.group is not None:
        reason = (
            f"Source(s) {source.name} are using the 'KAFKA' value format. This format does not yet support GROUP BY.\n"
            "See https://docs.ksqldb.io/en/latest/reference/serialization for more info."
        )
        raise refuse(reason, query.source_place)


def _check_table(asked: Question) -> None:
    query, refuse = asked.query, asked.refuse
    if asked.source.window is not None and asked.sink is not None:
        raise refuse("KSQL does not support persistent queries on windowed tables.", query.source_place)
    if query.partition is not None:
        raise refuse("Cannot repartition a TABLE source: PARTITION BY works on streams only.", query.place)
    if query.window is not None:
        raise refuse("Windowing not supported for table aggregations.", query.window.place)


def _pseudo(query: s.Select, source: Source) -> Mapping[str, t.Type]:
    """The pseudo columns of the query: window bounds too, where the source or the result has windows."""
    return {**PSEUDO, **BOUND_TYPES} if source.window is not None or query.window is not None else PSEUDO


def _check_reserved(asked: Question) -> None:
    """Refuse reserved names as names of columns, and window bounds where there are no windows yet."""
    query = asked.query
    for item in query.items:
        if not isinstance(item, s.Item):
            continue
        if item.alias in RESERVED:
            reason = f"`{item.alias}` is a reserved column name. You cannot use it as an alias for a column."
            raise asked.refuse(reason, item.place)
        name = item.expression.name if isinstance(item.expression, s.Name) and item.alias is None else None
        if asked.sink is not None and name in RESERVED:
            reason = f"Reserved column name in select: `{name}`. Please remove or alias the column."
            raise asked.refuse(reason, item.expression.place)
    if query.window is not None and asked.source.window is None:
        check_bounds([*(query.group or ()), query.having], asked.refuse)


def _where(asked: Question) -> Typed | None:
    where, source = asked.query.where, asked.source
    if where is None:
        return None
    if source.window is None and asked.query.window is not None:
        for name in nodes_in(where, s.Name):
            if name.name in BOUNDS and source.column(name.name) is None:
                raise asked.refuse(f"Error in WHERE expression: Unknown column {name.name}.", name.place)
    return asked.resolver.condition(where, "WHERE")


def _having(asked: Question) -> Typed | None:
    if asked.query.having is None or asked.query.group is None:
        return None
    return asked.resolver.condition(asked.query.having, "HAVING")


def _partition(asked: Question) -> tuple[Typed, ...] | None:
    """The PARTITION BY expressions; none of them for PARTITION BY NULL; None without the clause."""
    query, resolver = asked.query, asked.resolver
    if query.partition is None:
        return None
    if not query.partition:
        raise asked.refuse("PARTITION BY requires at least one expression", query.place)
    resolver.clause = "PARTITION BY"
    aliases = [item.alias for item in query.items if isinstance(item, s.Item) and item.alias]
    made = []
    for node in query.partition:
        if isinstance(node, s.Name) and asked.source.column(node.name) is None and node.name in aliases:
            reason = (
                f"PARTITION BY column '{node.name}' cannot be resolved. '{node.name}' must be a column in the source "
                "schema since PARTITION BY is applied on the input."
            )
            raise asked.refuse(reason, node.place)
        made.append(resolver.resolve(node))
    if any(expression.type == t.NULL for expression in made):
        if len(made) > 1:
            raise asked.refuse("Cannot PARTITION BY multiple columns including NULL", query.place)
        return ()
    return tuple(made)


def _check_columns(asked: Question, columns: list[Selected]) -> None:
    seen: set[str] = set()
    for each in columns:
        name, expression = each.output.name, each.output.expression
        if name in seen:
            shown = f"{t.quoted(name)} {expression.type}"
            raise asked.refuse(f"Duplicate value columns found in schema: {shown}", each.place)
        if expression.type == t.NULL and asked.sink is not None:
            raise asked.refuse(f"the column {name} has no type: write CAST(NULL AS …)", each.place)
        if asked.source.is_table and any(isinstance(part, TableCall) for part in walk(expression)):
            raise asked.refuse("Table source is not supported with table functions", each.place)
        seen.add(name)


def _wanted(
    asked: Question,
    by: tuple[Typed, ...] | None,
    grouping: Grouping | None,
    columns: list[Selected],
    session: Mapping[str, str],
) -> tuple[Typed, ...]:
    """What the key of the result is made of: groups, PARTITION BY, or the key columns of the source.

    ksqlDB's new planner lets a stream's query leave the key out, which takes it away.
    """
    if grouping is not None:
        return grouping.by
    if by is not None:
        return by
    keys = tuple(Read(key.name, key.type, is_key=True) for key in asked.source.keys)
    optional = session.get(NEW_PLANNER, "false").lower() == "true" and not asked.source.is_table
    if optional and not any(each.output.expression in keys for each in columns):
        return ()
    return keys


def _keys(asked: Question, wanted: tuple[Typed, ...], columns: list[Selected]) -> tuple[Output, ...]:
    """The columns of the SELECT list that make the key, in the key's order."""
    made: list[Output] = []
    missing: list[int] = []
    for number, expression in enumerate(wanted):
        found = [each for each in columns if each.output.expression == expression]
        if not found:
            missing.append(number)
            continue
        if len(found) > 1:
            raise asked.refuse(_twice([each.output.name for each in found], expression, asked.query), found[1].place)
        reason = map_key_refusal(found[0].output.name, expression.type)
        if reason is not None:
            raise asked.refuse(reason, found[0].place)
        made.append(found[0].output)
    if missing:
        raise asked.refuse(_missing(asked, missing), asked.query.place)
    return tuple(made)


def _twice(names: list[str], expression: Typed, query: s.Select) -> str:
    if query.group is not None or query.partition is not None:
        shown = listed([f"`{name}`" for name in names])
        reason = f"The projection contains a key column more than once: {shown}."
    else:
        key = expression.name if isinstance(expression, Read) else str(expression)
        reason = f"The projection contains a key column (`{key}`) more than once, aliased as: {listed(names)}."
    return (
        f"{reason}\nEach key column must only be in the projection once. If you intended to copy the key into the "
        "value, then consider using the AS_VALUE function to indicate which key reference should be copied."
    )


def _missing(asked: Question, missing: list[int]) -> str:
    query, source = asked.query, asked.source
    if query.group is not None:
        what, shown = "grouping expression", [wording.text(query.group[number]) for number in missing]
    elif query.partition is not None:
        qualifier = query.alias or source.name
        what, shown = "partitioning expression", [wording.text(each, qualifier) for each in query.partition]
    else:
        what, shown = "key column", [key.name for key in source.keys]
    plural = "s" if len(shown) > 1 else ""
    return (
        f"Key missing from projection (ie, SELECT).\nThe query used to build `{asked.sink}` must include the "
        f"{what}{plural} {listed(shown)} in its projection (eg, SELECT {', '.join(shown)}...)."
    )
