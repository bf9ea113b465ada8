-- Each fraudulent transaction with its sender and receiver, newest first.
-- LEFT JOIN: a transaction is shown even while its people have not arrived.
SELECT
  t.transaction_id,
  t.amount,
  t.evaluation,
  t.transfer_date,
  s.name    AS sender_name,
  s.address AS sender_address,
  s.email   AS sender_email,
  r.name    AS receiver_name,
  r.address AS receiver_address,
  r.email   AS receiver_email,
  t.source_process
FROM raw_fraudulent_transactions_result AS t
LEFT JOIN raw_users AS s ON s.id = t.sender_id
LEFT JOIN raw_users AS r ON r.id = t.receiver_id
ORDER BY t.transfer_date DESC NULLS LAST, t.transaction_id
