"""The tables, and the views over the totals."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None

TABLES = """
CREATE TABLE transactions (
  transaction_id TEXT NOT NULL,
  account_id TEXT NOT NULL,
  card_hash TEXT NOT NULL,
  user_id TEXT NOT NULL,
  merchant_id TEXT NOT NULL,
  merchant_category TEXT NOT NULL,
  country TEXT NOT NULL,
  amount NUMERIC(18, 4) NOT NULL,
  currency TEXT NOT NULL,
  event_time TIMESTAMPTZ NOT NULL,
  is_fraud BOOLEAN NOT NULL DEFAULT false,
  kafka_partition INTEGER NOT NULL,
  kafka_offset BIGINT NOT NULL,
  PRIMARY KEY (transaction_id)
);
CREATE INDEX transactions_event_time_idx ON transactions USING brin (event_time);

CREATE TABLE fraud_alerts (
  alert_id TEXT NOT NULL,
  rule TEXT NOT NULL,
  reason TEXT NOT NULL,
  score INTEGER NOT NULL,
  action_required TEXT NOT NULL,
  source TEXT NOT NULL,
  account_id TEXT,
  card_hash TEXT,
  user_id TEXT,
  transaction_ids TEXT[] NOT NULL DEFAULT '{}',
  amount NUMERIC(18, 4),
  tx_count BIGINT,
  countries BIGINT,
  window_start TIMESTAMPTZ,
  window_end TIMESTAMPTZ,
  event_time TIMESTAMPTZ NOT NULL,
  kafka_partition INTEGER NOT NULL,
  kafka_offset BIGINT NOT NULL,
  PRIMARY KEY (alert_id)
);
CREATE INDEX fraud_alerts_rule_event_time_idx ON fraud_alerts (rule, event_time);

CREATE TABLE alert_transactions (
  transaction_id TEXT NOT NULL,
  alert_id TEXT NOT NULL,
  PRIMARY KEY (transaction_id, alert_id)
);

CREATE TABLE fraud_decisions (
  transaction_id TEXT NOT NULL,
  decision_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  action TEXT NOT NULL,
  reasons JSONB NOT NULL DEFAULT '[]',
  alert_ids TEXT[] NOT NULL DEFAULT '{}',
  score INTEGER NOT NULL,
  severity TEXT NOT NULL,
  rules_version TEXT NOT NULL,
  profile JSONB NOT NULL,
  published BOOLEAN NOT NULL,
  decided_at TIMESTAMPTZ NOT NULL,
  PRIMARY KEY (transaction_id)
);
COMMENT ON COLUMN fraud_decisions.decision_id IS 'made from transaction_id, so unique without an index';

CREATE TABLE account_totals (
  account_id TEXT NOT NULL,
  kafka_partition INTEGER NOT NULL,
  transactions INTEGER NOT NULL DEFAULT 0,
  amount_units BIGINT NOT NULL DEFAULT 0,
  reviews INTEGER NOT NULL DEFAULT 0,
  frauds INTEGER NOT NULL DEFAULT 0,
  fraud_amount_units BIGINT NOT NULL DEFAULT 0,
  first_seen TIMESTAMPTZ NOT NULL,
  last_seen TIMESTAMPTZ NOT NULL,
  profile_total DOUBLE PRECISION NOT NULL,
  profile_highest DOUBLE PRECISION NOT NULL,
  profile_last_time BIGINT NOT NULL,
  profile_last_country TEXT NOT NULL,
  PRIMARY KEY (account_id, kafka_partition)
) WITH (fillfactor = 70);
COMMENT ON COLUMN account_totals.amount_units IS 'the sum in ten-thousandths';
COMMENT ON COLUMN account_totals.fraud_amount_units IS 'the sum in ten-thousandths';
COMMENT ON COLUMN account_totals.profile_last_time IS 'milliseconds since 1970';

CREATE TABLE daily_totals (
  day DATE NOT NULL,
  currency TEXT NOT NULL,
  kafka_partition INTEGER NOT NULL,
  transactions BIGINT NOT NULL DEFAULT 0,
  amount NUMERIC NOT NULL DEFAULT 0,
  reviews BIGINT NOT NULL DEFAULT 0,
  frauds BIGINT NOT NULL DEFAULT 0,
  fraud_amount NUMERIC NOT NULL DEFAULT 0,
  PRIMARY KEY (day, currency, kafka_partition)
) WITH (fillfactor = 70);
COMMENT ON COLUMN daily_totals.day IS 'of event_time, in UTC';

CREATE TABLE rule_totals (
  rule TEXT NOT NULL,
  kafka_partition INTEGER NOT NULL,
  alerts BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (rule, kafka_partition)
) WITH (fillfactor = 70);
COMMENT ON COLUMN rule_totals.kafka_partition IS 'of fraud-alerts';

CREATE TABLE outbox (
  id BIGINT GENERATED ALWAYS AS IDENTITY,
  topic TEXT NOT NULL,
  key BYTEA,
  value BYTEA,
  timestamp_ms BIGINT,
  headers BYTEA,
  PRIMARY KEY (id)
);

CREATE TABLE kafka_offsets (
  service TEXT NOT NULL,
  topic TEXT NOT NULL,
  partition INTEGER NOT NULL,
  next_offset BIGINT NOT NULL,
  PRIMARY KEY (service, topic, partition)
);
"""

VIEWS = """
CREATE VIEW alerts AS
SELECT
  user_id,
  window_start,
  window_end,
  tx_count,
  countries,
  amount AS max_amount,
  score - score % 2 - (CASE WHEN countries > 1 THEN 2 ELSE 0 END) >= 2 AS high_amount,
  countries > 1 AS many_countries,
  score % 2 = 1 AS high_count,
  score AS risk_score
FROM fraud_alerts
WHERE rule = 'RISK';
COMMENT ON VIEW alerts IS 'Windows of users that the rule RISK found: their statistics, and what gave how many points';

-- Twenty thousand accounts in milliseconds: doubles are added three times as fast as what a sum of bigints is added as,
-- and whole numbers up to 2^53 exactly, in whatever order.
CREATE VIEW account_risk_profile AS
SELECT
  account_id,
  sum(transactions) AS transactions,
  CAST(sum(CAST(amount_units AS DOUBLE PRECISION)) AS BIGINT) * 0.0001 AS amount,
  sum(reviews) AS review_count,
  sum(frauds) AS fraud_count,
  CAST(sum(CAST(fraud_amount_units AS DOUBLE PRECISION)) AS BIGINT) * 0.0001 AS fraud_amount,
  CAST(10000.0 * CAST(sum(frauds) AS DOUBLE PRECISION) / nullif(sum(transactions), 0) AS BIGINT) * 0.01 AS fraud_rate,
  max(last_seen) AS last_seen
FROM account_totals
GROUP BY account_id;
COMMENT ON VIEW account_risk_profile IS 'Every account; amounts are summed whatever their currency';
COMMENT ON COLUMN account_risk_profile.fraud_rate IS 'percent of the transactions';

CREATE VIEW fraud_statistics AS
SELECT
  days.transactions,
  days.transactions - days.review_count - days.fraud_count AS approved_count,
  days.review_count,
  days.fraud_count,
  round(CAST(100 * days.fraud_count AS NUMERIC) / nullif(days.transactions, 0), 2) AS fraud_rate,
  days.amount,
  days.fraud_amount,
  days.first_day,
  days.last_day,
  rules.alerts,
  rules.alerts_by_rule
FROM (
  SELECT
    CAST(coalesce(sum(transactions), 0) AS BIGINT) AS transactions,
    CAST(coalesce(sum(reviews), 0) AS BIGINT) AS review_count,
    CAST(coalesce(sum(frauds), 0) AS BIGINT) AS fraud_count,
    coalesce(sum(amount), 0) AS amount,
    coalesce(sum(fraud_amount), 0) AS fraud_amount,
    min(day) AS first_day,
    max(day) AS last_day
  FROM daily_totals
) AS days
CROSS JOIN (
  SELECT
    CAST(coalesce(sum(alerts), 0) AS BIGINT) AS alerts,
    coalesce(jsonb_object_agg(rule, alerts), '{}') AS alerts_by_rule
  FROM (SELECT rule, CAST(sum(alerts) AS BIGINT) AS alerts FROM rule_totals GROUP BY rule) AS by_rule
) AS rules;
COMMENT ON VIEW fraud_statistics IS 'One row: all there is; amounts are summed whatever their currency';
COMMENT ON COLUMN fraud_statistics.fraud_rate IS 'percent of the transactions';
"""


def upgrade() -> None:
    """Make them."""
    op.execute(TABLES)
    op.execute(VIEWS)


def downgrade() -> None:
    """Remove them, and every row."""
    op.execute("DROP VIEW fraud_statistics, account_risk_profile, alerts")
    op.execute(
        "DROP TABLE transactions, fraud_alerts, alert_transactions, fraud_decisions, account_totals, "
        "daily_totals, rule_totals, outbox, kafka_offsets"
    )
