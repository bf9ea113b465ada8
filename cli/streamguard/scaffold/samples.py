"""Values that a rule is about: those that stand in it and their neighbours. It is read for them, not solved."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from random import Random
from typing import Any

from streamguard.engine.language import syntax as s
from streamguard.scaffold.answers import Answers, Field
from streamguard.scaffold.statements import Split, condition

Constant = float | str
Row = Mapping[str, Any]
TRIES = 3000
LARGEST = {"INT": 2**31 - 1, "BIGINT": 2**53, "DOUBLE": 2**53}
"""Whole numbers that every reader of JSON takes for what they are."""
_COMPARING = (s.Binary, s.Between, s.In, s.Like, s.IsDistinct, s.Call)
_WORDS = ("other", "usual")


@dataclass(frozen=True)
class Found:
    """A record of each kind, or None: a record that the rule takes, and one that it does not."""

    taken: Row | None
    left: Row | None


def constants(answers: Answers) -> dict[str, list[Constant]]:
    """What the rule compares each field with, by the name of the field, in order; booleans and null are no news."""
    found: dict[str, list[Constant]] = {each.name: [] for each in answers.fields}
    by_written = {each.written: each.name for each in answers.fields}
    for node in _walk(condition(answers)):
        if isinstance(node, _COMPARING) and not (isinstance(node, s.Binary) and node.operator in ("AND", "OR")):
            inside = list(_values(node))
            for name in _names(node):
                known = found.get(by_written.get(name, ""), [])
                known += [value for value in inside if value not in known]
    return found


def used(answers: Answers) -> tuple[Field, ...]:
    """The fields that the rule looks at."""
    names = set(_names(condition(answers)))
    return tuple(each for each in answers.fields if each.written in names)


def find(answers: Answers, split: Split, random: Random) -> Found:
    """Records of both kinds, without nulls if possible. None: among those that were tried there is no such one."""
    compared = constants(answers)
    looked_at = used(answers)
    plain = {each.name: ordinary(each, compared[each.name]) for each in answers.fields}
    choices = [candidates(each, compared[each.name]) for each in looked_at]
    found: dict[bool, Row] = {}
    for wider in (choices, [[*values, None] for values in choices]):
        for values in _combinations(wider, random):
            row = {**plain, **dict(zip((each.name for each in looked_at), values, strict=True))}
            kind = split.of(row)
            if kind is not None:
                found.setdefault(kind, row)
            if len(found) == 2:
                return Found(found[True], found[False])
    return Found(found.get(True), found.get(False))


def candidates(field: Field, compared: list[Constant]) -> list[Any]:
    """Values of a field that may make a difference, those that stand in the rule first."""
    match field.type:
        case "BOOLEAN":
            return [True, False]
        case "STRING":
            texts = [value for value in compared if isinstance(value, str)]
            bare = [text.replace("%", "").replace("_", "a") for text in texts]
            cases = [changed for text in bare for changed in (text.upper(), text.lower(), text.strip())]
            return list(dict.fromkeys([*texts, *bare, *_WORDS, *cases, *(f"{text} x" for text in bare)]))
        case _:
            numbers = [value for value in compared if not isinstance(value, str)]
            near = [value + step for value in numbers for step in (0, 1, -1)]
            far = [*(value * factor for value in numbers for factor in (2, -1)), 0, 1, -1, 10, 100, 1000, 5]
            largest = LARGEST[field.type]
            clipped = [max(-largest, min(value, largest)) for value in (*near, *far)]
            kept = [float(value) if field.type == "DOUBLE" else round(value) for value in clipped]
            return list(dict.fromkeys(kept))


def ordinary(field: Field, compared: list[Constant]) -> Any:
    """A value for a field that does not matter."""
    if field.type == "STRING":
        return next((word for word in (f"{field.name}-1",) if word not in compared), _WORDS[0])
    return {"BOOLEAN": False, "DOUBLE": 12.5}.get(field.type, 12)


def _combinations(choices: list[list[Any]], random: Random) -> Iterator[tuple[Any, ...]]:
    """All, if there are not too many of them; otherwise some."""
    count = 1
    for values in choices:
        count *= len(values)
    if count <= TRIES:
        yield from itertools.product(*choices)
        return
    for _ in range(TRIES):
        yield tuple(random.choice(values) for values in choices)


def _walk(node: object) -> Iterator[Any]:
    """A node and all below it."""
    if isinstance(node, tuple):
        for each in node:
            yield from _walk(each)
    elif is_dataclass(node) and not isinstance(node, type):
        yield node
        for each in fields(node):
            yield from _walk(getattr(node, each.name))


def _names(node: object) -> Iterator[str]:
    return (each.name for each in _walk(node) if isinstance(each, s.Name))


def _values(node: object) -> Iterator[Constant]:
    """The numbers and texts in an expression; a number after a minus is a negative one."""
    for each in _walk(node):
        match each:
            case s.Unary(operator="-", operand=s.Literal() | s.DecimalLiteral() as operand):
                yield from (-value for value in _values(operand) if not isinstance(value, str))
            case s.Literal(value=str() as value):
                yield value
            case s.Literal(value=int() | float() as value) if not isinstance(value, bool):
                yield value
            case s.DecimalLiteral(text=text):
                yield float(text)
