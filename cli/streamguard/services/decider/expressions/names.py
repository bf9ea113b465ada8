"""The facts that an expression may name."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

from streamguard.services.decider.expressions.kinds import FIELDS, Kind, Piece, Run


@dataclass(frozen=True, slots=True)
class Fact:
    """A name's meaning."""

    piece: Piece
    about: str


def _field(name: str, kind: Kind, about: str, *, can_be_null: bool = False) -> Fact:
    """One of the facts as it is."""
    return Fact(Piece(kind, itemgetter(FIELDS.index(name)), can_be_null), about)


def _mean() -> Run:
    count, total = FIELDS.index("transactions"), FIELDS.index("total")
    return lambda facts: facts[total] / facts[count] if facts[count] else None


def _highest() -> Run:
    count, highest = FIELDS.index("transactions"), FIELDS.index("highest")
    return lambda facts: facts[highest] if facts[count] else None


def _count_of_alerts() -> Run:
    rules = FIELDS.index("rules")
    return lambda facts: len(facts[rules])


NAMES: dict[str, Fact] = {
    "transaction_id": _field("transaction_id", Kind.TEXT, "the transaction's id"),
    "account_id": _field("account_id", Kind.TEXT, "the account that pays"),
    "card_hash": _field("card_hash", Kind.TEXT, "the card"),
    "user_id": _field("user_id", Kind.TEXT, "the account's owner"),
    "merchant_id": _field("merchant_id", Kind.TEXT, "who is paid"),
    "merchant_category": _field("merchant_category", Kind.TEXT, "what that merchant sells"),
    "country": _field("country", Kind.TEXT, "where it was paid, like `'DE'`"),
    "amount": _field("amount", Kind.NUMBER, "the amount, whatever the currency"),
    "currency": _field("currency", Kind.TEXT, "the currency, like `'EUR'`"),
    "time": _field("event_time", Kind.TIME, "when it was paid"),
    "account.count": _field("transactions", Kind.NUMBER, "how many transactions the account made before"),
    "account.total": _field("total", Kind.NUMBER, "the sum of their amounts"),
    "account.mean": Fact(Piece(Kind.NUMBER, _mean(), can_be_null=True), "their mean"),
    "account.max": Fact(Piece(Kind.NUMBER, _highest(), can_be_null=True), "the highest"),
    "account.last_time": _field("last_time", Kind.TIME, "the time of the one before", can_be_null=True),
    "account.last_country": _field("last_country", Kind.TEXT, "the country of the one before", can_be_null=True),
    "alerts.count": Fact(Piece(Kind.NUMBER, _count_of_alerts()), "how many alerts there are about the transaction"),
    "alerts.rules": _field("rules", Kind.TEXTS, "their rules"),
    "alerts.score": _field("score", Kind.NUMBER, "the highest score of one, as the alert has it; 0 if there is none"),
    "traveller": _field("traveller", Kind.BOOLEAN, "whether `travellers` has the account, for this country and day"),
}
