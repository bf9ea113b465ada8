"""The meaning of typed expressions, told plainly: what compiled ones are compared with."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from streamguard.doubles import double_text
from streamguard.engine.analysis.typed import Constant, Operation, Read, Typed
from streamguard.engine.language import types as t
from streamguard.engine.values import operations


def value(node: Typed, row: dict[str, Any]) -> Any:
    """The value for one row; raises ArithmeticError or ValueError where the row has none."""
    match node:
        case Constant():
            return node.value
        case Read():
            return row[node.name]
        case Operation(name="case"):
            return _case(node, row)
        case Operation(name="logic"):
            return _logic(node, row)
        case Operation(name="compare" | "in") if value(node.arguments[0], row) is None:
            return False  # as in ksqlDB, the other side is not looked at: it can not fail
        case Operation(name="is null" | "as value" | "distinct" | "compare" | "in"):
            return _operation(node, [value(argument, row) for argument in node.arguments])
        case Operation():
            return _unless_null(node, row)
    raise TypeError(node)


def _unless_null(node: Operation, row: dict[str, Any]) -> Any:
    """Of values from the left; the first null ends it: what stands to its right can not fail."""
    values = []
    for argument in node.arguments:
        values.append(value(argument, row))
        if values[-1] is None:
            return None
    return _strict(node, values)


def _case(node: Operation, row: dict[str, Any]) -> Any:
    *pairs, otherwise = node.arguments
    for condition, result in zip(pairs[::2], pairs[1::2], strict=True):
        if value(condition, row):
            return value(result, row)
    return value(otherwise, row)


def _logic(node: Operation, row: dict[str, Any]) -> Any:
    left = value(node.arguments[0], row)
    if left is None or left == (node.detail == "OR"):
        return left
    return value(node.arguments[1], row)


def _operation(node: Operation, values: list[Any]) -> Any:
    first = values[0]
    match node.name:
        case "is null":
            return (first is None) != bool(node.detail)
        case "as value":
            return first
        case "distinct":
            return (values[0] == values[1]) == bool(node.detail)
        case "compare":
            return None not in values and COMPARISONS[node.detail](*values)
        case "in":
            return any(first == other for other in values[1:] if other is not None)
    raise TypeError(node.name)


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _strict(node: Operation, values: list[Any]) -> Any:
    match node.name:
        case "not":
            return not values[0]
        case "negate":
            return _fitted(node.type, -values[0])
        case "concat":
            return values[0] + values[1]
        case "like":
            return _like(values[0], values[1])
        case "arithmetic":
            return _arithmetic(node, *values)
        case "cast":
            return _cast(node.arguments[0].type, node.type, values[0])
    raise TypeError(node.name)


def _like(text: str, pattern: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "%":
        return any(_like(text[start:], pattern[1:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("_", text[0]) and _like(text[1:], pattern[1:])


def _fitted(kind: t.Type, number: Any) -> Any:
    if kind == t.DOUBLE:
        return number
    size = 2**32 if kind == t.INTEGER else 2**64
    number %= size
    return number - size if number >= size // 2 else number


def _arithmetic(node: Operation, left: Any, right: Any) -> Any:
    match node.detail:
        case "+":
            return _fitted(node.type, left + right)
        case "-":
            return _fitted(node.type, left - right)
        case "*":
            return _fitted(node.type, left * right)
    if node.type == t.DOUBLE:
        exact = operations.divide_double if node.detail == "/" else operations.remainder_double
        return exact(left, right)
    if right == 0:
        raise ZeroDivisionError
    quotient = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
    return _fitted(node.type, quotient if node.detail == "/" else left - quotient * right)


def _cast(given: t.Type, wanted: t.Type, what: Any) -> Any:
    if wanted == t.STRING:
        if given == t.DOUBLE:
            return double_text(what)
        return str(what).lower() if given == t.BOOLEAN else str(what)
    if given == t.STRING:
        return _parsed(wanted, what.strip())
    if wanted == t.DOUBLE:
        return float(what)
    if given == t.DOUBLE:
        high = 2**31 - 1 if wanted == t.INTEGER else 2**63 - 1
        return (
            0
            if math.isnan(what)
            else math.trunc(max(min(what, high), -high - 1))
            if abs(what) < 2**70
            else _edge(what, high)
        )
    return _fitted(wanted, what)


def _edge(number: float, high: int) -> int:
    return high if number > 0 else -high - 1


def _parsed(wanted: t.Type, text: str) -> Any:
    if wanted == t.BOOLEAN:
        return text.lower() in ("t", "tr", "tru", "true", "y", "ye", "yes")
    if wanted == t.DOUBLE:
        if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?[dDfF]?", text):
            raise ValueError(text)
        return float(text.rstrip("dDfF"))
    if not re.fullmatch(r"[+-]?[0-9]+", text) or _fitted(wanted, int(text)) != int(text):
        raise ValueError(text)
    return int(text)
