"""A tree back to SQL that parses to the same tree."""

from __future__ import annotations

import re

from streamguard.engine import syntax as s
from streamguard.engine import types as t
from streamguard.engine.reader import RESERVED

PLAIN = re.compile(r"[A-Z_][A-Z0-9_@]*", re.ASCII)
# names that start a construct where a column could stand
STARTS = frozenset(("ARRAY", "MAP", "STRUCT", "EMIT", "PARTITION", "ESCAPE"))


def statement(node: s.Statement) -> str:
    """The statement without a semicolon."""
    match node:
        case s.CreateStream():
            columns = ", ".join(f"{name(c.name)} {kind(c.type)}{' KEY' if c.is_key else ''}" for c in node.columns)
            return f"{_create(node)}{f' ({columns})' if columns else ''}{_with(node.properties)}"
        case s.CreateStreamAs():
            return f"{_create(node)}{_with(node.properties)} AS {select(node.query)}"
        case s.InsertInto():
            return f"INSERT INTO {name(node.target)}{_with(node.properties)} {select(node.query)}"
        case s.Query():
            return select(node.query)
        case s.Explain():
            return "EXPLAIN " + (statement(node.statement) if node.statement else name(node.query_id or ""))
        case _:
            return _short(node)


def _create(node: s.CreateStream | s.CreateStreamAs) -> str:
    replace = " OR REPLACE" if node.or_replace else ""
    exists = " IF NOT EXISTS" if node.if_not_exists else ""
    return f"CREATE{replace} STREAM{exists} {name(node.name)}"


def _with(properties: tuple[s.Property, ...]) -> str:
    return f" WITH ({', '.join(f'{name(p.name)} = {literal(p.value)}' for p in properties)})" if properties else ""


def _short(node: s.Statement) -> str:
    match node:
        case s.Show():
            return f"SHOW {'ALL ' if node.everything else ''}{node.what}{' EXTENDED' if node.extended else ''}"
        case s.Describe():
            return f"DESCRIBE {name(node.name)}{' EXTENDED' if node.extended else ''}"
        case s.Terminate():
            return f"TERMINATE {'ALL' if node.query_id is None else name(node.query_id)}"
        case s.Drop():
            exists = "IF EXISTS " if node.if_exists else ""
            return f"DROP {node.kind} {exists}{name(node.name)}{' DELETE TOPIC' if node.delete_topic else ''}"
        case s.SetProperty():
            return (
                f"UNSET {literal(node.name)}"
                if node.value is None
                else f"SET {literal(node.name)} = {literal(node.value)}"
            )
        case s.Define():
            return (
                f"UNDEFINE {name(node.name)}"
                if node.value is None
                else f"DEFINE {name(node.name)} = {literal(node.value)}"
            )
        case _:
            raise TypeError(f"no printed form of {type(node).__name__}")


def select(node: s.Select) -> str:
    """A query."""
    items = ", ".join(map(_item, node.items))
    parts = [f"SELECT {items} FROM {name(node.source)}"]  # noqa: S608  not sent to a database
    if node.alias is not None:
        parts.append(f"AS {name(node.alias)}")
    if node.where is not None:
        parts.append(f"WHERE {expression(node.where)}")
    if node.partition is not None:
        parts.append(f"PARTITION BY {', '.join(map(expression, node.partition))}")
    if node.emit_changes:
        parts.append("EMIT CHANGES")
    if node.limit is not None:
        parts.append(f"LIMIT {node.limit}")
    return " ".join(parts)


def _item(item: s.Item | s.Star) -> str:
    if isinstance(item, s.Star):
        return "*" if item.source is None else f"{name(item.source)}.*"
    return expression(item.expression) + ("" if item.alias is None else f" AS {name(item.alias)}")


def expression(node: s.Expression) -> str:
    """An expression; parts that are not simple stand in parentheses, so that no precedence is needed to read it."""
    match node:
        case s.Name():
            return name(node.name) if node.source is None else f"{name(node.source)}.{name(node.name)}"
        case s.Literal():
            return literal(node.value)
        case s.DecimalLiteral():
            return node.text
        case s.FieldOf():
            return f"{_part(node.struct)}->{name(node.name)}"
        case s.Unary():
            return f"{node.operator} {_part(node.operand)}"
        case s.Binary():
            return f"{_part(node.left)} {node.operator} {_part(node.right)}"
        case s.Cast():
            return f"CAST({expression(node.operand)} AS {kind(node.type)})"
        case s.Call():
            return f"{node.name}({', '.join(map(expression, node.arguments))})"
        case s.Case():
            return _case(node)
        case _:
            return _predicate(node)


def _predicate(node: s.IsNull | s.IsDistinct | s.Between | s.In | s.Like) -> str:
    no = "NOT " if node.negated else ""
    match node:
        case s.IsNull():
            return f"{_part(node.operand)} IS {no}NULL"
        case s.IsDistinct():
            return f"{_part(node.left)} IS {no}DISTINCT FROM {_part(node.right)}"
        case s.Between():
            return f"{_part(node.operand)} {no}BETWEEN {_part(node.low)} AND {_part(node.high)}"
        case s.In():
            return f"{_part(node.operand)} {no}IN ({', '.join(map(expression, node.choices))})"
        case s.Like():
            escape = "" if node.escape is None else f" ESCAPE {literal(node.escape)}"
            return f"{_part(node.operand)} {no}LIKE {_part(node.pattern)}{escape}"


def _case(node: s.Case) -> str:
    operand = "" if node.operand is None else f" {expression(node.operand)}"
    branches = "".join(f" WHEN {expression(when)} THEN {expression(then)}" for when, then in node.branches)
    otherwise = "" if node.otherwise is None else f" ELSE {expression(node.otherwise)}"
    return f"CASE{operand}{branches}{otherwise} END"


def _part(node: s.Expression) -> str:
    text = expression(node)
    simple = isinstance(node, s.Name | s.FieldOf | s.Cast | s.Call | s.Case | s.Literal | s.DecimalLiteral)
    return f"({text})" if not simple or text.startswith("-") else text


def literal(value: bool | int | float | str | None) -> str:
    """A literal; floats always with an exponent, because a number without one is a DECIMAL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, float):
        text = repr(value)
        return text if "e" in text else f"{text}E0"
    return str(value)


def name(text: str) -> str:
    """A name, quoted if it must be."""
    if PLAIN.fullmatch(text) and text not in RESERVED and text not in STARTS:
        return text
    return "`" + text.replace("`", "``") + "`"


def kind(of: t.Type) -> str:
    """A type; field names as in `name`."""
    match of:
        case t.Struct():
            return "STRUCT<" + ", ".join(f"{name(field)} {kind(inner)}" for field, inner in of.fields) + ">"
        case t.Array():
            return f"ARRAY<{kind(of.element)}>"
        case t.Map():
            return f"MAP<{kind(of.key)}, {kind(of.value)}>"
        case _:
            return str(of)
