"""What a place should hold, and what it holds: the two sides of every comparison."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Identity = tuple[Hashable, ...]


class Fault(StrEnum):
    """The ways in which a place can be wrong; every record that is wrong is counted under one of them."""

    LOST = "lost"
    REPEATED = "repeated"
    PHANTOM = "phantom"
    CORRUPTED = "corrupted"
    MISROUTED = "misrouted"
    REORDERED = "reordered"
    TORN = "torn"
    STALE = "stale"
    UNSTEADY = "unsteady"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A record that must be there once.

    Several may share an identity: then they are equal but for `name`. Records of one `lane` that lie on one partition
    are in the order of `sequence`; None promises no order. `earlier` holds values that the place had for it before.
    """

    identity: Identity
    partition: int
    key: Hashable
    value: Any
    name: str
    lane: Hashable = None
    sequence: int = 0
    earlier: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A record that is there. `identity` is None when it can not be told; `name` says where it lies."""

    identity: Identity | None
    partition: int
    key: Hashable
    value: Any
    name: str


def transaction(number: str) -> Identity:
    """A bank transaction, in whatever topic."""
    return ("transaction", number)


def result(number: str) -> Identity:
    """The flat result of a transaction."""
    return ("result", number)


def user(person: str, number: str | None) -> Identity:
    """A person of a transaction; ksql does not say of which: None."""
    return ("user", person, number)
