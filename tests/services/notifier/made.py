"""Decisions and channels for tests."""

from __future__ import annotations

import json
from typing import Any

from streamguard.services.notifier.channels import Channel, Grouping, Rate
from streamguard.services.notifier.decision import Decision, Reason
from streamguard.services.notifier.grouping import Item
from streamguard.services.notifier.messages import Message


def decision(number: int = 0, **fields: Any) -> Decision:
    """A decision of its own for each number."""
    given: dict[str, Any] = {
        "decision_id": f"d-{number}",
        "revision": 1,
        "action": "decline",
        "severity": "high",
        "account_id": f"ACC-{number % 7:08d}",
        "amount": 10.5 + number,
        "currency": "EUR",
        "reasons": (Reason(("HIGH_AMOUNT", "VELOCITY", "RISK")[number % 3], "because"),),
        **fields,
    }
    return Decision(**given)


def value(number: int = 0, **fields: Any) -> bytes:
    """A decision as the decider publishes it."""
    return json.dumps({**decision(number, **fields).document, "is_fraud": True}).encode()


def items(count: int) -> list[Item]:
    return [Item(number, decision(number)) for number in range(count)]


def channel(kind: str = "webhook", **fields: Any) -> Channel:
    """A channel that groups by rule, fifty at most, as fast as it can."""
    given: dict[str, Any] = {
        "name": "desk",
        "kind": kind,
        "options": {"url": "${env:DESK_URL}"},
        "grouping": Grouping("all", 0.0, 50),
        "rate": Rate(60_000, 1000),
        **fields,
    }
    return Channel(**given)


def told(message: Message) -> list[str]:
    """The ids of the decisions of a message."""
    return [each["decision_id"] for each in message.document["decisions"]]
