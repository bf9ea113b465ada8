"""A transaction, an account and an alert, for tests to change."""

from __future__ import annotations

from streamguard.services.decider.facts import Alert, Profile, Transaction

NOON = 1_782_302_400_000
"""Wednesday, 2026-06-24T12:00:00Z."""
PURCHASE = Transaction(
    transaction_id="t-1",
    account_id="a-1",
    card_hash="c-1",
    user_id="u-1",
    merchant_id="m-1",
    merchant_category="grocery",
    country="DE",
    amount=25.5,
    currency="EUR",
    event_time=NOON,
)
USUAL = Profile(transactions=10, total=200.0, highest=45.0, last_time=NOON - 3_600_000, last_country="DE")
VELOCITY = Alert("velocity-1", "VELOCITY", "5 transactions of one account within a minute", 5, "REVIEW")
HIGH_AMOUNT = Alert("high-1", "HIGH_AMOUNT", "4000 is more than 3000", 4, "BLOCK")
