"""Files of rules, for tests to change."""

from __future__ import annotations

from pathlib import Path

from streamguard.services.decider.rules import Rules, rules_of

SHIPPED = Path(__file__).parents[3] / "init" / "card" / "rules.yml"
PLAIN = """\
blacklists:
  accounts: {action: decline, score: 100, severity: critical, entries: [a-666]}
  merchants: {action: review, score: 60, severity: high, entries: [m-666]}
  countries: {action: review, score: 30, severity: medium, entries: ["NO"]}
travellers:
  alerts: [RISK]
  count_as: {action: approve, score: 5, severity: low}
  accounts:
    - {account: a-7, countries: [FR, ES], from: 2026-06-24, to: "2026-06-25"}
    - {account: a-7, countries: [GB], from: 2026-07-01, to: 2026-07-01}
alerts:
  HIGH_AMOUNT: {action: review, score: 40, severity: medium}
  VELOCITY: {action: review, score: 50, severity: high}
  RISK: {action: review, score: 35, severity: medium}
other_alerts:
  BLOCK: {action: decline, score: 90, severity: critical}
  REVIEW: {action: review, score: 20, severity: low}
rules:
  - name: unusual-amount
    when: amount > 10 * account.mean and account.count >= 5
    action: review
    score: 30
    severity: low
    reason: "{amount} is {amount / account.mean} times the mean"
thresholds: {review: 50, decline: 90}
"""
SMALL = "alerts: {}\nother_alerts: {BLOCK: &x {action: review, score: 1, severity: low}, REVIEW: *x}\n"


def rules(text: str = PLAIN) -> Rules:
    return rules_of(Path("rules.yml"), text)
