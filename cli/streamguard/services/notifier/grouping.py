"""Which decisions go into one message: pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from streamguard.services.decider.outcomes import SEVERITIES
from streamguard.services.notifier.decision import Decision

KINDS = ("account", "rule", "severity", "all")
"""What decisions of one message have in common."""


@dataclass(frozen=True)
class Item:
    """A decision that is to be told; `index` is its place in the batch that it came with."""

    index: int
    decision: Decision


@dataclass(frozen=True)
class Group:
    """The decisions of one message: what they have in common, and its value ("" for all)."""

    by: str
    value: str
    items: tuple[Item, ...]

    @property
    def severity(self) -> str:
        """The highest of its decisions."""
        return max((item.decision.severity for item in self.items), key=SEVERITIES.index)

    def message_id(self, channel: str) -> str:
        """Names the message: the same channel and decisions make the same id, however often it is sent."""
        told = "\n".join(f"{item.decision.decision_id}/{item.decision.revision}" for item in self.items)
        return hashlib.sha256(f"{channel}\n{told}".encode()).hexdigest()[:32]

    def halves(self) -> tuple[Group, Group]:
        """Two of at least one decision each."""
        middle = len(self.items) // 2
        return Group(self.by, self.value, self.items[:middle]), Group(self.by, self.value, self.items[middle:])


def groups(items: Sequence[Item], by: str, size: int) -> list[Group]:
    """Groups of at most `size`, in the order in which the first decision of each came."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(_value(item.decision, by), []).append(item)
    return [
        Group(by, value, tuple(together[start : start + size]))
        for value, together in found.items()
        for start in range(0, len(together), size)
    ]


def _value(decision: Decision, by: str) -> str:
    """A decision of several rules belongs to the first of them."""
    if by == "account":
        return decision.account_id
    if by == "rule":
        return next(iter(decision.rules), "")
    return decision.severity if by == "severity" else ""
