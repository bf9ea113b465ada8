"""Records for Kafka that are stored with the rows that they are about, and published afterwards."""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import orjson

from streamguard.kafka.exactly_once import dead_letters
from streamguard.services.decider.outcomes import decision_id
from streamguard.services.decider.rows import EPOCH

if TYPE_CHECKING:
    from streamguard.errors import RecordRefused
    from streamguard.kafka.exactly_once.produce import Headers
    from streamguard.services.decider.batches import Item
    from streamguard.services.decider.facts import Transaction
    from streamguard.services.decider.outcomes import Decision


class Letter(NamedTuple):
    """A record that Kafka does not have yet; `time` in milliseconds since 1970; `headers` as `packed` makes them."""

    topic: str
    key: bytes | None
    value: bytes | None
    time: int | None
    headers: bytes | None

    @property
    def plain_headers(self) -> Headers:
        """The headers themselves."""
        return unpacked(self.headers)


def dead_letter(item: Item, refusal: RecordRefused, service: str) -> Letter:
    """A record that can not be handled, unchanged, with headers that say where, why and from whom."""
    written: list[Letter] = []

    def keep(  # noqa: PLR0917
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        timestamp: int | None = None,
        headers: Headers | None = None,
        partition: int = -1,  # noqa: ARG001
    ) -> None:
        written.append(Letter(topic, key, value, timestamp, packed(headers or [])))

    dead_letters.write(keep, item.record, refusal, service)
    return written[0]


def decision_letter(topic: str, transaction: Transaction, decision: Decision, revision: int, now: datetime) -> Letter:
    """A decision as it is published, keyed by its transaction."""
    document = {
        "decision_id": decision_id(transaction.transaction_id),
        "revision": revision,
        "transaction_id": transaction.transaction_id,
        "account_id": transaction.account_id,
        "card_hash": transaction.card_hash,
        "user_id": transaction.user_id,
        "merchant_id": transaction.merchant_id,
        "amount": transaction.amount,
        "currency": transaction.currency,
        "action": decision.action,
        "reasons": [{"rule": reason.rule, "text": reason.text} for reason in decision.reasons],
        "alert_ids": list(decision.alert_ids),
        "score": decision.score,
        "severity": decision.severity,
        "is_fraud": decision.is_fraud,
        "event_time": iso(EPOCH + timedelta(milliseconds=transaction.event_time)),
        "decided_at": iso(now),
    }
    return Letter(topic, transaction.transaction_id.encode(), orjson.dumps(document), None, None)


def iso(time: datetime) -> str:
    """A time in UTC as the topics have it: milliseconds, and Z."""
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def packed(headers: Headers) -> bytes | None:
    """Headers as one value: names and bytes in their order, which may be there several times."""
    if not headers:
        return None
    return orjson.dumps(
        [[name, None if value is None else b64encode(_bytes(value)).decode()] for name, value in headers]
    )


def unpacked(value: bytes | None) -> Headers:
    """The headers again."""
    if value is None:
        return []
    return [(name, None if text is None else b64decode(text)) for name, text in orjson.loads(value)]


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
