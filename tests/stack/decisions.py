"""A decider in a thread of the test, and what its tables hold."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from streamguard.kafka import clients
from streamguard.model import Pipeline
from streamguard.postgres.connect import connect
from streamguard.project import Project
from streamguard.services.decider.service import decider_of, work
from streamguard.settings import Settings
from tests.services.decider.reference import Sent, Tables
from tests.stack.loops import wait_until

TOPICS = {
    "transactions": 4,
    "fraud-alerts": 2,
    "fraud-decisions": 2,
    "transactions-dead-letter": 1,
    "fraud-alerts-dead-letter": 1,
}
DUMPS = {
    "transactions": """
        SELECT transaction_id, account_id, card_hash, user_id, merchant_id, merchant_category, country, amount,
          currency, event_time, is_fraud, kafka_partition, kafka_offset FROM transactions""",
    "decisions": """
        SELECT transaction_id, decision_id, action, score, severity, reasons, alert_ids, rules_version,
          profile_transactions, profile_total, profile_highest, profile_last_time, profile_last_country
        FROM fraud_decisions""",
    "alerts": """
        SELECT alert_id, rule, reason, score, action_required, source, account_id, card_hash, user_id, transaction_ids,
          amount, tx_count, countries, window_start, window_end,
          event_time, kafka_partition, kafka_offset FROM fraud_alerts""",
    "links": "SELECT transaction_id, alert_id FROM alert_transactions",
    "accounts": """
        SELECT account_id, kafka_partition, transactions, amount_units * 0.0001, reviews, frauds,
          fraud_amount_units * 0.0001,
          first_seen, last_seen, profile_total, profile_highest, profile_last_time,
          profile_last_country FROM account_totals""",
    "days": """
        SELECT day, currency, kafka_partition, transactions, amount, reviews, frauds, fraud_amount FROM daily_totals""",
    "rules": "SELECT rule, kafka_partition, alerts FROM rule_totals WHERE alerts <> 0",
}


def tables_of(uri: str) -> Tables:
    """Everything that is stored, as the reference has it."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    with connect(uri) as connection:
        for name, statement in DUMPS.items():
            rows[name] = [tuple(map(_plain, row)) for row in connection.execute(statement)]
    made = Tables(links=set(rows["links"]), rules={row[:2]: row[2] for row in rows["rules"]})
    made.transactions = {row[0]: row[1:] for row in rows["transactions"]}
    made.decisions = {row[0]: _decision(row) for row in rows["decisions"]}
    made.alerts = {row[0]: (*row[1:9], tuple(row[9]), *row[10:]) for row in rows["alerts"]}
    made.accounts = {row[:2]: row[2:] for row in rows["accounts"]}
    made.days = {row[:3]: row[3:] for row in rows["days"]}
    return made


def _plain(value: Any) -> Any:
    """Times in milliseconds since 1970."""
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def _decision(row: tuple[Any, ...]) -> tuple[Any, ...]:
    reasons = tuple((reason["rule"], reason["text"]) for reason in row[5])
    return (*row[1:5], reasons, tuple(row[6]), row[7], row[8:])


def send(settings: Settings, topic: str, records: Sequence[tuple[bytes | None, bytes | None]]) -> list[Sent]:
    """Write keys and values; where they are."""
    sent: list[Sent] = []

    def delivered(error: Any, record: Any) -> None:
        assert error is None
        sent.append(Sent(record.partition(), record.offset(), record.key(), record.value() or b""))

    producer = clients.producer(settings, **{"linger.ms": 20})
    for key, value in records:
        producer.produce(topic, value, key, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(60) == 0
    return sent


class RunningDecider:
    """A decider with topics, a group and offsets of its own."""

    def __init__(self, settings: Settings, project: Project, pipeline: Pipeline, prefix: str) -> None:
        self.stop = threading.Event()
        self.decider = decider_of(settings, project, pipeline, self.stop, prefix=prefix)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            work(self.decider, self.stop)
        except BaseException as exc:  # noqa: BLE001  the test looks at it
            self.error = exc

    def counted(self, name: str) -> int:
        """How many records are stored and counted under a name."""
        totals, _ = self.decider.counts.totals()
        return sum(number for key, number in totals.items() if key[0] == name)

    def wait_for(self, records: int, seconds: float = 30.0) -> None:
        """Until so many records are stored, by this one."""
        wait_until(lambda: self.error is not None or self.counted("in") >= records, f"{records} are stored", seconds)
        assert self.error is None

    def end(self) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        assert self.error is None
