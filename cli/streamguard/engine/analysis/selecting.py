"""The SELECT list: stars written out, every column with its name and its typed expression."""

from __future__ import annotations

from streamguard.engine.analysis.grouping import BOUNDS, Output, Question, Selected
from streamguard.engine.analysis.typed import Field, Pseudo, Read, Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import meant
from streamguard.engine.language.wording import text


def selected(asked: Question, by: tuple[Typed, ...] | None) -> list[Selected]:
    """The columns of a query, in order. `by`: the PARTITION BY expressions, which a star brings along."""
    taken = {column.name for column in (*asked.source.columns, *asked.source.headers)} | {
        item.alias for item in asked.query.items if isinstance(item, s.Item) and item.alias
    }
    made: list[Selected] = []
    for item in asked.query.items:
        match item:
            case s.Star():
                made += _star(asked, item, by, taken)
            case s.StructStar():
                made += _struct_star(asked, item)
            case s.Item():
                name = item.alias or _default_name(item.expression, taken)
                expression = asked.resolver.resolve(item.expression)
                made.append(Selected(Output(name, expression), item.expression, item.place))
    return made


def _star(asked: Question, item: s.Star, by: tuple[Typed, ...] | None, taken: set[str]) -> list[Selected]:
    query, source = asked.query, asked.source
    if item.source is not None and item.source not in (query.alias or source.name, source.name):
        raise asked.refuse(f"no source {item.source} in this query{meant(item.source, [source.name])}", item.place)
    made = []
    keyed = query.partition is None
    for column in (*(source.columns if keyed else source.values), *source.headers, *(() if keyed else source.keys)):
        read = Read(column.name, column.type, column in source.keys)
        made.append(Selected(Output(column.name, read), s.Name(column.name), item.place))
    if asked.sink is None and source.window is not None:
        bounds = [Selected(Output(name, Pseudo(name, t.BIGINT)), s.Name(name), item.place) for name in BOUNDS]
        made[len(source.keys) : len(source.keys)] = bounds
    for node, expression in zip(query.partition or (), by or (), strict=False):
        if not isinstance(expression, Read):
            made.append(Selected(Output(_default_name(node, taken), expression), node, item.place))
    places = {expression: number for number, expression in enumerate(by or ())}
    return sorted(made, key=lambda each: places.get(each.output.expression, len(places)))  # the key comes first


def _struct_star(asked: Question, item: s.StructStar) -> list[Selected]:
    struct = asked.resolver.resolve(item.struct)
    if not isinstance(struct.type, t.Struct):
        reason = f"Cannot use '->*' on {text(item.struct)}, which is {struct.type}: it works on a STRUCT"
        raise asked.refuse(reason, item.place)
    return [
        Selected(Output(name, Field(struct, name, kind)), s.FieldOf(item.struct, name), item.place)
        for name, kind in struct.type.fields
    ]


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
