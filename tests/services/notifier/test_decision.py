"""A decision is read as the decider writes it, or refused; people see only the ends of ids."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.services.decider.facts import Transaction
from streamguard.services.decider.letters import decision_letter
from streamguard.services.decider.outcomes import Decision as Outcome
from streamguard.services.decider.outcomes import Reason as Why
from streamguard.services.notifier.decision import Decision, Reason, amount_text, masked_id, parse
from tests.services.notifier.made import decision, value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def test_what_the_decider_publishes_is_read_whole() -> None:
    transaction = Transaction("t-1", "ACC-1", "c0", "u-1", "m-1", "food", "PT", 3200.1, "EUR", 1_769_860_800_000)
    outcome = Outcome("decline", 90, "critical", (Why("VELOCITY", "5 in a minute"),), ("VELOCITY:ACC-1:1",), "v1")
    letter = decision_letter("fraud-decisions", transaction, outcome, 2, datetime(2026, 1, 31, 12, 0, 1, tzinfo=UTC))
    assert parse(letter.value) == Decision(
        "d-t-1", 2, "decline", "critical", "t-1", "ACC-1", "c0", "u-1", "m-1", "EUR", 3200.1, 90,
        (Reason("VELOCITY", "5 in a minute"),), ("VELOCITY:ACC-1:1",),
        "2026-01-31T12:00:00.000Z", "2026-01-31T12:00:01.000Z",
    )  # fmt: skip


def test_every_field_is_read() -> None:
    made = decision(5, alert_ids=("a-1", "a-2"), score=80, merchant_id="M-1", event_time="2026-01-31T12:00:00.000Z")
    assert parse(value(5, **{k: v for k, v in made.document.items() if k != "reasons"}, reasons=made.reasons)) == made


def test_only_id_revision_action_and_severity_are_needed() -> None:
    document = {"decision_id": "d", "revision": 2, "action": "review", "severity": "low", "amount": None}
    assert parse(json.dumps(document).encode()) == Decision("d", 2, "review", "low")


def test_an_amount_may_be_the_text_of_a_decimal() -> None:
    assert parse(value(amount="3200.10")).amount == "3200.10"


@pytest.mark.parametrize(
    ("change", "about"),
    [
        ({"decision_id": ""}, "decision_id"),
        ({"revision": 0}, "revision"),
        ({"revision": True}, "revision"),
        ({"action": "shrug"}, "action"),
        ({"severity": None}, "severity"),
        ({"account_id": 5}, "account_id"),
        ({"reasons": ["x"]}, "reasons"),
        ({"alert_ids": [1]}, "alert_ids"),
        ({"score": "9"}, "score"),
    ],
)
def test_a_refusal_names_the_field_and_not_what_is_in_it(change: dict[str, object], about: str) -> None:
    document = {**json.loads(value()), **change}
    with pytest.raises(RecordRefused, match=about) as refused:
        parse(json.dumps(document).encode())
    assert "shrug" not in str(refused.value)


@given(st.none() | st.binary() | JSON.map(lambda found: json.dumps(found).encode()))
def test_nothing_else_is_a_decision_and_nothing_breaks(found: bytes | None) -> None:
    with pytest.raises(RecordRefused):
        parse(found)


@given(st.dictionaries(st.sampled_from(list(json.loads(value()))), JSON))
def test_a_spoilt_decision_is_read_or_refused(change: dict[str, object]) -> None:
    try:
        parse(json.dumps({**json.loads(value()), **change}).encode())
    except RecordRefused as refusal:
        assert refusal.code in ("E_SCHEMA", "E_JSON")  # Infinity


IDS = st.text(st.sampled_from("ABCdef0123-"), min_size=9, max_size=20).filter(lambda text: text.strip("-") == text)


@given(IDS, IDS, IDS)
def test_no_id_of_a_person_is_in_a_masked_decision(account: str, user: str, card: str) -> None:
    made = decision(
        account_id=account,
        user_id=user,
        card_hash=card,
        reasons=(Reason("R", f"account {account} of {user}, card ({card})"),),
        alert_ids=(f"VELOCITY:{account}:17", f"RISK_{user}_17"),
    )
    shown = json.dumps(made.masked().document)
    assert account not in shown
    assert user not in shown
    assert card not in shown


def test_the_end_of_a_long_id_can_be_read_and_nothing_of_a_short_one() -> None:
    assert masked_id("ACC-12345678") == "****5678"
    assert masked_id("12345678") == "****"
    assert masked_id("") == ""


def test_a_mask_leaves_longer_words_alone() -> None:
    assert decision(account_id="12", reasons=(Reason("R", "12 of 1234"),)).masked().reasons[0].text == "**** of 1234"


@pytest.mark.parametrize(
    ("amount", "text"),
    [(4321.0, "4321.00"), (12.5, "12.50"), (0.1234, "0.1234"), (7, "7.00"), (-1.005, "-1.005"), ("12.5", "12.5")],
)
def test_an_amount_is_read_with_two_decimals_or_with_those_it_has(amount: float | str, text: str) -> None:
    assert amount_text(amount) == text
