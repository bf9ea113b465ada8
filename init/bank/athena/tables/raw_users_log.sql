-- Sender and receiver of each fraudulent transaction, in the order of arrival; the view raw_users has each user once.
-- The columns of init/bank.yml. Put a bucket of yours in LOCATION, and run it in the Athena database `bank`.
CREATE TABLE IF NOT EXISTS raw_users_log (
  id             string,
  name           string,
  address        string,
  email          string,
  birthdate      string,
  phone_number   string,
  job            string,
  company        string,
  ssn            string,
  blood_group    string,
  website        string,
  username       string,
  bank_account   string,
  source_process string,
  `_partition`   int,
  `_offset`      bigint
)
LOCATION 's3://your-bucket/bank/raw_users_log/'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet')
