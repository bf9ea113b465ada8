"""Kinds of values, and pieces of an expression that know theirs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, TypeAlias

from streamguard.services.decider.facts import Profile, Transaction


class Kind(Enum):
    """What a value is. A time is kept in milliseconds since 1970; `TEXTS` is a list of texts, and so on."""

    NUMBER = "a number"
    TEXT = "a text"
    BOOLEAN = "true or false"
    TIME = "a time"
    NUMBERS = "a list of numbers"
    TEXTS = "a list of texts"
    TIMES = "a list of times"


LIST_OF = {Kind.NUMBER: Kind.NUMBERS, Kind.TEXT: Kind.TEXTS, Kind.TIME: Kind.TIMES}


class Context(NamedTuple):
    """What else is known of a transaction: its alerts' rules and highest score, and whether a known traveller pays."""

    rules: tuple[str, ...] = ()
    score: int = 0
    traveller: bool = False


Facts: TypeAlias = tuple[Any, ...]
"""A transaction, a profile and a context, one after the other (`facts_of`): everything that an expression can name."""
Run: TypeAlias = Callable[[Facts], Any]
"""A compiled expression: its value, None for null. It never raises."""
FIELDS = (*Transaction._fields, *Profile._fields, *Context._fields)


def facts_of(transaction: Transaction, profile: Profile, context: Context) -> Facts:
    """What the expressions look at."""
    return transaction + profile + context


@dataclass(frozen=True, slots=True)
class Piece:
    """A compiled part of an expression. `can_be_null` is never true of a BOOLEAN or a list.

    `literal` is the value of one that was written out; None, if it has to be computed.
    """

    kind: Kind
    run: Run
    can_be_null: bool = False
    literal: Any = None
