"""What the tests ask the validator, and rules for them that are easy to reckon with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from hypothesis import strategies as st

from streamguard.project import find_project
from streamguard.services.validator.contract import Transaction
from streamguard.services.validator.rules import Blacklist, History, Risk, Rules, Step
from tests.person import PERSON_FIELDS

SHIPPED = find_project(Path(__file__)).init / "bank"
PERSON = {
    **{name: f"the {name}" for name in PERSON_FIELDS},
    "id": "p-1",
    "email": "someone@plain.example",
    "bank_account": "GB01 BANK 0001",
}
RULES = Rules(
    threshold=50,
    account_history=History(100, {"DE01RICH": 10_000}, (Step(5, 20), Step(2, 10))),
    bank_history=History(200, {"Small Bank": 10}, (Step(2, 15),)),
    bank_risk=Risk(7, {"Good Bank": 0, "Bad Bank": 30}),
    email=Risk(0, {"bad.example": 12, "worse.bad.example": 24}),
    country=Risk(9, {"GB": 0}),
    incomplete=8,
    incomplete_fields=("name", "address"),
    is_sender=25,
    blacklist=100,
)
NOBODY = Blacklist(frozenset(), frozenset(), frozenset())
HARMLESS = {
    "transaction_id": "t-1",
    "sender_bank_account": "GB02BANK0002",
    "receiver_details": PERSON,
    "sender_bank": "Good Bank",
    "amount": 10.0,
}


def transaction(receiver: dict[str, Any] | None = None, **changes: Any) -> Transaction:
    """A transaction without anything suspicious but the changes; `receiver` are changes of the receiver."""
    return cast("Transaction", {**HARMLESS, "receiver_details": {**PERSON, **(receiver or {})}, **changes})


def rules(**changes: Any) -> Rules:
    """The rules of the tests with changes."""
    return replace(RULES, **changes)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
NAMES = st.sampled_from(["Good Bank", "Bad Bank", "Small Bank"]) | TEXT
ACCOUNTS = st.sampled_from(["DE01RICH", "de01 rich", "GB01BANK0001", "GB02 BANK 0002"]) | TEXT
EMAILS = st.sampled_from(["a@bad.example", "a@b.worse.bad.example", "a@plain.example", "a@", "a"]) | TEXT
AMOUNTS = st.floats(0, 1e12) | st.integers(0, 3000).map(float)
PEOPLE = st.fixed_dictionaries(
    {name: st.none() | TEXT for name in PERSON_FIELDS}
    | {"id": TEXT, "email": st.none() | EMAILS, "bank_account": st.none() | ACCOUNTS}
)
TRANSACTIONS = st.fixed_dictionaries(
    {
        "transaction_id": TEXT,
        "sender_bank_account": ACCOUNTS,
        "receiver_details": PEOPLE,
        "sender_bank": NAMES,
        "amount": AMOUNTS,
    }
)
