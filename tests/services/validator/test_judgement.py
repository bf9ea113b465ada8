"""The judgement is a pure function of the transaction, the rules and the blacklist."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.datagen.columns.forms import Pieces
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source, records
from streamguard.datagen.world.reading import read_world
from streamguard.services.validator.contract import Transaction, Verdict
from streamguard.services.validator.judgement import judge_by
from streamguard.services.validator.rules import Blacklist, load_blacklist, load_rules
from tests.person import PERSON_FIELDS
from tests.services.validator.questions import (
    AMOUNTS,
    NOBODY,
    RULES,
    SHIPPED,
    TRANSACTIONS,
    rules,
    transaction,
)

ORDER = [
    "amount_for_account",
    "amount_for_bank",
    "bank_risk",
    "receiver_email",
    "receiver_country",
    "receiver_incomplete",
    "receiver_is_sender",
    "blacklist",
]
BANK = read_world(SHIPPED.parent / "worlds" / "bank.yml")
LISTED = Blacklist(frozenset({"GB02BANK0002"}), frozenset({"p-7"}), frozenset({"mule.example"}))
judge = judge_by(RULES, LISTED)


def points(verdict: Verdict) -> dict[str, int]:
    return {reason.rule: reason.points for reason in verdict.reasons}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        pytest.param(transaction(), {}, id="nothing suspicious"),
        pytest.param(transaction(amount=199.99), {}, id="just below the first step"),
        pytest.param(transaction(amount=200.0), {"amount_for_account": 10}, id="the first step reached"),
        pytest.param(transaction(amount=500.0), {"amount_for_account": 20, "amount_for_bank": 15}, id="the most"),
        pytest.param(
            transaction(amount=500.0, sender_bank_account="de01 Rich"), {"amount_for_bank": 15}, id="its own history"
        ),
        pytest.param(
            transaction(amount=20.0, sender_bank="Small Bank"), {"amount_for_bank": 15, "bank_risk": 7}, id="small bank"
        ),
        pytest.param(transaction(sender_bank="Bad Bank"), {"bank_risk": 30}, id="a risky bank"),
        pytest.param(transaction(sender_bank="bad bank"), {"bank_risk": 7}, id="a bank's name is compared as it is"),
        pytest.param(transaction({"email": "x@BAD.example"}), {"receiver_email": 12}, id="a risky domain"),
        pytest.param(transaction({"email": "x@y@a.bad.example"}), {"receiver_email": 12}, id="below a risky domain"),
        pytest.param(transaction({"email": "x@a.worse.bad.example"}), {"receiver_email": 24}, id="the longest domain"),
        pytest.param(transaction({"email": "x@notbad.example"}), {}, id="a domain that only ends alike"),
        pytest.param(transaction({"email": f"x@{'a.' * 121}bad.example"}), {"receiver_email": 12}, id="253 characters"),
        pytest.param(transaction({"email": f"x@{'a.' * 121}.bad.example"}), {}, id="longer than a domain can be"),
        pytest.param(transaction({"email": None}), {}, id="no address"),
        pytest.param(transaction({"bank_account": "FR1"}), {"receiver_country": 9}, id="an account elsewhere"),
        pytest.param(transaction({"bank_account": None}), {"receiver_country": 9}, id="no account"),
        pytest.param(transaction({"name": None, "address": ""}), {"receiver_incomplete": 8}, id="something not told"),
        pytest.param(
            transaction({"bank_account": "gb01bank0001 "}, sender_bank_account="GB01 BANK0001"),
            {"receiver_is_sender": 25},
            id="to oneself",
        ),
        pytest.param(transaction({"bank_account": ""}, sender_bank_account=" "), {"receiver_country": 9}, id="nobody"),
    ],
)
def test_each_rule_gives_its_points(asked: Any, expected: dict[str, int]) -> None:
    verdict = judge_by(RULES, NOBODY)(asked)
    assert points(verdict) == expected
    assert verdict.score == sum(expected.values()) / 100


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        (transaction(sender_bank_account="gb02 bank 0002"), "the sender's account"),
        (transaction({"bank_account": "GB02BANK0002"}, sender_bank_account="GB9"), "the receiver's account"),
        (transaction({"id": "p-7"}, sender_bank_account="GB9"), "the receiver's id"),
        (transaction({"email": "a@b.Mule.example"}, sender_bank_account="GB9"), "the domain of the receiver's e-mail"),
    ],
)
def test_who_is_on_the_blacklist_is_a_fraud(asked: Any, what: str) -> None:
    verdict = judge(asked)
    assert verdict.is_fraudulent_transaction
    assert [(reason.rule, reason.points) for reason in verdict.reasons] == [("blacklist", 100)]
    assert what in verdict.reasons[0].text


def test_the_threshold_belongs_to_the_frauds() -> None:
    asked = transaction({"bank_account": "FR1", "name": None}, sender_bank="Bad Bank")  # 30 + 9 + 8
    assert judge_by(rules(threshold=47), NOBODY)(asked).is_fraudulent_transaction
    assert not judge_by(rules(threshold=48), NOBODY)(asked).is_fraudulent_transaction


@settings(deadline=None)
@given(TRANSACTIONS)
def test_the_same_transaction_gets_the_same_verdict(asked: Any) -> None:
    verdict = judge(asked)
    assert judge_by(RULES, LISTED)(copy.deepcopy(asked)) == verdict
    assert 0 <= verdict.score <= 1
    assert verdict.is_fraudulent_transaction == (verdict.score >= 0.5)
    assert [name for name in ORDER if name in points(verdict)] == [reason.rule for reason in verdict.reasons]


@settings(deadline=None)
@given(TRANSACTIONS, AMOUNTS)
def test_a_higher_amount_never_gives_a_lower_score(asked: Any, other: float) -> None:
    low, high = sorted((asked["amount"], other))
    lower, higher = ({**asked, "amount": amount} for amount in (low, high))
    assert judge(cast("Transaction", lower)).score <= judge(cast("Transaction", higher)).score


@settings(deadline=None)
@given(TRANSACTIONS, st.sampled_from(PERSON_FIELDS))
def test_a_reason_says_nothing_about_the_person(asked: Any, field: str) -> None:
    texts = {reason.text for reason in judge(asked).reasons}
    hidden: Any = {**asked, "receiver_details": {**asked["receiver_details"], field: "a sentinel nobody has"}}
    assert not [text for text in texts | {reason.text for reason in judge(hidden).reasons} if "sentinel" in text]


def test_more_than_a_quarter_of_the_unidentified_transactions_of_the_bank_world_are_called_frauds() -> None:
    shipped = judge_by(load_rules(SHIPPED), load_blacklist(SHIPPED))
    run = Run(BANK, "r", seed=1, start=datetime(2024, 1, 1, tzinfo=UTC), counts={"person": 500})
    asked = [cast("Transaction", record) for record in records(run, 20_000) if record["evaluation"] == "unidentified"]
    frauds = sum(shipped(transaction).is_fraudulent_transaction for transaction in asked)
    assert 0.24 < frauds / len(asked) < 0.32


def test_the_people_that_the_shipped_files_name_are_of_the_bank_world() -> None:
    source = Source(
        Run(BANK, "r", seed=1, start=datetime(2024, 1, 1, tzinfo=UTC), counts={"person": 100}), "transactions"
    )
    accounts, ids = (source.form(f"sender.{name}") for name in ("bank_account", "id"))
    assert isinstance(accounts, Pieces) and isinstance(ids, Pieces)
    blacklist = load_blacklist(SHIPPED)
    assert {*load_rules(SHIPPED).account_history.typical, *blacklist.accounts} <= set(accounts.text)
    assert blacklist.receivers <= set(ids.text)
