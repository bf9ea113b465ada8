"""A tree to a function of the facts: names are found, kinds checked, nulls thought of. What was compiled never raises.

Numbers are doubles; what is no finite one, a quotient by zero among them, is null. A comparison with null is false,
``!=`` too; null in gives null out of everything else. So conditions are true or false, never null.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, cast

from streamguard.errors import RuleError
from streamguard.project import did_you_mean
from streamguard.services.decider.expressions.functions import FUNCTIONS, Function
from streamguard.services.decider.expressions.kinds import LIST_OF, Facts, Kind, Piece, Run
from streamguard.services.decider.expressions.names import NAMES
from streamguard.services.decider.expressions.nodes import (
    Boolean,
    Call,
    Infix,
    IsNull,
    Items,
    Name,
    Node,
    Number,
    Prefix,
    Text,
)
from streamguard.services.decider.expressions.parse import parse

LATEST = 8_640_000_000_000_000
"""Milliseconds: no time that is computed lies farther from 1970, in either direction."""
ORDERED = (Kind.NUMBER, Kind.TIME)
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def condition(expression: str) -> Run:
    """The function of a condition. Raises RuleError."""
    node = parse(expression)
    return _boolean(node, "a condition").run


def compiled(node: Node) -> Piece:
    """The function of a tree, and what kind of value it has. Raises RuleError."""
    if isinstance(node, Number | Text | Boolean):
        return _literal(node)
    if isinstance(node, Name):
        return _named(node)
    if isinstance(node, Call):
        return _called(node)
    if isinstance(node, Prefix):
        return _negated(node) if node.operator == "not" else _minus(node)
    if isinstance(node, IsNull):
        return _is_null(node)
    if isinstance(node, Items):
        raise RuleError("a list stands only right of in", node.at)
    if node.operator in ("and", "or"):
        return _joined(node)
    if node.operator in ("in", "not in"):
        return _member(node)
    return _comparison(node) if node.operator in COMPARISONS else _arithmetic(node)


def _literal(node: Number | Text | Boolean) -> Piece:
    value = node.value
    kind = Kind.NUMBER if isinstance(node, Number) else Kind.TEXT if isinstance(node, Text) else Kind.BOOLEAN
    return Piece(kind, lambda _: value, literal=value)


def _named(node: Name) -> Piece:
    fact = NAMES.get(node.name)
    if fact is None:
        known = node.name.lower()
        if node.name in FUNCTIONS:
            raise RuleError(f"{node.name} is a function: write {FUNCTIONS[node.name].shown}", node.at)
        hint = f" (write {known}, in small letters)" if known in NAMES else did_you_mean(known, NAMES)
        raise RuleError(f"no name {node.name[:40]}{hint or '; a text needs quotes'}", node.at)
    return fact.piece


def _called(node: Call) -> Piece:
    function = FUNCTIONS.get(node.function)
    if function is None:
        raise RuleError(f"no function {node.function[:40]}{did_you_mean(node.function, FUNCTIONS)}", node.at)
    arguments = [compiled(argument) for argument in node.arguments]
    _check_arguments(node, function, arguments)
    return function.build(node, arguments)


def _check_arguments(node: Call, function: Function, arguments: list[Piece]) -> None:
    count, takes = len(arguments), function.takes
    if count < len(takes) - function.optional or (count > len(takes) and not function.more):
        raise RuleError(f"{node.function}() has {count} argument{'s' * (count != 1)}: write {function.shown}", node.at)
    for number, argument in enumerate(arguments):
        wanted = takes[min(number, len(takes) - 1)]
        if wanted is not None and argument.kind is not wanted:
            raise RuleError(
                f"{node.function}() takes {wanted.value} here, and this is {argument.kind.value}: "
                f"write {function.shown}",
                node.arguments[number].at,
            )


def _boolean(node: Node, where: str) -> Piece:
    piece = compiled(node)
    if piece.kind is not Kind.BOOLEAN:
        raise RuleError(f"{where} is true or false, and this is {piece.kind.value}: compare it with something", node.at)
    return piece


def _negated(node: Prefix) -> Piece:
    operand = _boolean(node.operand, "what not stands before").run
    return Piece(Kind.BOOLEAN, lambda facts: not operand(facts))


def _minus(node: Prefix) -> Piece:
    piece = compiled(node.operand)
    if piece.kind is not Kind.NUMBER:
        raise RuleError(f"- takes a number, and this is {piece.kind.value}", node.operand.at)
    operand = piece.run
    if piece.literal is not None:
        return _literal(Number(-piece.literal))
    if not piece.can_be_null:
        return Piece(Kind.NUMBER, lambda facts: -operand(facts))
    return Piece(Kind.NUMBER, lambda facts: None if (x := operand(facts)) is None else -x, can_be_null=True)


def _is_null(node: IsNull) -> Piece:
    piece = compiled(node.operand)
    if not piece.can_be_null:
        raise RuleError(f"{str(node.operand)[:40]} is never null: leave this out", node.operand.at)
    run = piece.run
    if node.negated:
        return Piece(Kind.BOOLEAN, lambda facts: run(facts) is not None)
    return Piece(Kind.BOOLEAN, lambda facts: run(facts) is None)


def _joined(node: Infix) -> Piece:
    left, right = (_boolean(side, f"each side of {node.operator}").run for side in (node.left, node.right))
    if node.operator == "and":
        return Piece(Kind.BOOLEAN, lambda facts: left(facts) and right(facts))
    return Piece(Kind.BOOLEAN, lambda facts: left(facts) or right(facts))


def _member(node: Infix) -> Piece:
    left = compiled(node.left)
    right = _items(node.right) if isinstance(node.right, Items) else compiled(node.right)
    if right.kind not in LIST_OF.values():
        raise RuleError(f"right of in stands a list like ['DE', 'FR'], and this is {right.kind.value}", node.right.at)
    if LIST_OF.get(left.kind) is not right.kind:
        raise RuleError(f"{left.kind.value} is never in {right.kind.value}", node.at)
    if node.operator == "not in":  # a comparison with null is false: this one, too
        return _compared(left, right, lambda value, items: value not in items)
    return _compared(left, right, lambda value, items: value in items)


def _items(node: Items) -> Piece:
    if not node.items:
        raise RuleError("the list is empty, and nothing is in it", node.at)
    pieces = [compiled(item) for item in node.items]
    kind = pieces[0].kind
    for item, piece in zip(node.items, pieces, strict=True):
        if piece.kind is not kind:
            raise RuleError(f"a list has values of a kind: this is {piece.kind.value}, the first {kind.value}", item.at)
    if kind not in LIST_OF:
        raise RuleError(f"a list can not have {kind.value} in it", node.at)
    if all(piece.literal is not None for piece in pieces):
        values = frozenset(piece.literal for piece in pieces)
        return Piece(LIST_OF[kind], lambda _: values, literal=values)
    runs = [piece.run for piece in pieces]
    return Piece(LIST_OF[kind], lambda facts: [run(facts) for run in runs])


def _comparison(node: Infix) -> Piece:
    left, right = compiled(node.left), compiled(node.right)
    if left.kind is not right.kind:
        fix = ": write time('…')" if {left.kind, right.kind} == {Kind.TIME, Kind.TEXT} else ""
        raise RuleError(f"{left.kind.value} {node.operator} {right.kind.value} compares nothing{fix}", node.at)
    if left.kind in LIST_OF.values():
        raise RuleError("lists are not compared: ask with in what is in one", node.at)
    if left.kind not in ORDERED and node.operator not in ("==", "!="):
        raise RuleError(f"{left.kind.value} has no order: only == and != compare it", node.at)
    return _compared(left, right, COMPARISONS[node.operator])


def _compared(left: Piece, right: Piece, compare: Callable[[Any, Any], bool]) -> Piece:
    """True or false; false if one side is null."""
    one, other, constant = left.run, right.run, right.literal
    run: Run
    if constant is not None:
        if left.can_be_null:
            run = lambda facts: (x := one(facts)) is not None and compare(x, constant)  # noqa: E731
        else:
            run = lambda facts: compare(one(facts), constant)  # noqa: E731
    elif left.can_be_null or right.can_be_null:
        run = lambda facts: (  # noqa: E731
            (x := one(facts)) is not None and (y := other(facts)) is not None and compare(x, y)
        )
    else:
        run = lambda facts: compare(one(facts), other(facts))  # noqa: E731
    return Piece(Kind.BOOLEAN, run)


def _arithmetic(node: Infix) -> Piece:
    left, right = compiled(node.left), compiled(node.right)
    kinds = (left.kind, node.operator, right.kind)
    if kinds == (Kind.TIME, "-", Kind.TIME):
        return _computed(Kind.NUMBER, left, right, lambda a, b: (a - b) / 1000)
    if kinds in ((Kind.TIME, "+", Kind.NUMBER), (Kind.TIME, "-", Kind.NUMBER)):
        sign = 1000 if node.operator == "+" else -1000
        return _computed(Kind.TIME, left, right, lambda a, b: _time(a + sign * b))
    if (left.kind, right.kind) != (Kind.NUMBER, Kind.NUMBER):
        raise RuleError(f"{left.kind.value} {node.operator} {right.kind.value} can not be computed{_FIX}", node.at)
    return _computed(Kind.NUMBER, left, right, cast("Any", _ARITHMETIC[node.operator]))


def _computed(kind: Kind, left: Piece, right: Piece, compute: Callable[[Any, Any], Any]) -> Piece:
    one, other = left.run, right.run

    def run(facts: Facts) -> Any:
        a, b = one(facts), other(facts)
        return None if a is None or b is None else compute(a, b)

    return Piece(kind, run, can_be_null=True)


_FIX = ": numbers can, time - time (in seconds), and time + or - seconds"
_MOST = 1.7976931348623157e308


def _time(milliseconds: float) -> int | None:
    return int(milliseconds) if -LATEST <= milliseconds <= LATEST else None


def _sum(a: float, b: float) -> float | None:
    return x if -_MOST <= (x := a + b) <= _MOST else None


def _difference(a: float, b: float) -> float | None:
    return x if -_MOST <= (x := a - b) <= _MOST else None


def _product(a: float, b: float) -> float | None:
    return x if -_MOST <= (x := a * b) <= _MOST else None


def _quotient(a: float, b: float) -> float | None:
    return x if b and -_MOST <= (x := a / b) <= _MOST else None


def _remainder(a: float, b: float) -> float | None:
    """With the sign of the dividend, as SQL's MOD."""
    return math.fmod(a, b) if b else None


_ARITHMETIC = {"+": _sum, "-": _difference, "*": _product, "/": _quotient, "%": _remainder}
