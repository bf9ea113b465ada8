-- Accounts of whose transactions more than half are fraud, worst first. Amounts are added up whatever their currency.
SELECT
  account_id,
  transactions,
  fraud_count,
  fraud_rate,
  round(fraud_amount, 2) AS fraud_amount,
  last_seen
FROM account_risk_profile
WHERE fraud_rate > 50
ORDER BY fraud_rate DESC, fraud_count DESC, account_id;
