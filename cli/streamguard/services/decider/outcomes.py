"""What becomes of a transaction: an action, how sure and how bad it is, and why."""

from __future__ import annotations

from typing import NamedTuple

ACTIONS = ("approve", "review", "decline")
SEVERITIES = ("low", "medium", "high", "critical")
FULL = 100
"""The highest score."""


class Outcome(NamedTuple):
    """What one reason counts. `action` and `severity` are numbers in ACTIONS and SEVERITIES: the greater, the worse."""

    action: int
    score: int
    severity: int

    def weakened(self, by: Outcome) -> Outcome:
        """The less of both in each respect."""
        return Outcome(*map(min, self, by))


class Reason(NamedTuple):
    """The rule that says something about a transaction, and what it says, for people."""

    rule: str
    text: str


class Decision(NamedTuple):
    """What becomes of a transaction, by which version of the rules; `score` from 0 to 100."""

    action: str
    score: int
    severity: str
    reasons: tuple[Reason, ...]
    alert_ids: tuple[str, ...]
    rules_version: str

    @property
    def is_fraud(self) -> bool:
        """Whether it is declined."""
        return self.action == "decline"


def decision_id(transaction_id: str) -> str:
    """The id of the decision about a transaction: the same whenever it is made."""
    return f"d-{transaction_id}"
