-- Each user once: the users log has a row for every transaction that names the user, this view the latest of them.
-- All records of one user have one key, so they lie in one Kafka partition, where the offset says which came last.
-- (After a topic was given more partitions a user's records may lie in two, and the log can not say which came last.)
CREATE OR REPLACE VIEW raw_users AS
SELECT
  id,
  name,
  address,
  email,
  birthdate,
  phone_number,
  job,
  company,
  ssn,
  blood_group,
  website,
  username,
  bank_account,
  source_process
FROM (
  SELECT
    l.*,
    row_number() OVER (PARTITION BY l.id ORDER BY l."_partition" DESC, l."_offset" DESC) AS recency
  FROM raw_users_log AS l
) AS numbered
WHERE recency = 1
