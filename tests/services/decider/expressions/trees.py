"""Trees of expressions at random, facts at random, and what a tree is worth, worked out another way."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from streamguard.services.decider.expressions.functions import FUNCTIONS
from streamguard.services.decider.expressions.kinds import Context, Kind
from streamguard.services.decider.expressions.names import NAMES
from streamguard.services.decider.expressions.nodes import (
    BINDING,
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
from streamguard.services.decider.facts import Profile, Transaction
from tests.services.decider.samples import NOON

Strategy = st.SearchStrategy[Any]
COMPARED = ("==", "!=", "<", "<=", ">", ">=")

texts = st.sampled_from(["", "DE", "de", "grocery", "VELOCITY", "it's", 'a "b"', "ß"]) | st.text(max_size=5)
amounts = st.floats(0, allow_nan=False, allow_infinity=False)
numbers = amounts.map(Number) | st.integers(0, 100).map(float).map(Number)


def any_trees() -> Strategy:
    """Trees of any shape, whether they mean something or not."""
    leaves = numbers | texts.map(Text) | st.booleans().map(Boolean) | st.sampled_from(list(NAMES)).map(Name)
    operators = st.sampled_from([operator for operator in BINDING if not operator.startswith("is")])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(Infix, operators, inner, inner),
            st.builds(Prefix, st.sampled_from(["not", "-"]), inner),
            st.builds(IsNull, inner, st.booleans()),
            st.builds(Items, st.lists(inner, max_size=3).map(tuple)),
            st.builds(Call, st.sampled_from(list(FUNCTIONS)), st.lists(inner, max_size=3).map(tuple)),
        ),
        max_leaves=12,
    )


def conditions(depth: int = 3) -> Strategy:
    """Trees that are conditions."""
    if depth == 0:
        return st.just(Name("traveller")) | st.booleans().map(Boolean)
    inner = conditions(depth - 1)
    kinds = st.sampled_from([Kind.NUMBER, Kind.TEXT, Kind.TIME])
    return st.one_of(
        st.builds(Infix, st.sampled_from(["and", "or", "==", "!="]), inner, inner),
        st.builds(Prefix, st.just("not"), inner),
        kinds.flatmap(lambda kind: _compared(kind, depth - 1)),
        kinds.flatmap(lambda kind: _members(kind, depth - 1)),
        st.builds(
            IsNull, st.sampled_from([Name(name) for name in NAMES if NAMES[name].piece.can_be_null]), st.booleans()
        ),
        st.builds(
            Call,
            st.sampled_from(["starts_with", "ends_with", "contains"]),
            st.tuples(values(Kind.TEXT, depth - 1), values(Kind.TEXT, depth - 1)),
        ),
    )


def _compared(kind: Kind, depth: int) -> Strategy:
    operators = COMPARED[:2] if kind is Kind.TEXT else COMPARED
    return st.builds(Infix, st.sampled_from(operators), values(kind, depth), values(kind, depth))


def _members(kind: Kind, depth: int) -> Strategy:
    lists: Strategy = st.builds(Items, st.lists(values(kind, depth), min_size=1, max_size=4).map(tuple))
    if kind is Kind.TEXT:
        lists = lists | st.just(Name("alerts.rules"))
    return st.builds(Infix, st.sampled_from(["in", "not in"]), values(kind, depth), lists)


def values(kind: Kind, depth: int) -> Strategy:
    """Trees of that kind."""
    names = st.sampled_from([Name(name) for name, fact in NAMES.items() if fact.piece.kind is kind])
    if kind is Kind.TEXT:
        leaves: Strategy = names | texts.map(Text)
        deeper: list[Strategy] = [st.builds(Call, st.sampled_from(["lower", "upper"]), st.tuples(leaves))]
    elif kind is Kind.TIME:
        leaves = names | st.just(Call("time", (Text("2026-06-24T11:59:00Z"),)))
        seconds = numbers if depth == 0 else values(Kind.NUMBER, depth - 1)
        deeper = [st.builds(Infix, st.sampled_from("+-"), leaves, seconds)]
    else:
        leaves = names | numbers
        deeper = [] if depth == 0 else _numbers(depth)
    both = [leaves, *deeper]
    if depth > 0:
        both.append(st.builds(Call, st.just("coalesce"), st.tuples(values(kind, depth - 1), values(kind, depth - 1))))
    return st.one_of(both)


def _numbers(depth: int) -> list[Strategy]:
    inner, times = values(Kind.NUMBER, depth - 1), values(Kind.TIME, depth - 1)
    ones = st.sampled_from(["abs", "round", "minutes", "hours", "days"])
    return [
        st.builds(Infix, st.sampled_from("+-*/%"), inner, inner),
        st.builds(Infix, st.just("-"), times, times),
        st.builds(Prefix, st.just("-"), inner),
        st.builds(Call, ones, st.tuples(inner)),
        st.builds(Call, st.sampled_from(["min", "max"]), st.lists(inner, min_size=2, max_size=4).map(tuple)),
        st.builds(Call, st.sampled_from(["hour", "weekday"]), st.tuples(times)),
        st.builds(Call, st.just("length"), st.tuples(values(Kind.TEXT, depth - 1))),
    ]


moments = st.integers(0, 4 * 10**12) | st.integers(NOON - 10**7, NOON + 10**7)
facts = st.tuples(
    st.builds(Transaction, *[texts] * 7, amount=st.floats(0, 1e13), currency=texts, event_time=moments),
    st.just(Profile())
    | st.builds(Profile, st.integers(1, 10**6), st.floats(0, 1e19), st.floats(0, 1e13), moments, texts),
    st.builds(Context, st.lists(texts, max_size=3).map(tuple), st.integers(0, 100), st.booleans()),
)


def worth(node: Node, of: tuple[Transaction, Profile, Context]) -> Any:
    """What a tree is worth: one rule after the other, as docs/decider.md has them."""
    if isinstance(node, Number | Text | Boolean):
        return node.value
    if isinstance(node, Name):
        return _fact(node.name, *of)
    if isinstance(node, Prefix):
        value = worth(node.operand, of)
        return not value if node.operator == "not" else None if value is None else -value
    if isinstance(node, IsNull):
        return (worth(node.operand, of) is None) != node.negated
    if isinstance(node, Items):
        return [worth(item, of) for item in node.items]
    if isinstance(node, Call):
        return _function(node.function, [worth(argument, of) for argument in node.arguments])
    return _operation(
        node.operator, worth(node.left, of), worth(node.right, of), _is_time(node.left), _is_time(node.right)
    )


def _fact(name: str, transaction: Transaction, profile: Profile, context: Context) -> Any:
    known = profile.transactions > 0
    return {
        **transaction._asdict(),
        "time": transaction.event_time,
        "account.count": profile.transactions,
        "account.total": profile.total,
        "account.mean": profile.total / profile.transactions if known else None,
        "account.max": profile.highest if known else None,
        "account.last_time": profile.last_time,
        "account.last_country": profile.last_country,
        "alerts.count": len(context.rules),
        "alerts.rules": context.rules,
        "alerts.score": context.score,
        "traveller": context.traveller,
    }[name]


def _is_time(node: Node) -> bool:
    if isinstance(node, Name):
        return NAMES[node.name].piece.kind is Kind.TIME
    if isinstance(node, Call):
        return node.function == "time" or (node.function == "coalesce" and _is_time(node.arguments[0]))
    return isinstance(node, Infix) and _is_time(node.left) and not _is_time(node.right)


def _operation(operator: str, left: Any, right: Any, left_is_time: bool, right_is_time: bool) -> Any:
    if operator in ("and", "or"):
        return (left and right) if operator == "and" else (left or right)
    if left is None or right is None:
        return None if operator in ("+", "-", "*", "/", "%") else False
    if operator in ("in", "not in"):
        return (left in right) == (operator == "in")
    if operator in COMPARED:
        return _compare(operator, left, right)
    if left_is_time:
        if right_is_time:
            return (left - right) / 1000
        moved = left + 1000 * right if operator == "+" else left - 1000 * right
        return int(moved) if abs(moved) <= 8.64e15 else None
    return _compute(operator, left, right)


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator in ("==", "!="):
        return bool(left == right) == (operator == "==")
    if operator in ("<", "<="):
        return bool(left < right or (operator == "<=" and left == right))
    return bool(right < left or (operator == ">=" and left == right))


def _compute(operator: str, left: float, right: float) -> float | None:
    if operator in "/%" and right == 0:
        return None
    ways: dict[str, Callable[[], float]] = {
        "+": lambda: left + right,
        "-": lambda: left - right,
        "*": lambda: left * right,
        "/": lambda: left / right,
        "%": lambda: math.fmod(left, right),
    }
    value = ways[operator]()
    return value if math.isfinite(value) else None


def _function(name: str, values: list[Any]) -> Any:
    if name == "coalesce":
        return next((value for value in values if value is not None), None)
    if any(value is None for value in values):
        return False if name in ("starts_with", "ends_with", "contains") else None
    first = values[0]
    ways: dict[str, Callable[[], Any]] = {
        "lower": lambda: str.lower(first),
        "upper": lambda: str.upper(first),
        "length": lambda: len(first),
        "starts_with": lambda: first[: len(values[1])] == values[1],
        "ends_with": lambda: values[1] == first[max(0, len(first) - len(values[1])) :],
        "contains": lambda: first.find(values[1]) >= 0,
        "abs": lambda: first if first >= 0 else -first,
        "round": lambda: math.floor(first + 0.5),
        "min": lambda: sorted(values)[0],
        "max": lambda: sorted(values)[-1],
        "time": lambda: NOON - 60_000,
        "hour": lambda: math.floor(first / 3_600_000) % 24,
        "weekday": lambda: [4, 5, 6, 7, 1, 2, 3][math.floor(first / 86_400_000) % 7],
        "minutes": lambda: _compute("*", first, 60.0),
        "hours": lambda: _compute("*", first, 3600.0),
        "days": lambda: _compute("*", first, 86_400.0),
    }
    return ways[name]()
