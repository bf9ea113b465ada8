"""The oracle's reading of the rules: by hand, and beside the service that it shares no code with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.validator.judgement import judge_by
from streamguard.services.validator.rules import load_blacklist, load_rules
from streamguard.verify.judgement import Judgement
from tests.person import PERSON_FIELDS
from tests.verify.held import JUDGE, PROJECT, inputs

FOLDER = PROJECT.init / "bank"
SERVICE = judge_by(load_rules(FOLDER), load_blacklist(FOLDER))
RULES: dict[str, Any] = {
    "threshold": 50,
    "account_history": {
        "otherwise": 100,
        "accounts": {"GB 01 rich": 1000},
        "steps": [{"times": 2, "points": 10}, {"times": 4, "points": 20}],
    },
    "bank_history": {"otherwise": 100, "banks": {"Small": 10}, "steps": [{"times": 3, "points": 5}]},
    "bank_risk": {"otherwise": 3, "banks": {"Good": 0}},
    "receiver": {
        "email_otherwise": 1,
        "email_domains": {"bad.example": 7, "worse.bad.example": 9},
        "country_otherwise": 4,
        "countries": {"GB": 0},
        "incomplete": {"points": 6, "fields": ["name", "address"]},
        "is_sender": 8,
    },
    "blacklist": 100,
}
BLACKLIST = {"accounts": ["GB66 BAD"], "receivers": ["p-66"], "email_domains": ["mule.example"]}
RECEIVER = {**dict.fromkeys(PERSON_FIELDS, "x"), "id": "p-1", "email": "a@plain.example", "bank_account": "GB02"}
PLAIN = {"sender_bank_account": "GB01", "receiver_details": RECEIVER, "sender_bank": "Good", "amount": 1}
NO_POINTS = 1
"""Of a transaction with nothing suspicious: an email has a domain."""


@pytest.mark.parametrize(
    ("changes", "points"),
    [
        ({}, 0),
        ({"amount": 199.99}, 0),
        ({"amount": 200}, 10),
        ({"amount": 300}, 10 + 5),
        ({"amount": 400.0}, 20 + 5),
        ({"amount": 400, "sender_bank_account": "gb01RICH"}, 5),
        ({"amount": 29.99, "sender_bank": "Small"}, 3),
        ({"amount": 30, "sender_bank": "Small"}, 5 + 3),
        ({"email": "a@BAD.example"}, 6),
        ({"email": "a@b.bad.example"}, 6),
        ({"email": "a@b@very.worse.bad.example"}, 8),
        ({"email": "a@notbad.example"}, 0),
        ({"email": "a@"}, -1),
        ({"email": None}, -1),
        ({"email": "a@" + "x" * 254}, -1),
        ({"bank_account": "g b99"}, 0),
        ({"bank_account": "DE99"}, 4),
        ({"bank_account": None}, 4),
        ({"name": "", "address": None}, 6),
        ({"bank_account": "gb 01"}, 8),
        ({"bank_account": "", "sender_bank_account": " "}, 4),
        ({"bank_account": "gb66bad"}, 100),
        ({"sender_bank_account": "GB66BAD", "id": "p-66"}, 100),
        ({"email": "a@deep.mule.example"}, 100),
    ],
)
def test_points_are_as_the_description_of_the_rules_says(changes: dict[str, Any], points: int) -> None:
    receiver = {**RECEIVER, **{name: value for name, value in changes.items() if name in RECEIVER}}
    rest = {name: value for name, value in changes.items() if name not in RECEIVER}
    transaction = {**PLAIN, **rest, "receiver_details": receiver}
    assert Judgement(RULES, BLACKLIST).points(transaction) == NO_POINTS + points


def test_a_score_at_the_threshold_is_fraud() -> None:
    judgement = Judgement({**RULES, "threshold": NO_POINTS}, BLACKLIST)
    assert judgement.is_fraudulent(PLAIN)
    assert not Judgement({**RULES, "threshold": NO_POINTS + 1}, BLACKLIST).is_fraudulent(PLAIN)


def asked(transaction: dict[str, Any]) -> Any:
    return {"transaction_id": "t", **transaction, "amount": float(transaction["amount"])}


def test_the_service_says_the_same_of_every_transaction_of_a_run() -> None:
    judged = [(JUDGE(document), SERVICE(asked(dict(document)))) for _, _, document in inputs(500, 2_000)]
    assert all(mine == verdict.is_fraudulent_transaction for mine, verdict in judged)
    assert 0.2 < sum(mine for mine, _ in judged) / len(judged) < 0.4


accounts = st.sampled_from(["GB08SZVW41605500000000", "gb69 UIME45176100000001", "GB65FMPX74646500000004", "DE1", ""])
domains = st.sampled_from(["example.org", "EXAMPLE.net", "mail.example.org", "a.mule.example", "mule.example.com", ""])
banks = st.sampled_from(["Albion Trust", "Thistle Bank", "albion trust", "Nowhere"])


@given(
    sender=accounts,
    bank=banks,
    amount=st.integers(0, 600_000).map(lambda cents: cents / 100) | st.floats(0, 1e9),
    receiver=st.fixed_dictionaries(
        {
            "id": st.sampled_from(["3beb7cc2-95bf-53dc-b9d3-6376bf6d58ee", "p"]),
            "email": st.none() | st.just("nobody") | domains.map(lambda domain: f"a@{domain}"),
            "bank_account": st.none() | accounts,
            "name": st.none() | st.sampled_from(["", "somebody"]),
        }
    ),
)
def test_the_service_says_the_same_of_any_transaction(
    sender: str, bank: str, amount: float, receiver: dict[str, Any]
) -> None:
    transaction = {
        "sender_bank_account": sender,
        "sender_bank": bank,
        "amount": amount,
        "receiver_details": {**dict.fromkeys(PERSON_FIELDS, "x"), **receiver},
    }
    assert JUDGE(transaction) == SERVICE(asked(transaction)).is_fraudulent_transaction
