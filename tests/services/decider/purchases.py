"""Transactions and alerts as they lie in their topics."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.services.decider.samples import NOON

ALERT: dict[str, Any] = {
    "ALERT_ID": "VELOCITY:a-1:1782302400000",
    "RULE": "VELOCITY",
    "REASON": "4 transactions within a minute",
    "SCORE": 2,
    "ACTION_REQUIRED": "BLOCK",
    "SOURCE": "ksql",
    "ACCOUNT_ID": "a-1",
    "CARD_HASH": "c-1",
    "USER_ID": "u-1",
    "TRANSACTION_IDS": ["t-1", "t-2"],
    "AMOUNT": 25.5,
    "TX_COUNT": 4,
    "COUNTRIES": 1,
    "WINDOW_START": NOON,
    "WINDOW_END": NOON + 60_000,
    "EVENT_TIME": NOON + 1_000,
}
PURCHASE: dict[str, Any] = {
    "transaction_id": "t-1",
    "card_hash": "c-1",
    "account_id": "a-1",
    "user_id": "u-1",
    "merchant_id": "m-1",
    "merchant_category": "grocery",
    "country": "DE",
    "amount": 25.5,
    "currency": "EUR",
    "timestamp": "2026-06-24T12:00:00.000Z",
    "V1": -1.5,
    "V2": 0.25,
}


def purchase(**changes: Any) -> bytes:
    return json.dumps({**PURCHASE, **changes}).encode()


def alert(**changes: Any) -> tuple[bytes, bytes]:
    """Key and value."""
    document = {**ALERT, **changes}
    return str(document["ALERT_ID"]).encode(), json.dumps(document).encode()


def iso(milliseconds: int) -> str:
    time = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")
