"""Comparisons: which types may be compared, and what is cast for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamguard.engine.analysis.coerce import TEMPORAL, to_one_type, widened
from streamguard.engine.analysis.typed import Constant, Operation, Pseudo, Read, Typed
from streamguard.engine.language import syntax as s
from streamguard.engine.language import types as t
from streamguard.engine.language.places import Place
from streamguard.engine.language.wording import text
from streamguard.engine.values import moments

if TYPE_CHECKING:
    from streamguard.engine.analysis.resolve import Resolver

Side = tuple[s.Expression, Typed]
WORDS = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "IS DISTINCT FROM": "IS_DISTINCT_FROM",
    "IS NOT DISTINCT FROM": "IS_NOT_DISTINCT_FROM",
}
EQUALITIES = ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
MAGIC = ("ROWTIME", "WINDOWSTART", "WINDOWEND")


def comparison(resolver: Resolver, operator: str, left: Side, right: Side, place: Place) -> Operation:
    """Two expressions compared, brought to a type where they can be."""
    sides = _magic(resolver, left, right)
    one, other = sides
    kinds = (one.type, other.type)
    if t.NULL in kinds:
        shown = " ".join([t.base(kinds[0]), operator, t.base(kinds[1])])
        statement = f"({text(left[0])} {operator} {text(right[0])})"
        reason = f"Comparison with NULL not supported: {shown}\nUse 'IS NULL' or 'IS NOT NULL' instead."
        reason += f"\nStatement: {statement}"
        raise resolver.refuse(reason, place)
    if all(map(t.is_numeric, kinds)):
        kind = t.wider(*kinds)
        sides = (_numeric(one, kind), _numeric(other, kind))
    elif set(kinds) != {t.STRING} and set(kinds) <= {t.DATE, t.TIMESTAMP, t.STRING}:
        kind = t.TIMESTAMP if t.TIMESTAMP in kinds else t.DATE
        sides = (widened(one, kind), widened(other, kind))
    elif set(kinds) == {t.TIME, t.STRING}:
        sides = (widened(one, t.TIME), widened(other, t.TIME))
    else:
        ordered = kinds[0] == kinds[1] and kinds[0] in (t.STRING, t.BYTES, *TEMPORAL)
        if not ordered and not (operator in EQUALITIES and t.comparable(*kinds)):
            reason = f"Cannot compare {text(left[0])} ({kinds[0]}) to {text(right[0])} ({kinds[1]})"
            raise resolver.refuse(f"{reason} with {WORDS[operator]}.", place)
    if "DISTINCT" in operator:
        return Operation("distinct", sides, t.BOOLEAN, "NOT" if operator.startswith("IS NOT") else "")
    return Operation("compare", sides, t.BOOLEAN, operator)


def _numeric(side: Typed, kind: t.Type) -> Typed:
    """Whole numbers and DECIMALs compare as they are; with a DOUBLE all become one."""
    return widened(side, kind) if kind == t.DOUBLE else side


def _magic(resolver: Resolver, left: Side, right: Side) -> tuple[Typed, Typed]:
    """A text literal beside ROWTIME or a window's bound is a timestamp."""
    made = [left[1], right[1]]
    for index, (_, column) in enumerate((left, right)):
        node, value = (right, left)[index]
        is_time = isinstance(column, Pseudo | Read) and column.name in MAGIC and column.type == t.BIGINT
        if is_time and isinstance(value, Constant) and isinstance(value.value, str):
            try:
                made[1 - index] = Constant(moments.timestamp_of_text(value.value), t.BIGINT)
            except ValueError as exc:
                reason = f"Failed to parse timestamp '{value.value}': {exc}"
                raise resolver.refuse(reason, node.place) from None
    return made[0], made[1]


def between(resolver: Resolver, node: s.Between) -> Typed:
    """``x BETWEEN low AND high``."""
    operand = (node.operand, resolver.resolve(node.operand))
    low = comparison(resolver, ">=", operand, (node.low, resolver.resolve(node.low)), node.place)
    high = comparison(resolver, "<=", operand, (node.high, resolver.resolve(node.high)), node.place)
    return Operation("logic", (low, high), t.BOOLEAN, "AND")


def contained(resolver: Resolver, node: s.In) -> Typed:
    """``x IN (a, b)``."""
    operand = resolver.resolve(node.operand)
    kind, values = to_one_type(resolver, [node.operand, *node.choices], "Invalid Predicate: ")
    if t.is_numeric(kind) and kind != t.DOUBLE:
        values = [operand, *[_uncast(value) for value in values[1:]]]
    return Operation("in", tuple(values), t.BOOLEAN)


def _uncast(value: Typed) -> Typed:
    """Whole numbers and DECIMALs are found in one another as they are."""
    if isinstance(value, Operation) and value.name == "cast" and t.is_numeric(value.arguments[0].type):
        return value.arguments[0]
    return value


def like(resolver: Resolver, node: s.Like) -> Typed:
    """``x LIKE pattern``."""
    operand, pattern = resolver.resolve(node.operand), resolver.resolve(node.pattern)
    for side, made in ((node.operand, operand), (node.pattern, pattern)):
        if made.type not in (t.STRING, t.NULL):
            raise resolver.refuse(f"LIKE compares STRINGs, but {text(side)} is {made.type}", side.place)
    if node.escape is not None and len(node.escape) != 1:
        raise resolver.refuse(f"Expected escape literal to be a single character: {node.escape}", node.place)
    return Operation("like", (operand, pattern), t.BOOLEAN, node.escape or "")
