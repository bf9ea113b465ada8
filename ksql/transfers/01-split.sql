-- Transfers of ${fraud_amount} and more are fraud, the others are legitimate. A missing amount passes:
-- without the IS NULL it would be in neither topic.

SET 'auto.offset.reset' = 'earliest';

-- The sender is the key of a record and in its value too, so the key column needs a name of its own.
-- It stays the key of what is written: the transfers of an account stay in order.
CREATE STREAM IF NOT EXISTS transfers (
  account_key STRING KEY,
  source      STRING,
  target      STRING,
  amount      DOUBLE,
  currency    STRING
) WITH (
  KAFKA_TOPIC = 'queueing.transactions',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON'
);

-- OR REPLACE: another threshold replaces the two in place, and they go on where they were.
CREATE OR REPLACE STREAM transfers_fraud WITH (
  KAFKA_TOPIC = 'streaming.transactions.fraud'
) AS
SELECT account_key, source, target, amount, currency
FROM transfers
WHERE amount >= ${fraud_amount}
EMIT CHANGES;

CREATE OR REPLACE STREAM transfers_legit WITH (
  KAFKA_TOPIC = 'streaming.transactions.legit'
) AS
SELECT account_key, source, target, amount, currency
FROM transfers
WHERE amount < ${fraud_amount} OR amount IS NULL
EMIT CHANGES;
