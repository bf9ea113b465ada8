"""The statements by which the decider writes. Times come in milliseconds since 1970, sums in ten thousandths.

Every row that is written here is written under the one lock of all deciders (`store`), so what is read before is still
so when it is written: transactions that were not there are new, and need no look whether they are there already.
"""

from __future__ import annotations

STAGING = """
CREATE TEMPORARY TABLE staged_transactions (transaction_id TEXT, is_fraud BOOLEAN) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_fraud_decisions (
  transaction_id TEXT, revision INTEGER, action TEXT, reasons JSONB, alert_ids TEXT[], score INTEGER, severity TEXT,
  rules_version TEXT, published BOOLEAN, decided_at TIMESTAMPTZ
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_fraud_alerts (
  alert_id TEXT, rule TEXT, reason TEXT, score INTEGER, action_required TEXT, source TEXT, account_id TEXT,
  card_hash TEXT, user_id TEXT, transaction_ids TEXT[], amount NUMERIC, tx_count BIGINT, countries BIGINT,
  window_start BIGINT, window_end BIGINT, event_time BIGINT, kafka_partition INTEGER, kafka_offset BIGINT
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_unlinked (transaction_id TEXT, alert_id TEXT) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_alert_transactions (transaction_id TEXT, alert_id TEXT) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_account_totals (
  account_id TEXT, kafka_partition INTEGER, transactions BIGINT, amount BIGINT, reviews BIGINT, frauds BIGINT,
  fraud_amount BIGINT, first_seen BIGINT, last_seen BIGINT, profile_total DOUBLE PRECISION,
  profile_highest DOUBLE PRECISION, profile_last_time BIGINT, profile_last_country TEXT
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_daily_totals (
  day DATE, currency TEXT, kafka_partition INTEGER, transactions BIGINT, amount BIGINT, reviews BIGINT, frauds BIGINT,
  fraud_amount BIGINT
) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE staged_rule_totals (rule TEXT, kafka_partition INTEGER, alerts BIGINT) ON COMMIT DELETE ROWS;
-- A product with an interval is one of doubles: exact for days, and for parts of a day.
CREATE FUNCTION pg_temp.since_1970(ms BIGINT) RETURNS TIMESTAMPTZ LANGUAGE SQL IMMUTABLE RETURN
  (TIMESTAMP 'epoch' + ms / 86400000 * INTERVAL '1 day' + ms % 86400000 * INTERVAL '1 millisecond') AT TIME ZONE 'UTC';
"""

NEW_TRANSACTIONS = """transactions (
  transaction_id, account_id, card_hash, user_id, merchant_id, merchant_category, country, amount, currency, event_time,
  is_fraud, kafka_partition, kafka_offset
)"""
NEW_DECISIONS = """fraud_decisions (
  transaction_id, decision_id, revision, action, reasons, alert_ids, score, severity, rules_version, published,
  decided_at, profile_transactions, profile_total, profile_highest, profile_last_time, profile_last_country
)"""
OUTBOX = "outbox (topic, key, value, timestamp_ms, headers)"

UPSERTS = {
    "transactions": """
        UPDATE transactions AS t SET is_fraud = s.is_fraud
        FROM staged_transactions AS s WHERE t.transaction_id = s.transaction_id
    """,
    "fraud_decisions": """
        UPDATE fraud_decisions AS d SET
          revision = s.revision, action = s.action, reasons = s.reasons, alert_ids = s.alert_ids, score = s.score,
          severity = s.severity, rules_version = s.rules_version, published = s.published, decided_at = s.decided_at
        FROM staged_fraud_decisions AS s WHERE d.transaction_id = s.transaction_id
    """,
    "fraud_alerts": """
        INSERT INTO fraud_alerts (
          alert_id, rule, reason, score, action_required, source, account_id, card_hash, user_id, transaction_ids,
          amount, tx_count, countries, window_start, window_end, event_time, kafka_partition, kafka_offset
        )
        SELECT
          alert_id, rule, reason, score, action_required, source, account_id, card_hash, user_id, transaction_ids,
          amount, tx_count, countries, pg_temp.since_1970(window_start), pg_temp.since_1970(window_end),
          pg_temp.since_1970(event_time), kafka_partition, kafka_offset
        FROM staged_fraud_alerts
        ON CONFLICT (alert_id) DO UPDATE SET
          rule = EXCLUDED.rule, reason = EXCLUDED.reason, score = EXCLUDED.score,
          action_required = EXCLUDED.action_required, source = EXCLUDED.source, account_id = EXCLUDED.account_id,
          card_hash = EXCLUDED.card_hash, user_id = EXCLUDED.user_id, transaction_ids = EXCLUDED.transaction_ids,
          amount = EXCLUDED.amount, tx_count = EXCLUDED.tx_count, countries = EXCLUDED.countries,
          window_start = EXCLUDED.window_start, window_end = EXCLUDED.window_end, event_time = EXCLUDED.event_time,
          kafka_partition = EXCLUDED.kafka_partition, kafka_offset = EXCLUDED.kafka_offset
    """,
    "unlinked": """
        DELETE FROM alert_transactions AS a USING staged_unlinked AS s
        WHERE a.transaction_id = s.transaction_id AND a.alert_id = s.alert_id
    """,
    "alert_transactions": """
        INSERT INTO alert_transactions (transaction_id, alert_id)
        SELECT transaction_id, alert_id FROM staged_alert_transactions
        ON CONFLICT (transaction_id, alert_id) DO NOTHING
    """,
    "account_totals": """
        INSERT INTO account_totals AS t (
          account_id, kafka_partition, transactions, amount_units, reviews, frauds, fraud_amount_units,
          first_seen, last_seen, profile_total, profile_highest, profile_last_time, profile_last_country
        )
        SELECT
          account_id, kafka_partition, transactions, amount, reviews, frauds, fraud_amount,
          pg_temp.since_1970(first_seen), pg_temp.since_1970(last_seen),
          profile_total, profile_highest, profile_last_time, profile_last_country
        FROM staged_account_totals
        ON CONFLICT (account_id, kafka_partition) DO UPDATE SET
          transactions = t.transactions + EXCLUDED.transactions, amount_units = t.amount_units + EXCLUDED.amount_units,
          reviews = t.reviews + EXCLUDED.reviews, frauds = t.frauds + EXCLUDED.frauds,
          fraud_amount_units = t.fraud_amount_units + EXCLUDED.fraud_amount_units,
          first_seen = least(t.first_seen, EXCLUDED.first_seen), last_seen = greatest(t.last_seen, EXCLUDED.last_seen),
          profile_total = CASE WHEN EXCLUDED.transactions > 0 THEN EXCLUDED.profile_total ELSE t.profile_total END,
          profile_highest =
            CASE WHEN EXCLUDED.transactions > 0 THEN EXCLUDED.profile_highest ELSE t.profile_highest END,
          profile_last_time =
            CASE WHEN EXCLUDED.transactions > 0 THEN EXCLUDED.profile_last_time ELSE t.profile_last_time END,
          profile_last_country =
            CASE WHEN EXCLUDED.transactions > 0 THEN EXCLUDED.profile_last_country ELSE t.profile_last_country END
    """,
    "daily_totals": """
        INSERT INTO daily_totals AS t (
          day, currency, kafka_partition, transactions, amount, reviews, frauds, fraud_amount
        )
        SELECT
          day, currency, kafka_partition, transactions, amount * 0.0001, reviews, frauds, fraud_amount * 0.0001
        FROM staged_daily_totals
        ON CONFLICT (day, currency, kafka_partition) DO UPDATE SET
          transactions = t.transactions + EXCLUDED.transactions, amount = t.amount + EXCLUDED.amount,
          reviews = t.reviews + EXCLUDED.reviews, frauds = t.frauds + EXCLUDED.frauds,
          fraud_amount = t.fraud_amount + EXCLUDED.fraud_amount
    """,
    "rule_totals": """
        INSERT INTO rule_totals AS t (rule, kafka_partition, alerts)
        SELECT rule, kafka_partition, alerts FROM staged_rule_totals
        ON CONFLICT (rule, kafka_partition) DO UPDATE SET alerts = t.alerts + EXCLUDED.alerts
    """,
    "kafka_offsets": """
        INSERT INTO kafka_offsets (service, topic, partition, next_offset)
        SELECT * FROM unnest(
          CAST(%s AS TEXT[]), CAST(%s AS TEXT[]), CAST(%s AS INTEGER[]), CAST(%s AS BIGINT[])
        )
        ON CONFLICT (service, topic, partition) DO UPDATE SET next_offset = EXCLUDED.next_offset
    """,
}
