"""A decision as people are told of it, read from the topic of decisions; and without personal data."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import orjson

from streamguard.errors import RecordRefused
from streamguard.services.decider.outcomes import ACTIONS, SEVERITIES

MASK = "****"
SHOWN = 4
"""Characters at the end of an id that stay, if it is more than twice as long."""
_TEXTS = ("transaction_id", "account_id", "card_hash", "user_id", "merchant_id", "currency", "event_time", "decided_at")


def amount_text(amount: float | str) -> str:
    """An amount as it is read: with two decimals, with more (up to four) where it has some."""
    if isinstance(amount, str):
        return amount
    whole, _, decimals = f"{amount:.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


@dataclass(frozen=True)
class Reason:
    """A rule that spoke, and what it said."""

    rule: str
    text: str


@dataclass(frozen=True)
class Decision:
    """One revision of a decision; what it does not say is "" or None. Times are ISO 8601."""

    decision_id: str
    revision: int
    action: str
    severity: str
    transaction_id: str = ""
    account_id: str = ""
    card_hash: str = ""
    user_id: str = ""
    merchant_id: str = ""
    currency: str = ""
    amount: float | str | None = None
    score: float | None = None
    reasons: tuple[Reason, ...] = ()
    alert_ids: tuple[str, ...] = ()
    event_time: str = ""
    decided_at: str = ""

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that spoke, each once, in their order."""
        return tuple(dict.fromkeys(reason.rule for reason in self.reasons))

    @property
    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)

    def masked(self) -> Decision:
        """The same with only the ends of account, card and user, wherever they stand."""
        secrets = sorted({self.account_id, self.card_hash, self.user_id} - {""}, key=len, reverse=True)
        if not secrets:
            return self
        pattern = re.compile("|".join(rf"(?<![^\W_]){re.escape(secret)}(?![^\W_])" for secret in secrets))

        def hidden(text: str) -> str:
            return pattern.sub(lambda found: masked_id(found.group()), text)

        return replace(
            self,
            account_id=masked_id(self.account_id),
            card_hash=masked_id(self.card_hash),
            user_id=masked_id(self.user_id),
            reasons=tuple(Reason(reason.rule, hidden(reason.text)) for reason in self.reasons),
            alert_ids=tuple(map(hidden, self.alert_ids)),
        )


def masked_id(text: str) -> str:
    """An id of which only the end can be read; "" stays ""."""
    if not text:
        return ""
    return MASK + (text[-SHOWN:] if len(text) > 2 * SHOWN else "")


def parse(value: bytes | None) -> Decision:
    """Read a decision.

    Raises:
        RecordRefused: it is none. The reason names the field and never says what is in it.
    """
    if not value:
        raise RecordRefused("E_EMPTY", "the record has no value")
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        raise RecordRefused("E_JSON", "the value is no JSON") from None
    if not isinstance(found, dict):
        raise RecordRefused("E_SCHEMA", "the value is no JSON object")
    return Decision(
        decision_id=_text(found, "decision_id", required=True),
        revision=_revision(found),
        action=_one_of(found, "action", ACTIONS),
        severity=_one_of(found, "severity", SEVERITIES),
        amount=_amount(found),
        score=_number(found, "score"),
        reasons=tuple(map(_reason, _list(found, "reasons"))),
        alert_ids=tuple(_list_of_texts(found, "alert_ids")),
        **{name: _text(found, name) for name in _TEXTS},
    )


def _text(found: dict[str, Any], name: str, *, required: bool = False) -> str:
    value = found.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise RecordRefused("E_SCHEMA", f"{name} is no text")
    return value


def _revision(found: dict[str, Any]) -> int:
    value = found.get("revision")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise RecordRefused("E_SCHEMA", "revision is no whole number from 1")
    return value


def _one_of(found: dict[str, Any], name: str, known: tuple[str, ...]) -> str:
    value = found.get(name)
    if value not in known:
        raise RecordRefused("E_SCHEMA", f"{name} is none of {', '.join(known)}")
    return str(value)


def _number(found: dict[str, Any], name: str) -> float | None:
    value = found.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise RecordRefused("E_SCHEMA", f"{name} is no number")
    return value


def _amount(found: dict[str, Any]) -> float | str | None:
    """A number, or its text as decimals are written where no digit may be lost."""
    value = found.get("amount")
    return value if isinstance(value, str) else _number(found, "amount")


def _list(found: dict[str, Any], name: str) -> list[Any]:
    value = found.get(name)
    if value is not None and not isinstance(value, list):
        raise RecordRefused("E_SCHEMA", f"{name} is no list")
    return value or []


def _list_of_texts(found: dict[str, Any], name: str) -> list[str]:
    values = _list(found, name)
    if not all(isinstance(value, str) for value in values):
        raise RecordRefused("E_SCHEMA", f"{name} has something that is no text")
    return values


def _reason(found: Any) -> Reason:
    if not isinstance(found, dict):
        raise RecordRefused("E_SCHEMA", "reasons has something that is no object")
    return Reason(_text(found, "rule", required=True), _text(found, "text"))
