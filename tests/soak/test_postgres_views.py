"""Ten million transactions, their decisions and totals: what the views and counts take then."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

import pytest

from streamguard.model import Pipeline
from streamguard.postgres.connect import connect, database_uri, in_database
from streamguard.postgres.migrate import migrate
from streamguard.project import read_text
from streamguard.query.files import queries
from streamguard.stack.stack import Stack

RECORDS = 10_000_000
VIEW_SECONDS, COUNT_SECONDS, ROUNDS = 0.05, 2.0, 7
# 30,000 cards of 24,000 accounts, as in the world; an account's cards lie on different partitions.
FILL = """
INSERT INTO transactions
SELECT 'r20260101-' || to_char(n, 'FM000000000'), md5((n % 30000 % 24000)::text)::uuid::text, md5((n % 30000)::text),
  md5((n % 20000)::text)::uuid::text, 'm-' || n % 3000, 'grocery', 'DE', (n % 100000) / 100.0,
  (ARRAY['EUR', 'USD', 'GBP', 'BRL', 'INR'])[n % 5 + 1],
  timestamptz '2026-01-01 00:00:00Z' + n * interval '1 second', n % 199 = 0, n % 30000 % 7 % 6, n
FROM generate_series(1, 10000000) AS n;
INSERT INTO fraud_decisions
SELECT transaction_id, 'd-' || transaction_id, 1, CASE WHEN is_fraud THEN 'decline' ELSE 'approve' END, '[]', '{}', 0,
  'low', '0123456789abcdef', false, now(), 12, 345.67, 99.9, 1767225600000, 'DE'
FROM transactions;
INSERT INTO fraud_alerts
SELECT 'HIGH_AMOUNT:' || transaction_id, (ARRAY['HIGH_AMOUNT', 'NIGHT_TIME', 'RISK'])[kafka_offset % 3 + 1],
  'because', 2, 'REVIEW', 'ksql', account_id, card_hash, user_id, ARRAY[transaction_id], amount, 1, 1, NULL, NULL,
  event_time, 0, 0
FROM transactions WHERE kafka_offset % 50 = 0;
INSERT INTO account_totals
SELECT account_id, kafka_partition, count(*), sum(amount) * 10000, 0, count(*) FILTER (WHERE is_fraud),
  coalesce(sum(amount * 10000) FILTER (WHERE is_fraud), 0), min(event_time), max(event_time), sum(amount), max(amount),
  0, 'DE'
FROM transactions GROUP BY 1, 2;
INSERT INTO daily_totals
SELECT (event_time AT TIME ZONE 'UTC')::date, currency, kafka_partition, count(*), sum(amount), 0,
  count(*) FILTER (WHERE is_fraud), coalesce(sum(amount) FILTER (WHERE is_fraud), 0)
FROM transactions GROUP BY 1, 2, 3;
INSERT INTO rule_totals SELECT rule, kafka_partition, count(*) FROM fraud_alerts GROUP BY 1, 2;
"""
VIEWS = {
    "all accounts": "SELECT * FROM account_risk_profile",
    "one account": "SELECT * FROM account_risk_profile WHERE account_id = md5('17')::uuid::text",
    "the worst twenty": "SELECT * FROM account_risk_profile ORDER BY fraud_rate DESC, account_id LIMIT 20",
    "fraud_statistics": "SELECT * FROM fraud_statistics",
}
COUNTS = {
    "transactions": "SELECT count(*) FROM transactions",
    "frauds": "SELECT count(*) FROM transactions WHERE is_fraud",
    "decisions": "SELECT count(*) FROM fraud_decisions",
    "decisions by action": "SELECT action, count(*) FROM fraud_decisions GROUP BY 1",
}


@pytest.fixture(scope="module")
def uri(stack: Stack) -> Iterator[str]:
    """A database of that size."""
    stack.start(["postgres"])
    server = stack.settings.postgres_uri
    uri = database_uri(stack.settings, Pipeline("views", postgres_database="views"))
    migrate(uri)
    begin = time.monotonic()
    with connect(uri, autocommit=True) as connection:
        for statement in FILL.strip().split(";\n"):
            connection.execute(statement.encode())
        connection.execute("VACUUM ANALYZE")
    print(f"\n{RECORDS:,} transactions, decisions and their totals in {time.monotonic() - begin:.0f} s")
    yield uri
    with connect(in_database(server, "postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE views WITH (FORCE)")


def seconds(uri: str, statements: dict[str, str]) -> dict[str, float]:
    """The median of ROUNDS runs of each, until all rows are here; the first run, which reads the disk, is left out."""
    found = {}
    with connect(uri, autocommit=True) as connection:
        for name, statement in statements.items():
            runs = []
            for _ in range(ROUNDS + 1):
                begin = time.perf_counter()
                connection.execute(statement.encode())
                runs.append(time.perf_counter() - begin)
            found[name] = statistics.median(runs[1:])
    print(
        f"load {os.getloadavg()[0]:.1f}: " + ", ".join(f"{name} {1000 * value:.1f} ms" for name, value in found.items())
    )
    return found


@pytest.mark.timeout(1_200)
def test_with_ten_million_transactions_the_views_answer_in_50_ms_and_full_counts_in_2_seconds(
    uri: str, stack: Stack
) -> None:
    views, counts = seconds(uri, VIEWS), seconds(uri, COUNTS)
    shipped = {one.name: read_text(one.postgres_file) for one in queries(stack.project) if one.pipeline == "card"}
    seconds(uri, shipped)
    assert max(views.values()) < VIEW_SECONDS
    assert max(counts.values()) < COUNT_SECONDS
