-- Number and amount of the fraudulent transactions of each sender's bank.
SELECT
  sender_bank,
  count(*)                           AS transactions,
  round(coalesce(sum(amount), 0), 2) AS total_amount,
  max(amount)                        AS largest_amount
FROM raw_fraudulent_transactions_result
GROUP BY sender_bank
ORDER BY transactions DESC, sender_bank NULLS FIRST
