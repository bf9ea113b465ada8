-- More than a few transactions of one account in a minute, by the clock.
-- The table holds facts and no threshold: a table of windows can not be replaced while it runs, a stream that filters its
-- changes can. So a threshold changes one WHERE, and no count is lost.

SET 'auto.offset.reset' = 'earliest';

CREATE TABLE IF NOT EXISTS account_minutes WITH (
  KAFKA_TOPIC = 'account-minutes',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  account_id                             AS account_key,
  AS_VALUE(account_id)                   AS account_id,
  WINDOWSTART                            AS window_start,
  WINDOWEND                              AS window_end,
  COUNT(*)                               AS tx_count,
  CAST(ARRAY_LENGTH(ARRAY_REMOVE(COLLECT_SET(country), CAST(NULL AS STRING))) AS BIGINT) AS countries,
  MAX(amount)                            AS max_amount,
  LATEST_BY_OFFSET(card_hash)            AS card_hash,
  LATEST_BY_OFFSET(user_id)              AS user_id,
  EARLIEST_BY_OFFSET(transaction_id, 20) AS transaction_ids
FROM transactions
WINDOW TUMBLING (SIZE 1 MINUTE, RETENTION 2 HOURS, GRACE PERIOD 1 HOUR)
WHERE transaction_id IS NOT NULL AND account_id IS NOT NULL
GROUP BY account_id
EMIT CHANGES;

-- The table's topic read as a stream, without its key: a stream that knows its key is windowed can not get another key.
CREATE STREAM IF NOT EXISTS account_minute_changes (
  account_id      STRING,
  window_start    BIGINT,
  window_end      BIGINT,
  tx_count        BIGINT,
  countries       BIGINT,
  max_amount      DOUBLE,
  card_hash       STRING,
  user_id         STRING,
  transaction_ids ARRAY<STRING>
) WITH (
  KAFKA_TOPIC = 'account-minutes',
  VALUE_FORMAT = 'JSON'
);

-- Above the threshold, not just beyond it: several changes of a window may come as one, and then a count skips numbers.
-- Every further transaction gives the alert again, with the same id and the new count.
CREATE OR REPLACE STREAM velocity_alerts WITH (
  KAFKA_TOPIC = 'fraud-alerts',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  'VELOCITY:' + account_id + ':' + CAST(window_start AS STRING) AS alert_key,
  AS_VALUE('VELOCITY:' + account_id + ':' + CAST(window_start AS STRING)) AS alert_id,
  'VELOCITY' AS rule,
  CAST(tx_count AS STRING) + ' transactions in a minute, more than ${velocity_max}' AS reason,
  2 AS score,
  'BLOCK' AS action_required,
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
FROM account_minute_changes
WHERE tx_count > ${velocity_max}
PARTITION BY 'VELOCITY:' + account_id + ':' + CAST(window_start AS STRING)
EMIT CHANGES;
