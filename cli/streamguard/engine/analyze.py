"""A query against what exists: ksqlDB's rules for sources, keys and the columns of the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from streamguard.engine import syntax as s
from streamguard.engine import types as t
from streamguard.engine import wording
from streamguard.engine.grouping import (
    BOUND_TYPES,
    BOUNDS,
    Grouping,
    Output,
    Selected,
    check_bounds,
    check_ungrouped,
    grouped,
    names_in,
)
from streamguard.engine.metastore import Metastore, Source, SourceWindow
from streamguard.engine.refusals import Refuse, find, listed
from streamguard.engine.resolve import PSEUDO, Resolver
from streamguard.engine.schemas import map_key_refusal
from streamguard.engine.selecting import selected
from streamguard.engine.typed import Aggregation, Read, TableCall, Typed, walk

NOTHING: Mapping[str, str] = MappingProxyType({})
RESERVED = (*PSEUDO, *BOUNDS)


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
    sink: str | None,
    kind: str = "STREAM",
    session: Mapping[str, str] = NOTHING,
) -> Analysis:
    """Understand a query. `sink` is the name that a persistent query writes, None for a push query.

    `kind` is what a CREATE … AS asks for, `session` the properties in force.
    """
    source = find(query.source, metastore, query.source_place, refuse)
    _check_built(query, source, sink, refuse)
    resolver = Resolver(source, query.alias, refuse, pseudo=_pseudo(query, source), properties=session)
    _check_reserved(query, source, sink, refuse)
    where = _where(query, source, resolver, refuse)
    by = _partition(query, resolver, refuse)
    resolver.clause, resolver.aggregates = "SELECT", True
    columns = selected(query, source, resolver, by, refuse)
    having = _having(query, resolver, refuse)
    grouping = None
    if query.group is not None:
        grouping = grouped(query, source, resolver, columns, having, refuse)
    else:
        check_ungrouped(query, columns, kind, refuse)
    _check_columns(columns, sink, refuse)
    if sink is None:
        return Analysis(source, where, (), tuple(each.output for each in columns), grouping=grouping)
    keys = _keys(query, source, grouping, by, columns, sink, refuse)
    values = tuple(each.output for each in columns if each.output not in keys)
    if not values:
        raise refuse("The projection contains no value columns.", query.place)
    return Analysis(source, where, keys, values, by is not None, grouping)


def _check_built(query: s.Select, source: Source, sink: str | None, refuse: Refuse) -> None:
    """Refuse what ksqlDB does not have for such sources, and what this engine does not have yet."""
    if query.joins:
        raise refuse("JOIN is not supported yet by the embedded engine", query.joins[0].place)
    if query.partition is not None and sink is None:
        reason = "PARTITION BY in a push query is not supported yet by the embedded engine"
        raise refuse(reason, query.partition[0].place if query.partition else query.place)
    if query.partition is not None and query.group is not None:
        raise refuse("GROUP BY and PARTITION BY can not be used together.", query.place)
    if source.is_table and source.window is not None and sink is not None:
        raise refuse("KSQL does not support persistent queries on windowed tables.", query.source_place)
    if source.is_table and query.partition is not None:
        raise refuse("PARTITION BY is not supported on tables: it works on streams only.", query.place)
    if source.is_table and query.window is not None:
        raise refuse("WINDOW clause is not supported on tables: it works on streams only.", query.window.place)
    if source.value_format == "KAFKA" and query.group is not None:
        reason = (
            f"Source(s) {source.name} are using the 'KAFKA' value format. This format does not yet support GROUP BY.\n"
            "See https://docs.ksqldb.io/en/latest/reference/serialization for more info."
        )
        raise refuse(reason, query.source_place)


def _pseudo(query: s.Select, source: Source) -> Mapping[str, t.Type]:
    """The pseudo columns of the query: window bounds too, where the source or the result has windows."""
    return {**PSEUDO, **BOUND_TYPES} if source.window is not None or query.window is not None else PSEUDO


def _check_reserved(query: s.Select, source: Source, sink: str | None, refuse: Refuse) -> None:
    """Refuse reserved names as names of columns, and window bounds where there are no windows yet."""
    for item in query.items:
        if not isinstance(item, s.Item):
            continue
        if item.alias in RESERVED:
            reason = f"`{item.alias}` is a reserved column name. You cannot use it as an alias for a column."
            raise refuse(reason, item.place)
        name = item.expression.name if isinstance(item.expression, s.Name) and item.alias is None else None
        if sink is not None and name in RESERVED:
            reason = f"Reserved column name in select: `{name}`. Please remove or alias the column."
            raise refuse(reason, item.expression.place)
    if query.window is not None and source.window is None:
        check_bounds([*(query.group or ()), query.having], refuse)


def _where(query: s.Select, source: Source, resolver: Resolver, refuse: Refuse) -> Typed | None:
    if query.where is None:
        return None
    if source.window is None:
        for name in names_in(query.where):
            if query.window is not None and name.name in BOUNDS and source.column(name.name) is None:
                raise refuse(f"Error in WHERE expression: Unknown column {name.name}.", name.place)
    made = resolver.condition(query.where, "WHERE")
    for part in walk(made):
        if isinstance(part, Aggregation | TableCall):
            what = "aggregate" if isinstance(part, Aggregation) else "table"
            raise refuse(f"{what.title()} functions are not supported in the WHERE clause.", query.where.place)
    return made


def _having(query: s.Select, resolver: Resolver, refuse: Refuse) -> Typed | None:
    if query.having is None or query.group is None:
        return None
    made = resolver.condition(query.having, "HAVING")
    if any(isinstance(part, TableCall) for part in walk(made)):
        raise refuse("Table functions are not supported in the HAVING clause.", query.having.place)
    return made


def _partition(query: s.Select, resolver: Resolver, refuse: Refuse) -> tuple[Typed, ...] | None:
    """The PARTITION BY expressions; none of them for PARTITION BY NULL; None without the clause."""
    if query.partition is None:
        return None
    if not query.partition:
        raise refuse("PARTITION BY requires at least one expression", query.place)
    resolver.clause = "PARTITION BY"
    aliases = [item.alias for item in query.items if isinstance(item, s.Item) and item.alias]
    made = []
    for node in query.partition:
        if isinstance(node, s.Name) and resolver.source.column(node.name) is None and node.name in aliases:
            reason = (
                f"PARTITION BY column '{node.name}' cannot be resolved. '{node.name}' must be a column in the source "
                "schema since PARTITION BY is applied on the input."
            )
            raise refuse(reason, node.place)
        made.append(resolver.resolve(node))
    if any(expression.type == t.NULL for expression in made):
        if len(made) > 1:
            raise refuse("Cannot PARTITION BY multiple columns including NULL", query.place)
        return ()
    return tuple(made)


def _check_columns(columns: list[Selected], sink: str | None, refuse: Refuse) -> None:
    seen: set[str] = set()
    for each in columns:
        name, expression = each.output.name, each.output.expression
        if name in seen:
            shown = f"{t.quoted(name)} {expression.type}"
            raise refuse(f"Duplicate value columns found in schema: {shown}", each.place)
        if expression.type == t.NULL and sink is not None:
            raise refuse(f"the column {name} has no type: write CAST(NULL AS …)", each.place)
        if any(isinstance(part, TableCall) for part in walk(expression)):
            raise refuse("table functions are not supported yet by the embedded engine", each.place)
        seen.add(name)


def _keys(
    query: s.Select,
    source: Source,
    grouping: Grouping | None,
    by: tuple[Typed, ...] | None,
    columns: list[Selected],
    sink: str,
    refuse: Refuse,
) -> tuple[Output, ...]:
    """The columns of the SELECT list that make the key, in the key's order."""
    wanted = by if by is not None else tuple(Read(key.name, key.type, is_key=True) for key in source.keys)
    if grouping is not None:
        wanted = grouping.by
    made: list[Output] = []
    missing: list[int] = []
    for number, expression in enumerate(wanted):
        found = [each for each in columns if each.output.expression == expression]
        if not found:
            missing.append(number)
            continue
        if len(found) > 1:
            raise refuse(_twice([each.output.name for each in found], expression, query), found[1].place)
        reason = map_key_refusal(found[0].output.name, expression.type)
        if reason is not None:
            raise refuse(reason, found[0].place)
        made.append(found[0].output)
    if missing:
        raise refuse(_missing(query, source, wanted if not missing else wanted, missing, sink), query.place)
    return tuple(made)


def _twice(names: list[str], expression: Typed, query: s.Select) -> str:
    if query.group is not None or query.partition is not None:
        shown = listed([f"`{name}`" for name in names])
        reason = f"The projection contains a key column more than once: {shown}."
    else:
        key = expression.name if isinstance(expression, Read) else str(expression)
        reason = f"The projection contains a key column (`{key}`) more than once, aliased as: {listed(names)}."
    return f"{reason}\nEach key column must only be in the projection once. If you intended to copy the key into the value, then consider using the AS_VALUE function to indicate which key reference should be copied."


def _missing(query: s.Select, source: Source, wanted: tuple[Typed, ...], missing: list[int], sink: str) -> str:
    if query.group is not None:
        what, shown = "grouping expression", [wording.text(query.group[number]) for number in missing]
    elif query.partition is not None:
        qualifier = query.alias or source.name
        what, shown = "partitioning expression", [wording.text(query.partition[n], qualifier) for n in missing]
    else:
        what, shown = "key column", [source.keys[number].name for number in range(len(wanted))]
    plural = "s" if len(shown) > 1 else ""
    return (
        f"Key missing from projection (ie, SELECT).\nThe query used to build `{sink}` must include the {what}{plural} "
        f"{listed(shown)} in its projection (eg, SELECT {', '.join(shown)}...)."
    )
