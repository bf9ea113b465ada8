-- The twenty people who sent the most fraudulent transactions.
WITH senders AS (
  SELECT
    sender_id,
    count(*)                           AS transactions,
    round(coalesce(sum(amount), 0), 2) AS total_amount
  FROM raw_fraudulent_transactions_result
  WHERE sender_id IS NOT NULL
  GROUP BY sender_id
  ORDER BY transactions DESC, sender_id
  LIMIT 20
)
SELECT
  s.sender_id,
  u.name  AS sender_name,
  u.email AS sender_email,
  s.transactions,
  s.total_amount
FROM senders AS s
LEFT JOIN raw_users AS u ON u.id = s.sender_id
ORDER BY s.transactions DESC, s.sender_id
