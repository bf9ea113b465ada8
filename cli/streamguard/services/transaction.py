"""A bank transaction: what every service takes for one, and what is refused with a code that says why.

Nothing is repaired, nothing gets a default. A reason names the field and never says what is in it.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

from streamguard.errors import RecordRefused

TEXTS = ("transaction_id", "sender_bank_account", "receiver_bank_account", "status", "transfer_date", "sender_bank")
PEOPLE = ("sender_details", "receiver_details")
FIELDS = frozenset((*TEXTS, *PEOPLE, "amount", "evaluation"))
PERSON_FIELDS = frozenset(
    [
        "id",
        "name",
        "address",
        "email",
        "birthdate",
        "phone_number",
        "job",
        "company",
        "ssn",
        "blood_group",
        "website",
        "username",
        "bank_account",
    ]
)
DECISIVE = (b'"evaluation"', b'"transaction_id"', b'"amount"')
HIDDEN_LETTERS = (b"\\u006", b"\\u007")
"""The beginnings of a small ASCII letter written as an escape, as a field's name could be."""


def parse(value: bytes | None) -> dict[str, Any]:
    """The bank transaction in the value of a record; RecordRefused if it is none."""
    transaction = _object(value)
    _check(transaction)
    return transaction


def _object(value: bytes | None) -> dict[str, Any]:
    if value is None:
        raise RecordRefused("E_EMPTY", "the record has no value")
    try:
        transaction = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise RecordRefused("E_JSON", f"the value is not JSON: {exc.msg} at byte {exc.pos}") from None
    if not isinstance(transaction, dict):
        raise RecordRefused("E_SCHEMA", "the value is not a JSON object")
    if _may_repeat(value):
        _refuse_repeated(value)
    return transaction


def _may_repeat(value: bytes) -> bool:
    """Whether a deciding field may be there twice: cheap, and only ever wrong on the side of a closer look."""
    return any(value.count(name) != 1 for name in DECISIVE) or any(escape in value for escape in HIDDEN_LETTERS)


def _refuse_repeated(value: bytes) -> None:
    def object_of(pairs: list[tuple[str, Any]]) -> None:
        names = [name for name, _ in pairs]
        if len(set(names)) != len(names):
            raise RecordRefused("E_DUPLICATE", "a field is there twice")

    try:
        json.loads(value, object_pairs_hook=object_of)
    except RecursionError:
        raise RecordRefused("E_JSON", "the value is nested too deeply") from None


def _check(transaction: dict[str, Any]) -> None:
    if not transaction.keys() >= FIELDS:
        raise _missing(FIELDS - transaction.keys(), "")
    for name in TEXTS:
        if type(transaction[name]) is not str or not transaction[name]:
            raise RecordRefused("E_SCHEMA", f"{name} is not a text with something in it")
    for name in PEOPLE:
        person = transaction[name]
        if type(person) is not dict:
            raise RecordRefused("E_SCHEMA", f"{name} is not an object")
        if not person.keys() >= PERSON_FIELDS:
            raise _missing(PERSON_FIELDS - person.keys(), f"{name}.")
        if type(person["id"]) is not str or not person["id"]:
            raise RecordRefused("E_SCHEMA", f"{name}.id is not a text with something in it")
    amount = transaction["amount"]
    if type(amount) is not float and type(amount) is not int:
        raise RecordRefused("E_SCHEMA", "amount is not a number")
    if amount < 0:
        raise RecordRefused("E_RANGE", "amount is negative")


def _missing(names: frozenset[str] | set[str], prefix: str) -> RecordRefused:
    return RecordRefused("E_SCHEMA", f"no field {prefix}{min(names)}")
