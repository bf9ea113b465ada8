"""The yardsticks: transactions from Kafka into PostgreSQL as they are usually written, without deciding anything.

`row`: INSERTs for each record, and a commit. `many`: executemany of each batch of 1,000, and a commit. Both write what
the decider writes about a purchase that nothing is said about: its row, the row of its decision, which is always the
same, and the totals of its account. `bare` is executemany of the first of these rows and nothing else. All ignore what
is there already, and commit to Kafka afterwards: at least once, and totals then count twice. No check of a record, no
rule, no profile, no alerts, no totals of days, no outbox.

    python -m benchmarks.handwritten_inserts row|many|bare BOOTSTRAP GROUP TOPIC COUNT    (the URI in POSTGRES_URI)
"""

from __future__ import annotations

import os
import sys
from typing import Any

import orjson
import psycopg
from confluent_kafka import Consumer

COLUMNS = (
    "transaction_id",
    "account_id",
    "card_hash",
    "user_id",
    "merchant_id",
    "merchant_category",
    "country",
    "amount",
    "currency",
    "timestamp",
)
TABLES = """
DROP TABLE IF EXISTS handwritten, handwritten_decisions, handwritten_totals;
CREATE TABLE handwritten (
  transaction_id TEXT PRIMARY KEY, account_id TEXT, card_hash TEXT, user_id TEXT, merchant_id TEXT,
  merchant_category TEXT, country TEXT, amount NUMERIC(18, 4), currency TEXT, event_time TIMESTAMPTZ
);
CREATE TABLE handwritten_decisions (
  transaction_id TEXT PRIMARY KEY, decision_id TEXT, action TEXT, reasons JSONB, alert_ids TEXT[], score INTEGER,
  severity TEXT, rules_version TEXT, decided_at TIMESTAMPTZ
);
CREATE TABLE handwritten_totals (
  account_id TEXT PRIMARY KEY, transactions INTEGER, amount NUMERIC, highest NUMERIC, last_seen TIMESTAMPTZ
)
"""
TRANSACTION = b"""
INSERT INTO handwritten VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (transaction_id) DO NOTHING
"""
DECISION = b"""
INSERT INTO handwritten_decisions VALUES (%s, %s, 'approve', '[]', '{}', 0, 'low', '0123456789abcdef', now())
ON CONFLICT (transaction_id) DO NOTHING
"""
TOTALS = b"""
INSERT INTO handwritten_totals AS t VALUES (%s, 1, %s, %s, %s)
ON CONFLICT (account_id) DO UPDATE SET
  transactions = t.transactions + 1, amount = t.amount + EXCLUDED.amount,
  highest = greatest(t.highest, EXCLUDED.highest), last_seen = greatest(t.last_seen, EXCLUDED.last_seen)
"""
BATCH = 1_000
Rows = list[tuple[Any, ...]]


def row(message: Any) -> tuple[Any, ...]:
    """The columns of a record."""
    read = orjson.loads(message.value())
    return tuple([read[name] for name in COLUMNS])


def statements(rows: Rows, *, bare: bool) -> list[tuple[bytes, Rows]]:
    """Each statement, and what it is executed with."""
    first = (TRANSACTION, rows)
    if bare:
        return [first]
    decisions = [(each[0], f"d-{each[0]}") for each in rows]
    totals = [(each[1], each[7], each[7], each[9]) for each in rows]
    return [first, (DECISION, decisions), (TOTALS, totals)]


def store(connection: psycopg.Connection[Any], way: str, rows: Rows) -> None:
    """Write rows of records, and commit."""
    cursor = connection.cursor()
    if way == "row":
        for each in rows:
            for statement, (values,) in statements([each], bare=False):
                cursor.execute(statement, values)
            connection.commit()
        return
    for statement, many in statements(rows, bare=way == "bare"):
        cursor.executemany(statement, many)
    connection.commit()


def main(way: str, bootstrap: str, group: str, topic: str, count: int) -> None:
    """Store `count` records."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([topic])
    done = 0
    with psycopg.connect(os.environ["POSTGRES_URI"]) as connection:
        connection.execute(TABLES)
        connection.commit()
        while done < count:
            messages: list[Any] = consumer.consume(BATCH, 0.5)
            if messages:
                store(connection, way, [row(message) for message in messages])
                consumer.commit(asynchronous=False)
            done += len(messages)
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
