"""A tree back to SQL that parses to the same tree."""

from __future__ import annotations

import re

from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.reader import RESERVED
from streamguard.engine.language.types import quoted, text_literal

PLAIN = re.compile(r"[A-Z_][A-Z0-9_@]*", re.ASCII)
# names that start a construct where a column could stand
STARTS = frozenset(("ARRAY", "MAP", "STRUCT", "EMIT", "PARTITION", "ESCAPE"))

DESCRIBED = ("STREAMS", "TABLES", "FUNCTION", "CONNECTOR")
NUMBERS = frozenset("0123456789.")  # a minus in front of a number would be a part of it
ARITHMETIC = ("+", "-", "*", "/", "%")
SIMPLE = (
    s.Name,
    s.FieldOf,
    s.Cast,
    s.Call,
    s.Case,
    s.Literal,
    s.DecimalLiteral,
    s.Subscript,
    s.ArrayOf,
    s.MapOf,
    s.StructOf,
)


def statement(node: s.Statement) -> str:
    """The statement without a semicolon."""
    match node:
        case s.CreateSource():
            source = " SOURCE" if node.is_source else ""
            made = created(f"{source} {node.kind}", node.name, node.or_replace, node.if_not_exists)
            return f"{made}{_columns(node.columns)}{_with(node.properties)}"
        case s.CreateAs():
            made = created(f" {node.kind}", node.name, node.or_replace, node.if_not_exists)
            return f"{made}{_with(node.properties)} AS {select(node.query)}"
        case s.InsertInto():
            return f"INSERT INTO {name(node.target)}{_with(node.properties)} {select(node.query)}"
        case s.InsertValues():
            return f"INSERT INTO {name(node.target)}{_names(node.columns)} VALUES {_list(node.values)}"  # noqa: S608
        case s.Query():
            return select(node.query)
        case s.Explain():
            return "EXPLAIN " + (statement(node.statement) if node.statement else name(node.query_id or ""))
        case _:
            return _short(node)


def created(what: str, of: str, or_replace: bool, if_not_exists: bool) -> str:
    """How a statement begins that makes something: ``CREATE OR REPLACE STREAM IF NOT EXISTS X``."""
    return f"CREATE{' OR REPLACE' if or_replace else ''}{what}{' IF NOT EXISTS' if if_not_exists else ''} {name(of)}"


def opening(node: s.Statement) -> str:
    """What a statement is about, in a few words: ``CREATE STREAM X``, ``INSERT INTO X``."""
    match node:
        case s.CreateSource() | s.CreateAs():
            return created(f" {node.kind}", node.name, node.or_replace, False)
        case s.InsertInto() | s.InsertValues():
            return f"INSERT INTO {name(node.target)}"
        case s.Query():
            return f"SELECT FROM {name(node.query.source)}"
        case _:
            return " ".join(statement(node).split()[:3])


def _columns(columns: tuple[s.Column, ...]) -> str:
    return f" ({', '.join(map(column, columns))})" if columns else ""


def column(node: s.Column) -> str:
    """A column as it is declared: ``ID INTEGER KEY``."""
    ending = ""
    if node.is_key:
        ending = " PRIMARY KEY" if node.is_primary else " KEY"
    elif node.header is not None:
        ending = f" HEADER({literal(node.header)})" if node.header else " HEADERS"
    return f"{name(node.name)} {kind(node.type)}{ending}"


def _names(names: tuple[str, ...] | None) -> str:
    return "" if names is None else f" ({', '.join(map(name, names))})"


def _list(values: tuple[s.Expression, ...]) -> str:
    return f"({', '.join(map(_value, values))})"


def _with(properties: tuple[s.Property, ...]) -> str:
    return f" WITH ({', '.join(f'{name(p.name)} = {literal(p.value)}' for p in properties)})" if properties else ""


def _short(node: s.Statement) -> str:
    match node:
        case s.Show():
            return f"SHOW {'ALL ' if node.everything else ''}{node.what}{_extended(node.extended)}"
        case s.Describe():
            of = quoted(node.name) if node.name in DESCRIBED else name(node.name)
            return f"DESCRIBE {of}{_extended(node.extended)}"
        case s.DescribeAll():
            return f"DESCRIBE {node.kind}{_extended(node.extended)}"
        case s.DescribeOther():
            return f"DESCRIBE {node.kind} {name(node.name)}"
        case s.Terminate() | s.Pause() | s.Resume():
            return f"{type(node).__name__.upper()} {'ALL' if node.query_id is None else name(node.query_id)}"
        case s.Drop():
            ending = " DELETE TOPIC" if node.delete_topic else ""
            return f"DROP {node.kind} {_if_exists(node.if_exists)}{name(node.name)}{ending}"
        case s.SetProperty():
            return f"UNSET {literal(node.name)}" if node.value is None else f"SET {_set(node.name, node.value)}"
        case s.Define():
            value = "" if node.value is None else f" = {literal(node.value)}"
            return f"{'UNDEFINE' if node.value is None else 'DEFINE'} {name(node.name)}{value}"
        case s.RunScript():
            return f"RUN SCRIPT {literal(node.path)}"
        case s.PrintTopic():
            return _print(node)
        case _:
            return _definition(node)


def _definition(node: s.Statement) -> str:
    match node:
        case s.CreateType():
            return f"{created(' TYPE', node.name, False, node.if_not_exists)} AS {kind(node.type)}"
        case s.DropType():
            return f"DROP TYPE {_if_exists(node.if_exists)}{name(node.name)}"
        case s.CreateConnector():
            made = created(f" {node.kind} CONNECTOR", node.name, False, node.if_not_exists)
            return f"{made}{_with(node.properties)}"
        case s.DropConnector():
            return f"DROP CONNECTOR {_if_exists(node.if_exists)}{name(node.name)}"
        case s.Alter():
            added = ", ".join(f"ADD COLUMN {each}" for each in map(column, node.columns))
            return f"ALTER {node.kind} {name(node.name)} {added}"
        case s.AlterSystem():
            return f"ALTER SYSTEM {_set(node.name, node.value)}"
        case _:
            return _assertion(node)


def _assertion(node: s.Statement) -> str:
    match node:
        case s.AssertTopic():
            return f"{_assert(node.exists)} TOPIC {literal(node.topic)}{_with(node.properties)}{_timeout(node.timeout)}"
        case s.AssertSchema():
            subject = "" if node.subject is None else f" SUBJECT {literal(node.subject)}"
            number = "" if node.id is None else f" ID {node.id}"
            return f"{_assert(node.exists)} SCHEMA{subject}{number}{_timeout(node.timeout)}"
        case _:
            raise TypeError(f"no printed form of {type(node).__name__}")


def _assert(exists: bool) -> str:
    return "ASSERT" if exists else "ASSERT NOT EXISTS"


def _extended(extended: bool) -> str:
    return " EXTENDED" if extended else ""


def _if_exists(if_exists: bool) -> str:
    return "IF EXISTS " if if_exists else ""


def _set(of: str, value: str) -> str:
    return f"{literal(of)} = {literal(value)}"


def _timeout(timeout: int | None) -> str:
    return "" if timeout is None else f" TIMEOUT {_time(timeout)}"


def _print(node: s.PrintTopic) -> str:
    parts = [f"PRINT {literal(node.topic)}"]
    if node.from_beginning:
        parts.append("FROM BEGINNING")
    if node.interval is not None:
        parts.append(f"INTERVAL {node.interval}")
    if node.limit is not None:
        parts.append(f"LIMIT {node.limit}")
    return " ".join(parts)


def select(node: s.Select) -> str:
    """A query."""
    parts = [f"SELECT {', '.join(map(item, node.items))} FROM {_source(node.source, node.alias)}"]  # noqa: S608
    parts += map(join, node.joins)
    if node.window is not None:
        parts.append(f"WINDOW {window(node.window)}")
    if node.where is not None:
        parts.append(f"WHERE {expression(node.where)}")
    if node.group is not None:
        parts.append(f"GROUP BY {_keys(node.group)}")
    if node.partition is not None:
        parts.append(f"PARTITION BY {_keys(node.partition)}")
    if node.having is not None:
        parts.append(f"HAVING {expression(node.having)}")
    if node.emit_changes or node.final:
        parts.append("EMIT FINAL" if node.final else "EMIT CHANGES")
    if node.limit is not None:
        parts.append(f"LIMIT {node.limit}")
    return " ".join(parts)


def _keys(keys: tuple[s.Expression, ...]) -> str:
    return ", ".join(map(_value, keys)) or "()"


def _source(source: str, alias: str | None) -> str:
    return name(source) if alias is None else f"{name(source)} AS {name(alias)}"


def join(node: s.Join) -> str:
    """``LEFT JOIN X AS Y WITHIN … ON …``."""
    within = ""
    if node.within is not None:
        before, after = _time(node.within.before), _time(node.within.after)
        grace = "" if node.within.grace is None else f" GRACE PERIOD {_time(node.within.grace)}"
        within = f" WITHIN {before if before == after else f'({before}, {after})'}{grace}"
    return f"{joined(node)} {_source(node.source, node.alias)}{within} ON {expression(node.condition)}"


def joined(node: s.Join) -> str:
    """``LEFT JOIN``."""
    return f"{'FULL OUTER' if node.kind == 'OUTER' else node.kind} JOIN"


def window(node: s.Window) -> str:
    """A window as in a WINDOW clause: ``TUMBLING (SIZE 1 MINUTES)``."""
    parts = [_time(node.size) if node.kind == "SESSION" else f"SIZE {_time(node.size)}"]
    if node.advance is not None:
        parts.append(f"ADVANCE BY {_time(node.advance)}")
    if node.retention is not None:
        parts.append(f"RETENTION {_time(node.retention)}")
    if node.grace is not None:
        parts.append(f"GRACE PERIOD {_time(node.grace)}")
    return f"{node.kind} ({', '.join(parts)})"


def _time(milliseconds: int) -> str:
    """Milliseconds in the largest unit that divides them."""
    for size, unit in ((86_400_000, "DAYS"), (3_600_000, "HOURS"), (60_000, "MINUTES"), (1000, "SECONDS")):
        if milliseconds and milliseconds % size == 0:
            return f"{milliseconds // size} {unit}"
    return f"{milliseconds} MILLISECONDS"


def item(node: s.Item | s.Star | s.StructStar) -> str:
    """One of the SELECT list: ``A + 1 AS B``, ``*``, ``S->*``."""
    if isinstance(node, s.Star):
        return "*" if node.source is None else f"{name(node.source)}.*"
    if isinstance(node, s.StructStar):
        return f"{_part(node.struct)}->*"
    return expression(node.expression) + ("" if node.alias is None else f" AS {name(node.alias)}")


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
            operand = _part(node.operand)
            return f"{node.operator} ({operand})" if operand[0] in NUMBERS else f"{node.operator} {operand}"
        case s.Binary():
            return f"{_part(node.left)} {node.operator} {_part(node.right)}"
        case s.Cast():
            return f"CAST({expression(node.operand)} AS {kind(node.type)})"
        case s.Call():
            arguments = (
                "*" if node.name == "COUNT" and not node.arguments else ", ".join(map(expression, node.arguments))
            )
            return f"{name(node.name)}({arguments})"
        case s.Case():
            return _case(node)
        case s.Subscript() | s.ArrayOf() | s.MapOf() | s.StructOf() | s.Lambda() | s.AtTimeZone():
            return _nested(node)
        case _:
            return _predicate(node)


def _nested(node: s.Subscript | s.ArrayOf | s.MapOf | s.StructOf | s.Lambda | s.AtTimeZone) -> str:
    match node:
        case s.Subscript():
            return f"{_part(node.operand)}[{_value(node.index)}]"
        case s.ArrayOf():
            return f"ARRAY[{', '.join(map(expression, node.items))}]"
        case s.MapOf():
            return f"MAP({', '.join(f'{expression(key)} := {expression(value)}' for key, value in node.pairs)})"
        case s.StructOf():
            return f"STRUCT({', '.join(f'{name(field)} := {expression(value)}' for field, value in node.fields)})"
        case s.Lambda():
            return f"({', '.join(map(name, node.parameters))}) => {expression(node.body)}"
        case s.AtTimeZone():
            return f"{_part(node.operand)} AT TIME ZONE {literal(node.zone)}"


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


def _value(node: s.Expression) -> str:
    """An expression where AND, OR, NOT and predicates can not stand without parentheses."""
    logical = isinstance(node, s.Unary | s.Binary) and node.operator not in ARITHMETIC
    predicate = isinstance(node, s.IsNull | s.IsDistinct | s.Between | s.In | s.Like)
    return f"({expression(node)})" if logical or predicate else expression(node)


def _part(node: s.Expression) -> str:
    text = expression(node)
    simple = isinstance(node, SIMPLE)
    return f"({text})" if not simple or text.startswith("-") else text


def literal(value: bool | int | float | str | None) -> str:
    """A literal; floats always with an exponent, because a number without one is a DECIMAL."""
    if isinstance(value, str):
        return text_literal(value)
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
    return quoted(text)


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
