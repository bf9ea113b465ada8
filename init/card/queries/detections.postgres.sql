-- Alerts of each rule in each hour (UTC), newest first, and how many accounts they are about.
SELECT
  date_trunc('hour', event_time, 'UTC') AS hour,
  rule,
  count(*)                   AS alerts,
  count(DISTINCT account_id) AS accounts
FROM fraud_alerts
GROUP BY 1, 2
ORDER BY 1 DESC, 2;
