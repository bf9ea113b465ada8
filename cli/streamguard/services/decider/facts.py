"""What a decision is made of: a transaction, the alerts about it, and what was known of its account before.

Tuples, because there is one for each record: they are made in a third of the time that a frozen dataclass takes, and in
half of that again by `tuple_of`.
"""

from __future__ import annotations

from typing import NamedTuple

tuple_of = tuple.__new__
"""Makes a named tuple of all its fields in their order: what its own constructor does, without a function in Python."""


class Transaction(NamedTuple):
    """A card transaction; `event_time` is in milliseconds since 1970, UTC."""

    transaction_id: str
    account_id: str
    card_hash: str
    user_id: str
    merchant_id: str
    merchant_category: str
    country: str
    amount: float
    currency: str
    event_time: int


class Alert(NamedTuple):
    """What an alert says about a transaction, as far as a decision depends on it."""

    alert_id: str
    rule: str
    reason: str
    score: int
    action_required: str


class Profile(NamedTuple):
    """An account's earlier transactions in the same partition: how many, their sum, the highest, time and country of
    the last.

    The sum is that of doubles in the order of the partition, so it is the same for everybody who reads that partition.
    """

    transactions: int = 0
    total: float = 0.0
    highest: float = 0.0
    last_time: int | None = None
    last_country: str | None = None

    def after(self, transaction: Transaction) -> Profile:
        """The profile that the next transaction of the account meets."""
        transactions, total, highest, _, _ = self
        _, _, _, _, _, _, country, amount, _, time = transaction
        return tuple_of(
            Profile, (transactions + 1, total + amount, amount if amount > highest else highest, time, country)
        )


NEW = Profile()
"""The profile of an account without an earlier transaction."""
