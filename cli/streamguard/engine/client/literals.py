"""Which texts statements write into a column of a topic, as far as that can be told without running them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from streamguard.engine.client.declared import Declared
from streamguard.engine.language import nodes as n
from streamguard.engine.language import syntax as s

TOPIC = "KAFKA_TOPIC"


@dataclass(frozen=True)
class Texts:
    """The `known` ones, and where the statements are that may write `others`: what they write is no literal."""

    known: frozenset[str]
    others: tuple[str, ...] = ()


def texts_written(declared: Sequence[Declared], topic: str, column: str) -> Texts:
    """What the queries among these statements write into the value's `column`, a name in upper case, of `topic`."""
    topics: dict[str, str] = {}
    known: set[str] = set()
    others: list[str] = []
    for each in declared:
        statement = each.statement
        if isinstance(statement, s.CreateSource | s.CreateAs):
            topics[statement.name] = _topic(statement)
        if isinstance(statement, s.CreateAs | s.InsertInto):
            sink = statement.name if isinstance(statement, s.CreateAs) else statement.target
            if topics.get(sink) == topic:
                texts = _texts_of(statement.query.items, column)
                known |= texts or set()
                others += [each.where] if texts is None else []
    return Texts(frozenset(known), tuple(others))


def _topic(statement: s.CreateSource | s.CreateAs) -> str:
    given = (str(each.value) for each in statement.properties if each.name == TOPIC)
    return next(given, statement.name)


def _texts_of(items: Iterable[s.Item | s.Star | s.StructStar], column: str) -> set[str] | None:
    """None if it can not be told."""
    whole = False
    for item in items:
        if not isinstance(item, s.Item):
            whole = True
        elif (item.alias or _name(item.expression)) == column:
            return _texts(item.expression)
    return None if whole else set()


def _name(expression: n.Expression) -> str:
    return expression.name if isinstance(expression, n.Name) else ""


def _texts(expression: n.Expression | None) -> set[str] | None:
    """All that an expression can be; None if one of them is no literal."""
    if expression is None:
        return set()
    if isinstance(expression, n.Literal):
        return {expression.value} if isinstance(expression.value, str) else set()
    if isinstance(expression, n.Cast):
        return _texts(expression.operand)
    if isinstance(expression, n.Case):
        found: set[str] = set()
        for result in (*(result for _, result in expression.branches), expression.otherwise):
            texts = _texts(result)
            if texts is None:
                return None
            found |= texts
        return found
    return None
