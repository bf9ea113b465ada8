"""A query's statement as ksqlDB's own formatter writes it: a clause a line, columns with their source, every alias.

ksqlDB shows this text, not the one that was sent, for running queries and in some of its errors. `printing` is the form
that parses to the same tree.
"""

from __future__ import annotations

from streamguard.engine.language import syntax as s
from streamguard.engine.language.printing import created, joined, literal, name, window
from streamguard.engine.language.wording import text

INDENT = "  "


def formatted(statement: s.CreateAs | s.InsertInto) -> str:
    """The statement, without a semicolon."""
    if isinstance(statement, s.InsertInto):
        return f"INSERT INTO {name(statement.target)}{_with(statement.properties)} {select(statement.query)}"
    head = created(f" {statement.kind}", statement.name, statement.or_replace, statement.if_not_exists)
    return f"{head}{_with(statement.properties)} AS {select(statement.query)}"


def _with(properties: tuple[s.Property, ...]) -> str:
    if not properties:
        return ""
    return f" WITH ({', '.join(f'{each.name}={literal(each.value)}' for each in properties)})"


def select(query: s.Select) -> str:
    """A query, a clause a line."""
    own = None if query.joins else query.alias or query.source
    items = [_item(item, number, own) for number, item in enumerate(query.items)]
    lines = ["SELECT " + items[0] if len(items) == 1 else "SELECT\n" + ",\n".join(INDENT + item for item in items)]
    lines.append(f"FROM {_source(query.source, query.alias)}")
    lines += [f"{joined(j)} {_source(j.source, j.alias)} ON ({text(j.condition, own)})" for j in query.joins]
    if query.window is not None:
        kind, inside = window(query.window).split(" (", 1)
        lines.append(f"WINDOW {kind} ( {inside.removesuffix(')')} ) ")
    if query.where is not None:
        lines.append(f"WHERE {text(query.where, own)}")
    if query.group is not None:
        lines.append(f"GROUP BY {_list(query.group, own)}")
    if query.partition is not None:
        lines.append(f"PARTITION BY {_list(query.partition, own)}")
    if query.having is not None:
        lines.append(f"HAVING {text(query.having, own)}")
    lines.append("EMIT FINAL" if query.final else "EMIT CHANGES")
    if query.limit is not None:
        lines.append(f"LIMIT {query.limit}")
    return "\n".join(lines)


def _list(nodes: tuple[s.Expression, ...], own: str | None) -> str:
    return ", ".join(text(node, own) for node in nodes)


def _source(source: str, alias: str | None) -> str:
    return f"{name(source)} {name(alias or source)}"


def _item(item: s.Item | s.Star | s.StructStar, number: int, own: str | None) -> str:
    if isinstance(item, s.Star):
        return "*" if item.source is None else f"{name(item.source)}.*"
    if isinstance(item, s.StructStar):
        return f"{text(item.struct, own)}->*"
    node = item.expression
    default = node.name if isinstance(node, s.Name | s.FieldOf) else f"KSQL_COL_{number}"
    return f"{text(node, own)} {name(item.alias or default)}"
