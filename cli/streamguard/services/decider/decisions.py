"""The decision: a function of a transaction, its alerts, its account's profile and the rules, and of nothing else.

Every reason counts: the action is the strictest that one asks for, the severity the worst, and the score the sum, up to
100, in which alerts of one rule count once. A sum that reaches a threshold makes the action stricter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from streamguard.services.decider.expressions.kinds import Context, facts_of
from streamguard.services.decider.facts import Alert, Profile, Transaction
from streamguard.services.decider.outcomes import ACTIONS, FULL, SEVERITIES, Decision, Outcome, Reason
from streamguard.services.decider.rules import Rules

NOTHING = Context()
LONGEST = 500
"""Characters of the text of a reason."""
_order = itemgetter(1, 0)  # rule, then id
Finding = tuple[Reason, Outcome]


def decide(transaction: Transaction, alerts: Sequence[Alert], profile: Profile, rules: Rules) -> Decision:
    """What becomes of the transaction. The order of alerts means nothing, and none may be there twice.

    The decision about one that nothing is said about is always the same object, `rules.approved`.
    """
    travels = transaction[1] in rules.journeys and _travels(transaction, rules)
    context = _context(alerts, travels=travels) if alerts or travels else NOTHING
    facts = facts_of(transaction, profile, context)
    found: list[Finding] = []
    for rule, text, field, entries, outcome in rules.blacklists:
        if transaction[field] in entries:
            found.append((Reason(rule, text), outcome))
    if alerts:
        found += _alerted(sorted(alerts, key=_order), rules, travels=travels)
    for name, when, outcome, fill, _ in rules.rules:
        if when(facts):
            found.append((Reason(name, fill(facts)[:LONGEST]), outcome))
    return _decision(found, alerts, rules) if found else rules.approved


def _context(alerts: Sequence[Alert], *, travels: bool) -> Context:
    ranked = sorted(alerts, key=_order)
    return Context(tuple([alert.rule for alert in ranked]), max((alert.score for alert in ranked), default=0), travels)


def _travels(transaction: Transaction, rules: Rules) -> bool:
    """Whether a known traveller pays where and when it was announced."""
    return any(
        journey.first <= transaction.event_time < journey.end and transaction.country in journey.countries
        for journey in rules.journeys[transaction.account_id]
    )


def _alerted(alerts: Sequence[Alert], rules: Rules, *, travels: bool) -> Iterator[Finding]:
    for alert in alerts:
        outcome = rules.alerts.get(alert.rule) or rules.other_alerts.get(
            alert.action_required, rules.other_alerts["REVIEW"]
        )
        text = alert.reason[:LONGEST]
        if travels and alert.rule in rules.weakened:
            outcome = outcome.weakened(rules.count_as)
            text += " (counts for less: a known traveller)"
        yield Reason(alert.rule, text), outcome


def _decision(found: Sequence[Finding], alerts: Sequence[Alert], rules: Rules) -> Decision:
    scores: dict[str, int] = {}
    for reason, outcome in found:
        scores[reason.rule] = max(outcome.score, scores.get(reason.rule, 0))
    score = min(FULL, sum(scores.values()))
    asked = max([outcome.action for _, outcome in found])
    reached = 2 if score >= rules.decline else 1 if score >= rules.review else 0
    return Decision(
        action=ACTIONS[max(asked, reached)],
        score=score,
        severity=SEVERITIES[max([outcome.severity for _, outcome in found])],
        reasons=tuple([reason for reason, _ in found]),
        alert_ids=tuple(sorted([alert.alert_id for alert in alerts])),
        rules_version=rules.version,
    )
