"""A bank transaction: what every service takes for one, and what is refused with a code that says why.

Nothing is repaired, nothing gets a default. A reason names the field and never says what is in it.

    E_EMPTY      no value
    E_JSON       no JSON: not UTF-8, cut off, NaN, half a surrogate pair, nested too deeply …
    E_SCHEMA     no object, a field missing, or not of its type
    E_DUPLICATE  a field twice, at any depth: who reads the first one and who reads the last would differ
    E_RANGE      an amount below zero, or beyond what a double keeps to the cent
    E_DATE       a transfer_date that is no instant: impossible, without a zone, or not ISO 8601
    E_TEXT       a control character in a text

Fields that nobody asked for pass as they are.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from streamguard.errors import RecordRefused
from streamguard.services.document import document_in
from streamguard.services.repeated import texts_in, texts_of

TEXTS = (
    "transaction_id",
    "sender_bank_account",
    "receiver_bank_account",
    "status",
    "evaluation",
    "transfer_date",
    "sender_bank",
)
PEOPLE = ("sender_details", "receiver_details")
FIELDS = frozenset((*TEXTS, *PEOPLE, "amount"))
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
TEXTS_OF_A_PLAIN_ONE = len(FIELDS) + len(TEXTS) + len(PEOPLE) * 2 * len(PERSON_FIELDS)
"""Names and texts in a transaction without fields of others."""
ONLY_TEXT = {str}
TEXT_OR_UNKNOWN = (str, type(None))
AMOUNT_LIMIT = 10**13
"""Below this the doubles of all cents differ, and are written with two decimals."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
CONTROL_BUT_LINES = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""An address may have lines, an id may not."""


def parse(value: bytes | None) -> dict[str, Any]:
    """The bank transaction in the value of a record; RecordRefused if it is none."""
    transaction = document_in(value)
    assert value is not None  # it would have been refused
    is_plain = _check(transaction)
    has_escapes = b"\\" in value
    texts = TEXTS_OF_A_PLAIN_ONE if is_plain else texts_of(transaction)
    if texts_in(value, has_escapes=has_escapes) != texts:  # of a repeated field the parser keeps one
        raise RecordRefused("E_DUPLICATE", "a field is there twice")
    if has_escapes or b"\x7f" in value or b"\xc2" in value:  # only so can a control character be written
        _refuse_control_characters(transaction)
    return transaction


def _check(transaction: dict[str, Any]) -> bool:
    """Refuse what is no transaction; whether it is a plain one: no fields of others, and everything known."""
    if not transaction.keys() >= FIELDS:
        raise _missing(FIELDS - transaction.keys(), "")
    for name in TEXTS:
        if type(transaction[name]) is not str or not transaction[name]:
            raise RecordRefused("E_SCHEMA", f"{name} is not a text with something in it")
    plain = [_check_person(name, transaction[name]) for name in PEOPLE]
    amount = transaction["amount"]
    if type(amount) is not float and type(amount) is not int:
        raise RecordRefused("E_SCHEMA", "amount is not a number")
    if not 0 <= amount < AMOUNT_LIMIT:
        raise RecordRefused("E_RANGE", "amount is negative" if amount < 0 else "amount is too large for exact cents")
    if not _is_instant(transaction["transfer_date"]):
        raise RecordRefused("E_DATE", "transfer_date is no instant: a date and a time with a zone")
    return len(transaction) == len(FIELDS) and all(plain)


def _check_person(name: str, person: Any) -> bool:
    """The same of a person, whose fields may be null: not known."""
    if type(person) is not dict:
        raise RecordRefused("E_SCHEMA", f"{name} is not an object")
    if not person.keys() >= PERSON_FIELDS:
        raise _missing(PERSON_FIELDS - person.keys(), f"{name}.")
    if type(person["id"]) is not str or not person["id"]:
        raise RecordRefused("E_SCHEMA", f"{name}.id is not a text with something in it")
    if set(map(type, person.values())) == ONLY_TEXT:
        return len(person) == len(PERSON_FIELDS)
    for field in sorted(PERSON_FIELDS):
        if type(person[field]) not in TEXT_OR_UNKNOWN:
            raise RecordRefused("E_SCHEMA", f"{name}.{field} is not a text")
    return False


def _missing(names: frozenset[str] | set[str], prefix: str) -> RecordRefused:
    return RecordRefused("E_SCHEMA", f"no field {prefix}{min(names)}")


def _is_instant(text: str) -> bool:
    """Whether it is a date, a time and a zone as in RFC 3339; Python would take more forms of ISO 8601."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return False
    return instant.tzinfo is not None and text[4] == text[7] == "-" and text[10] == "T" and text[11:13] != "24"


def _refuse_control_characters(transaction: dict[str, Any]) -> None:
    if not "".join(map(transaction.__getitem__, TEXTS)).isprintable():
        for name in TEXTS:
            if CONTROL.search(transaction[name]):
                raise RecordRefused("E_TEXT", f"{name} has a control character")
    for name in PEOPLE:
        for field in PERSON_FIELDS:
            text = transaction[name][field]
            if text is not None and not text.isprintable() and CONTROL_BUT_LINES.search(text):
                raise RecordRefused("E_TEXT", f"{name}.{field} has a control character")
