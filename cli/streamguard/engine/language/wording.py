"""Expressions as ksqlDB prints them in its messages: binary ones always in parentheses, ``MAP('a':=VAL)``."""

from __future__ import annotations

from collections.abc import Callable

from streamguard.doubles import double_text
from streamguard.engine.language import syntax as s
from streamguard.engine.language.printing import kind, name
from streamguard.engine.language.types import text_literal


def text(node: s.Expression, qualifier: str | None = None) -> str:
    """The expression; with `qualifier`, columns without a source are written as columns of it."""

    def inner(part: s.Expression) -> str:
        return text(part, qualifier)

    match node:
        case s.Name():
            source = node.source or qualifier
            return name(node.name) if source is None else f"{name(source)}.{name(node.name)}"
        case s.Literal():
            return _literal(node.value)
        case s.DecimalLiteral():
            return node.text
        case s.Unary():
            return f"(NOT {inner(node.operand)})" if node.operator == "NOT" else f"{node.operator}{inner(node.operand)}"
        case s.Binary():
            return f"({inner(node.left)} {node.operator} {inner(node.right)})"
        case s.Cast():
            return f"CAST({inner(node.operand)} AS {kind(node.type)})"
        case s.Call(name="COUNT", arguments=()) if qualifier is not None:
            return "COUNT(*)"
        case s.Call():
            return f"{node.name}({', '.join(map(inner, node.arguments))})"
        case s.Case():
            return _case(node, qualifier)
        case s.IsNull() | s.IsDistinct() | s.Between() | s.In() | s.Like():
            return _predicate(node, qualifier)
        case _:
            return _structured(node, inner)


def _structured(
    node: s.FieldOf | s.Subscript | s.ArrayOf | s.MapOf | s.StructOf | s.Lambda | s.AtTimeZone,
    inner: Callable[[s.Expression], str],
) -> str:
    match node:
        case s.FieldOf():
            return f"{inner(node.struct)}->{name(node.name)}"
        case s.Subscript():
            return f"{inner(node.operand)}[{inner(node.index)}]"
        case s.ArrayOf():
            return f"ARRAY[{', '.join(map(inner, node.items))}]"
        case s.MapOf():
            return f"MAP({', '.join(f'{inner(key)}:={inner(value)}' for key, value in node.pairs)})"
        case s.StructOf():
            return f"STRUCT({', '.join(f'{name(field)}:={inner(value)}' for field, value in node.fields)})"
        case s.Lambda():
            return f"({', '.join(map(name, node.parameters))}) => {inner(node.body)}"
        case s.AtTimeZone():
            return f"{inner(node.operand)} AT TIME ZONE {_literal(node.zone)}"


def _predicate(node: s.IsNull | s.IsDistinct | s.Between | s.In | s.Like, qualifier: str | None) -> str:
    no = "NOT " if node.negated else ""
    match node:
        case s.IsNull():
            return f"({text(node.operand, qualifier)} IS {no}NULL)"
        case s.IsDistinct():
            return f"({text(node.left, qualifier)} IS {no}DISTINCT FROM {text(node.right, qualifier)})"
        case s.Between():
            low, high = text(node.low, qualifier), text(node.high, qualifier)
            made = f"({text(node.operand, qualifier)} BETWEEN {low} AND {high})"
        case s.In():
            listed = ", ".join(text(choice, qualifier) for choice in node.choices)
            made = f"({text(node.operand, qualifier)} IN ({listed}))"
        case s.Like():
            escape = "" if node.escape is None else f" ESCAPE {_literal(node.escape)}"
            made = f"({text(node.operand, qualifier)} LIKE {text(node.pattern, qualifier)}{escape})"
    return f"(NOT {made})" if node.negated else made


def _case(node: s.Case, qualifier: str | None) -> str:
    operand = "" if node.operand is None else f" {text(node.operand, qualifier)}"
    branches = "".join(f" WHEN {text(when, qualifier)} THEN {text(then, qualifier)}" for when, then in node.branches)
    otherwise = "" if node.otherwise is None else f" ELSE {text(node.otherwise, qualifier)}"
    return f"(CASE{operand}{branches}{otherwise} END)"


def _literal(value: bool | int | float | str | None) -> str:
    if isinstance(value, str):
        return text_literal(value)
    if isinstance(value, float):
        return double_text(value)
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
