-- Alerts that need one transaction only. Five queries write the one topic of alerts, with the same columns:
--
--   ALERT_ID         rule and transaction, or rule, account and window: the same whenever it is computed again. Whoever reads
--                    alerts keeps the last record of each id, which is also the key
--   RULE             HIGH_AMOUNT, NIGHT_TIME, HIGH_RISK_CATEGORY (here), VELOCITY (03), RISK (04)
--   REASON, SCORE    a sentence, and how much it weighs: 1 or 2; of RISK the points, up to 5
--   ACTION_REQUIRED  BLOCK or REVIEW
--   TRANSACTION_IDS  those of the window that came first, 20 at most
--   AMOUNT           of the transaction, or the largest of the window
--   WINDOW_START, WINDOW_END, EVENT_TIME   milliseconds; a window's are null where there is none
--
-- A transaction without an id has no alert. Text is joined with +: the operator || parses, but ksqlDB can not run it.

SET 'auto.offset.reset' = 'earliest';

CREATE OR REPLACE STREAM high_amount_alerts WITH (
  KAFKA_TOPIC = 'fraud-alerts',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  'HIGH_AMOUNT:' + transaction_id AS alert_key,
  AS_VALUE('HIGH_AMOUNT:' + transaction_id) AS alert_id,
  'HIGH_AMOUNT' AS rule,
  'amount ' + CAST(amount AS STRING) + ' is above ${high_amount}' AS reason,
  2 AS score,
  'REVIEW' AS action_required,
  'ksql' AS source,
  account_id AS account_id,
  card_hash AS card_hash,
  user_id AS user_id,
  ARRAY[transaction_id] AS transaction_ids,
  amount AS amount,
  CAST(1 AS BIGINT) AS tx_count,
  CAST(1 AS BIGINT) AS countries,
  CAST(NULL AS BIGINT) AS window_start,
  CAST(NULL AS BIGINT) AS window_end,
  ROWTIME AS event_time
FROM transactions
WHERE transaction_id IS NOT NULL
  AND amount > ${high_amount}
PARTITION BY 'HIGH_AMOUNT:' + transaction_id
EMIT CHANGES;

-- Hours after the night began, against how long it lasts: so it may end on the next day (22 to 6), or not (0 to 5).
CREATE OR REPLACE STREAM night_alerts WITH (
  KAFKA_TOPIC = 'fraud-alerts',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  'NIGHT_TIME:' + transaction_id AS alert_key,
  AS_VALUE('NIGHT_TIME:' + transaction_id) AS alert_id,
  'NIGHT_TIME' AS rule,
  'amount ' + CAST(amount AS STRING) + ' between ${night_from} and ${night_to} o''clock, ${night_zone}' AS reason,
  1 AS score,
  'REVIEW' AS action_required,
  'ksql' AS source,
  account_id AS account_id,
  card_hash AS card_hash,
  user_id AS user_id,
  ARRAY[transaction_id] AS transaction_ids,
  amount AS amount,
  CAST(1 AS BIGINT) AS tx_count,
  CAST(1 AS BIGINT) AS countries,
  CAST(NULL AS BIGINT) AS window_start,
  CAST(NULL AS BIGINT) AS window_end,
  ROWTIME AS event_time
FROM transactions
WHERE transaction_id IS NOT NULL
  AND amount > ${night_amount}
  AND (CAST(FORMAT_TIMESTAMP(FROM_UNIXTIME(ROWTIME), 'HH', '${night_zone}') AS INT) + 24 - ${night_from}) % 24
    < (${night_to} + 24 - ${night_from}) % 24
PARTITION BY 'NIGHT_TIME:' + transaction_id
EMIT CHANGES;

CREATE OR REPLACE STREAM category_alerts WITH (
  KAFKA_TOPIC = 'fraud-alerts',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
) AS
SELECT
  'HIGH_RISK_CATEGORY:' + transaction_id AS alert_key,
  AS_VALUE('HIGH_RISK_CATEGORY:' + transaction_id) AS alert_id,
  'HIGH_RISK_CATEGORY' AS rule,
  'amount ' + CAST(amount AS STRING) + ' at a merchant of category ' + merchant_category AS reason,
  1 AS score,
  'REVIEW' AS action_required,
  'ksql' AS source,
  account_id AS account_id,
  card_hash AS card_hash,
  user_id AS user_id,
  ARRAY[transaction_id] AS transaction_ids,
  amount AS amount,
  CAST(1 AS BIGINT) AS tx_count,
  CAST(1 AS BIGINT) AS countries,
  CAST(NULL AS BIGINT) AS window_start,
  CAST(NULL AS BIGINT) AS window_end,
  ROWTIME AS event_time
FROM transactions
WHERE transaction_id IS NOT NULL
  AND amount > ${high_risk_amount}
  AND ARRAY_CONTAINS(SPLIT('${high_risk_categories}', ','), LCASE(merchant_category))
PARTITION BY 'HIGH_RISK_CATEGORY:' + transaction_id
EMIT CHANGES;
