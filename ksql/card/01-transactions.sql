-- Card transactions, the key is the card. Columns that are not declared, V among them, are ignored.
-- Event time is the record's own `timestamp`: ISO 8601 with an offset and 0, 3 or 6 digits of a second.
-- What ${name} stands for is in init/card.yml.

SET 'auto.offset.reset' = 'earliest';

CREATE STREAM IF NOT EXISTS transactions (
  card_key          STRING KEY,
  transaction_id    STRING,
  card_hash         STRING,
  account_id        STRING,
  user_id           STRING,
  merchant_id       STRING,
  merchant_category STRING,
  country           STRING,
  amount            DOUBLE,
  currency          STRING,
  timestamp         STRING
) WITH (
  KAFKA_TOPIC = 'transactions',
  KEY_FORMAT = 'KAFKA',
  VALUE_FORMAT = 'JSON',
  TIMESTAMP = 'timestamp',
  TIMESTAMP_FORMAT = 'yyyy-MM-dd''T''HH:mm:ss[.SSSSSS][.SSS]XXX'
);
