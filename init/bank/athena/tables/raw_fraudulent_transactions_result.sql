-- The result of the fraud statements, a row a transaction.
-- The columns of init/bank.yml. Put a bucket of yours in LOCATION, and run it in the Athena database `bank`.
CREATE TABLE IF NOT EXISTS raw_fraudulent_transactions_result (
  transaction_id        string,
  sender_bank_account   string,
  sender_id             string,
  receiver_bank_account string,
  receiver_id           string,
  amount                double,
  status                string,
  evaluation            string,
  transfer_date         string,
  sender_bank           string,
  source_process        string,
  `_partition`          int,
  `_offset`             bigint
)
LOCATION 's3://your-bucket/bank/raw_fraudulent_transactions_result/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet')
