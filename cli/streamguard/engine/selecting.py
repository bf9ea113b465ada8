"""The SELECT list: stars written out, every column with its name and its typed expression."""

from __future__ import annotations

from streamguard.engine import syntax as s
from streamguard.engine import types as t
from streamguard.engine.grouping import Output, Selected
from streamguard.engine.metastore import Source
from streamguard.engine.places import Place, meant
from streamguard.engine.refusals import Refuse
from streamguard.engine.resolve import Resolver
from streamguard.engine.typed import Field, Read, Typed
from streamguard.engine.wording import text


def selected(
    query: s.Select, source: Source, resolver: Resolver, by: tuple[Typed, ...] | None, refuse: Refuse
) -> list[Selected]:
    """The columns of a query, in order. `by`: the PARTITION BY expressions, which a star brings along."""
    taken = {column.name for column in source.columns} | {
        item.alias for item in query.items if isinstance(item, s.Item) and item.alias
    }
    made: list[Selected] = []
    for item in query.items:
        match item:
            case s.Star():
                made += _star(query, source, item, by, taken, refuse)
            case s.StructStar():
                made += _struct_star(resolver, item, refuse)
            case s.Item():
                name = item.alias or _default_name(item.expression, taken)
                expression = resolver.resolve(item.expression)
                made.append(Selected(Output(name, expression), item.expression, item.place))
    return made


def _star(
    query: s.Select, source: Source, item: s.Star, by: tuple[Typed, ...] | None, taken: set[str], refuse: Refuse
) -> list[Selected]:
    alias = query.alias or source.name
    if item.source is not None and item.source not in (alias, source.name):
        raise refuse(f"no source {item.source} in this query{meant(item.source, [source.name])}", item.place)
    columns = source.columns if query.partition is None else source.values + source.keys
    made = [
        Selected(
            Output(column.name, Read(column.name, column.type, column in source.keys)), s.Name(column.name), item.place
        )
        for column in columns
    ]
    for node, expression in zip(query.partition or (), by or (), strict=False):
        if not isinstance(expression, Read):
            made.append(Selected(Output(_default_name(node, taken), expression), node, item.place))
    return made


def _struct_star(resolver: Resolver, item: s.StructStar, refuse: Refuse) -> list[Selected]:
    struct = resolver.resolve(item.struct)
    if not isinstance(struct.type, t.Struct):
        reason = f"Cannot use '->*' on {text(item.struct)}, which is {struct.type}: it works on a STRUCT"
        raise refuse(reason, item.place)
    return [
        Selected(Output(name, Field(struct, name, kind)), s.FieldOf(item.struct, name), _place(item))
        for name, kind in struct.type.fields
    ]


def _place(item: s.StructStar) -> Place:
    return item.place


def _default_name(node: s.Expression, taken: set[str]) -> str:
    return node.name if isinstance(node, s.Name) else _generated(node, taken)


def _generated(node: s.Expression, taken: set[str]) -> str:
    """ksqlDB's names for columns without one: the field's name, or KSQL_COL_0, KSQL_COL_1 …"""
    count = 0
    if isinstance(node, s.FieldOf):
        name = node.name
        while name in taken:
            count += 1
            name = f"{node.name}_{count}"
    else:
        while (name := f"KSQL_COL_{count}") in taken:
            count += 1
    taken.add(name)
    return name
