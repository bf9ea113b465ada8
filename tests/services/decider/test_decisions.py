"""Decisions: what each reason counts, and that nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.decider.decisions import decide
from streamguard.services.decider.facts import NEW, Alert, Profile, Transaction
from streamguard.services.decider.outcomes import ACTIONS, SEVERITIES, decision_id
from streamguard.services.decider.rules import read_rules
from tests.services.decider.expressions.trees import facts, texts
from tests.services.decider.rulebooks import PLAIN, SHIPPED, rules
from tests.services.decider.samples import HIGH_AMOUNT, NOON, PURCHASE, USUAL, VELOCITY

RULES = rules()
DAY = 86_400_000
RISK = Alert("risk-1", "RISK", "several countries", 3, "REVIEW")


def test_nothing_said_is_approved_and_costs_no_object() -> None:
    decision = decide(PURCHASE, [], USUAL, RULES)
    assert decision is RULES.approved
    assert decision[:5] == ("approve", 0, "low", (), ())


@pytest.mark.parametrize(
    ("purchase", "decided"),
    [
        (PURCHASE._replace(account_id="a-666"), ("decline", 100, "critical")),
        (PURCHASE._replace(merchant_id="m-666"), ("review", 60, "high")),
        (PURCHASE._replace(country="NO"), ("review", 30, "medium")),
        (PURCHASE._replace(country="NO", merchant_id="m-666"), ("decline", 90, "high")),
    ],
)
def test_a_blacklist_counts_as_it_says(purchase: Transaction, decided: tuple[str, int, str]) -> None:
    assert decide(purchase, [], USUAL, RULES)[:3] == decided


def test_a_reason_does_not_repeat_what_is_on_the_blacklist() -> None:
    decision = decide(PURCHASE._replace(account_id="a-666"), [], USUAL, RULES)
    assert decision.reasons == (("blacklist-accounts", "its account_id is on the blacklist of accounts"),)
    assert decision.is_fraud


def test_alerts_count_by_their_rule_and_not_by_what_they_ask_for() -> None:
    decision = decide(PURCHASE, [HIGH_AMOUNT], USUAL, RULES)
    assert decision[:3] == ("review", 40, "medium")
    assert decision.reasons == (("HIGH_AMOUNT", HIGH_AMOUNT.reason),)
    assert not decision.is_fraud


@pytest.mark.parametrize(
    ("asks", "decided"), [("BLOCK", ("decline", 90)), ("REVIEW", ("review", 20)), ("?", ("review", 20))]
)
def test_an_alert_of_a_rule_that_is_not_listed_counts_by_what_it_asks_for(asks: str, decided: tuple[str, int]) -> None:
    assert decide(PURCHASE, [HIGH_AMOUNT._replace(rule="MODEL", action_required=asks)], USUAL, RULES)[:2] == decided


def test_scores_add_up_to_a_stricter_action() -> None:
    decision = decide(PURCHASE, [VELOCITY, HIGH_AMOUNT], USUAL, RULES)
    assert decision[:3] == ("decline", 90, "high")
    assert decision.alert_ids == ("high-1", "velocity-1")


def test_alerts_of_one_rule_count_once() -> None:
    decision = decide(PURCHASE, [VELOCITY, VELOCITY._replace(alert_id="velocity-2")], USUAL, RULES)
    assert decision[:2] == ("review", 50)
    assert len(decision.reasons) == 2


def test_a_condition_counts_and_says_why() -> None:
    decision = decide(PURCHASE._replace(amount=300.0), [], USUAL, RULES)
    assert decision[:2] == ("review", 30)
    assert decision.reasons == (("unusual-amount", "300 is 15 times the mean"),)
    assert decide(PURCHASE._replace(amount=300.0), [], NEW, RULES) is RULES.approved


@pytest.mark.parametrize(
    ("country", "time", "travels"),
    [
        ("FR", NOON, True),
        ("ES", NOON + DAY, True),
        ("DE", NOON, False),
        ("FR", NOON - DAY // 2, True),
        ("FR", NOON - DAY // 2 - 1, False),
        ("FR", NOON + DAY + DAY // 2 - 1, True),
        ("FR", NOON + DAY + DAY // 2, False),
        ("GB", NOON, False),
        ("GB", NOON + 7 * DAY, True),
    ],
)
def test_alerts_about_a_known_traveller_count_for_less(country: str, time: int, travels: bool) -> None:
    purchase = PURCHASE._replace(account_id="a-7", country=country, event_time=time)
    decision = decide(purchase, [RISK], USUAL, RULES)
    assert decision[:3] == (("approve", 5, "low") if travels else ("review", 35, "medium"))
    assert ("known traveller" in decision.reasons[0].text) == travels
    assert decide(purchase, [VELOCITY], USUAL, RULES)[:2] == ("review", 50)


def test_a_journey_makes_no_alert_count_for_more() -> None:
    harsh = rules(
        PLAIN.replace("{action: approve, score: 5, severity: low}", "{action: decline, score: 99, severity: low}")
    )
    purchase = PURCHASE._replace(account_id="a-7", country="FR")
    assert decide(purchase, [RISK], USUAL, harsh)[:3] == ("review", 35, "low")


def test_a_condition_can_ask_for_the_traveller_and_the_alerts() -> None:
    asked = PLAIN.replace("amount > 10 * account.mean and account.count >= 5", "traveller or 'RISK' in alerts.rules")
    both = rules(asked)
    assert decide(PURCHASE._replace(account_id="a-7", country="FR"), [], USUAL, both).score == 30
    assert decide(PURCHASE, [RISK], USUAL, both).score == 65
    assert decide(PURCHASE, [VELOCITY], USUAL, both).score == 50


def test_the_id_of_a_decision_is_that_of_its_transaction() -> None:
    assert decision_id("t-1") == "d-t-1"


def test_the_next_transaction_meets_the_profile_after_this_one() -> None:
    assert NEW.after(PURCHASE) == Profile(1, 25.5, 25.5, NOON, "DE")
    assert USUAL.after(PURCHASE._replace(amount=1.0)) == Profile(11, 201.0, 45.0, NOON, "DE")


alerts = st.lists(
    st.builds(
        Alert,
        st.text(min_size=1, max_size=4),
        st.sampled_from(["VELOCITY", "RISK", "HIGH_AMOUNT", "MODEL"]),
        texts,
        st.integers(0, 100),
        st.sampled_from(["BLOCK", "REVIEW"]),
    ),
    max_size=5,
    unique_by=lambda alert: alert.alert_id,
)


@given(facts, alerts, st.randoms(use_true_random=False), st.sampled_from([RULES, read_rules(SHIPPED)]))
def test_a_decision_does_not_depend_on_the_order_of_alerts_and_another_alert_never_weakens_it(
    of: tuple[Transaction, Profile, object], known: list[Alert], random: object, by: object
) -> None:
    transaction, profile, _ = of
    shuffled = known.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    decision = decide(transaction, known, profile, by)  # type: ignore[arg-type]
    assert decide(transaction, shuffled, profile, by) == decision  # type: ignore[arg-type]
    more = decide(transaction, [*known, VELOCITY._replace(alert_id="another one")], profile, by)  # type: ignore[arg-type]
    assert ACTIONS.index(more.action) >= ACTIONS.index(decision.action)
    assert SEVERITIES.index(more.severity) >= SEVERITIES.index(decision.severity)
    assert 0 <= decision.score <= more.score <= 100
