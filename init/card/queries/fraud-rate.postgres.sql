-- How many transactions there are, and how many percent of them are fraud (declined).
SELECT
  transactions,
  approved_count,
  review_count,
  fraud_count,
  fraud_rate,
  alerts
FROM fraud_statistics;
