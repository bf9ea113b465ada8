-- Risk of a user in each window of five minutes: points for a high amount, for several countries, for many transactions.
-- Countries are counted exactly, without the null that COLLECT_SET would keep; COUNT_DISTINCT is an estimate, and keeps 2,731
-- numbers of each user and window.

SET 'auto.offset.reset' = 'earliest';

CREATE TABLE IF NOT EXISTS user_windows WITH (
  KAFKA_TOPIC = 'user-windows',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  user_id                                AS user_key,
  AS_VALUE(user_id)                      AS user_id,
  WINDOWSTART                            AS window_start,
  WINDOWEND                              AS window_end,
  COUNT(*)                               AS tx_count,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(country), CAST(NULL AS STRING))) AS BIGINT) AS countries,
  MAX(amount)                            AS max_amount,
  LATEST_BY_OFFSET(account_id)           AS account_id,
  LATEST_BY_OFFSET(card_hash)            AS card_hash,
  EARLIEST_BY_OFFSET(transaction_id, 20) AS transaction_ids
FROM transactions
WINDOW TUMBLING (SIZE 5 MINUTES, RETENTION 2 HOURS, GRACE PERIOD 1 HOUR)
WHERE transaction_id IS NOT NULL AND user_id IS NOT NULL
GROUP BY user_id
EMIT CHANGES;

CREATE STREAM IF NOT EXISTS user_window_changes (
  user_id         STRING,
  window_start    BIGINT,
  window_end      BIGINT,
  tx_count        BIGINT,
  countries       BIGINT,
  max_amount      DOUBLE,
  account_id      STRING,
  card_hash       STRING,
  transaction_ids ARRAY<STRING>
) WITH (
  KAFKA_TOPIC = 'user-windows',
  VALUE_FORMAT = 'JSON'
);

-- A window's points only grow. When they do, or its numbers change, the alert comes again with the same id.
CREATE OR REPLACE STREAM risk_alerts WITH (
  KAFKA_TOPIC = 'fraud-alerts',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  'RISK:' + user_id + ':' + CAST(window_start AS STRING) AS alert_key,
  AS_VALUE('RISK:' + user_id + ':' + CAST(window_start AS STRING)) AS alert_id,
  'RISK' AS rule,
  'largest amount ' + COALESCE(CAST(max_amount AS STRING), 'none') + ', countries ' + CAST(countries AS STRING)
    + ', transactions ' + CAST(tx_count AS STRING) + ' in five minutes' AS reason,
  (CASE WHEN max_amount > ${high_amount} THEN 2 ELSE 0 END)
    + (CASE WHEN countries > ${risk_countries} THEN 2 ELSE 0 END)
    + (CASE WHEN tx_count > ${risk_count} THEN 1 ELSE 0 END) AS score,
  'REVIEW' AS action_required,
  'ksql' AS source,
  account_id AS account_id,
  card_hash AS card_hash,
  user_id AS user_id,
  transaction_ids AS transaction_ids,
  max_amount AS amount,
  tx_count AS tx_count,
  countries AS countries,
  window_start AS window_start,
  window_end AS window_end,
  ROWTIME AS event_time
FROM user_window_changes
WHERE (CASE WHEN max_amount > ${high_amount} THEN 2 ELSE 0 END)
    + (CASE WHEN countries > ${risk_countries} THEN 2 ELSE 0 END)
    + (CASE WHEN tx_count > ${risk_count} THEN 1 ELSE 0 END) >= ${risk_score}
PARTITION BY 'RISK:' + user_id + ':' + CAST(window_start AS STRING)
EMIT CHANGES;
