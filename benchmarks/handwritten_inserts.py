"""The yardsticks: transactions from Kafka into PostgreSQL as they are usually written, without deciding anything.

`row`: an INSERT for each record, and a commit. `many`: executemany of each batch of 1,000, and a commit. Both write one
row into one table with the columns of `transactions`, ignore what is there already, and commit to Kafka afterwards:
at least once. No check of a record, no decision, no totals, no alerts, no outbox.

    python -m benchmarks.handwritten_inserts row|many BOOTSTRAP GROUP TOPIC COUNT    (the URI in POSTGRES_URI)
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
TABLE = """
CREATE TABLE IF NOT EXISTS handwritten (
  transaction_id TEXT PRIMARY KEY, account_id TEXT, card_hash TEXT, user_id TEXT, merchant_id TEXT,
  merchant_category TEXT, country TEXT, amount NUMERIC(18, 4), currency TEXT, event_time TIMESTAMPTZ
)
"""
INSERT = """
INSERT INTO handwritten VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (transaction_id) DO NOTHING
"""
BATCH = 1_000


def row(message: Any) -> tuple[Any, ...]:
    """The columns of a record."""
    read = orjson.loads(message.value())
    return tuple([read[name] for name in COLUMNS])


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
        connection.execute(TABLE)
        connection.execute("TRUNCATE handwritten")
        connection.commit()
        cursor = connection.cursor()
        while done < count:
            messages: list[Any] = consumer.consume(BATCH, 0.5)
            if way == "many":
                cursor.executemany(INSERT, [row(message) for message in messages])
                connection.commit()
            else:
                for message in messages:
                    cursor.execute(INSERT, row(message))
                    connection.commit()
            if messages:
                consumer.commit(asynchronous=False)
            done += len(messages)
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]))
