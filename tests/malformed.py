"""Malformed and odd records of `bank-transactions`, by kind, each made from a good transaction.

A kind with a code is refused by the ingestor with that code; one without is good, however odd, and goes on as it is.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.person import PERSON_FIELDS

Transaction = Mapping[str, Any]
Headers = tuple[tuple[str, bytes | None], ...]
ACCOUNT = b"DE1"
PERSON = {name: f"the {name}" for name in PERSON_FIELDS}
TRANSACTION: Transaction = {
    "transaction_id": "run-1",
    "sender_bank_account": "DE1",
    "sender_details": PERSON,
    "receiver_bank_account": "DE2",
    "receiver_details": PERSON,
    "amount": 12.5,
    "status": "completed",
    "evaluation": "fraudulent",
    "transfer_date": "2024-01-31T12:00:00Z",
    "sender_bank": "A Bank",
}
"""A good one."""


@dataclass(frozen=True)
class Kind:
    """`value` makes the value of a record from a good transaction; `code` is what it is refused with."""

    name: str
    code: str | None
    value: Callable[[Transaction], bytes | None]
    key: bytes | None = ACCOUNT
    headers: Headers = ()


def text(transaction: Transaction) -> bytes:
    """It as JSON."""
    return json.dumps(transaction).encode()


def constant(value: bytes | None) -> Callable[[Transaction], bytes | None]:
    """The same value for every transaction."""
    return lambda _: value


def wrapped(before: bytes, after: bytes = b"") -> Callable[[Transaction], bytes]:
    """With bytes around it."""
    return lambda good: before + text(good) + after


def changed(**changes: Any) -> Callable[[Transaction], bytes]:
    """With other values in some fields."""
    return lambda good: text({**good, **changes})


def amount(digits: str) -> Callable[[Transaction], bytes]:
    """With an amount that is written like that."""
    return lambda good: text({**good, "amount": "?"}).replace(b'"?"', digits.encode())


def person(part: str = "receiver_details", **changes: Any) -> Callable[[Transaction], bytes]:
    """With other values in some fields of a person."""
    return lambda good: text({**good, part: {**good[part], **changes}})


def without(field: str, part: str | None = None) -> Callable[[Transaction], bytes]:
    """Without a field, of a person if `part` is one."""

    def made(good: Transaction) -> bytes:
        whole = dict(good) if part is None else dict(good[part])
        del whole[field]
        return text(whole if part is None else {**good, part: whole})

    return made


def ending_with(members: str) -> Callable[[Transaction], bytes]:
    """With members of the object at its end that may be there already."""
    return lambda good: text(good)[:-1] + f", {members}}}".encode()


def with_person_ending(members: str) -> Callable[[Transaction], bytes]:
    """The same, of the sender."""
    return lambda good: text({**good, "sender_details": {**good["sender_details"], "~": 0}}).replace(
        b'"~": 0', members.encode()
    )


NO_JSON = (
    Kind("an empty value", "E_JSON", constant(b"")),
    Kind("white space", "E_JSON", constant(b" \t\r\n")),
    Kind("no UTF-8", "E_JSON", lambda good: text({**good, "status": "é"}).replace(rb"\u00e9", b"\xe9")),
    Kind("an overlong NUL", "E_JSON", lambda good: text({**good, "status": "~"}).replace(b"~", b"\xc0\x80")),
    Kind("a byte order mark", "E_JSON", wrapped(b"\xef\xbb\xbf")),
    Kind("UTF-16", "E_JSON", lambda good: text(good).decode().encode("utf-16")),
    Kind("cut off", "E_JSON", lambda good: text(good)[:-1]),
    Kind("cut off in the middle", "E_JSON", lambda good: text(good)[:200]),
    Kind("something after the end", "E_JSON", wrapped(b"", b"x")),
    Kind("two transactions in one value", "E_JSON", lambda good: text(good) + b"\n" + text(good)),
    Kind("a schema registry's prefix", "E_JSON", wrapped(b"\x00\x00\x00\x00\x07")),
    Kind("compressed by its producer", "E_JSON", lambda good: gzip.compress(text(good))),
    Kind("a megabyte of nothing", "E_JSON", constant(bytes(1_000_000))),
    Kind("nesting that never ends", "E_JSON", constant(b"[" * 10_000)),
    Kind("10,000-deep nesting", "E_JSON", ending_with(f'"note": {"[" * 10_000}{"]" * 10_000}')),
    Kind("NaN", "E_JSON", amount("NaN")),
    Kind("Infinity", "E_JSON", amount("-Infinity")),
    Kind("beyond a double", "E_JSON", amount("1e999")),
    Kind("a number with a plus", "E_JSON", amount("+12.5")),
    Kind("a number with a leading zero", "E_JSON", amount("012.5")),
    Kind("a comma in a number", "E_JSON", amount("12,5")),
    Kind("a lone surrogate", "E_JSON", changed(status="\ud800")),
    Kind("a bare NUL in a text", "E_JSON", lambda good: text({**good, "status": "~"}).replace(b"~", b"\x00")),
    Kind("apostrophes for quotation marks", "E_JSON", lambda good: text(good).replace(b'"', b"'")),
    Kind("a comment", "E_JSON", wrapped(b"/* */")),
)
NO_TRANSACTION = (
    Kind("null", "E_SCHEMA", constant(b"null")),
    Kind("an array", "E_SCHEMA", lambda good: b"[" + text(good) + b"]"),
    Kind("a text", "E_SCHEMA", lambda good: json.dumps(text(good).decode()).encode()),
    Kind("a number", "E_SCHEMA", constant(b"7")),
    Kind("an empty object", "E_SCHEMA", constant(b"{}")),
    Kind("a missing amount", "E_SCHEMA", without("amount")),
    Kind("a missing evaluation", "E_SCHEMA", without("evaluation")),
    Kind("a missing receiver", "E_SCHEMA", without("receiver_details")),
    Kind("a person without a field", "E_SCHEMA", without("ssn", "receiver_details")),
    Kind("names in other letters", "E_SCHEMA", lambda good: text({name.upper(): it for name, it in good.items()})),
    Kind("an empty id", "E_SCHEMA", changed(transaction_id="")),
    Kind("a number for an id", "E_SCHEMA", changed(transaction_id=5)),
    Kind("no account", "E_SCHEMA", changed(sender_bank_account=None)),
    Kind("no evaluation", "E_SCHEMA", changed(evaluation=None)),
    Kind("a list of evaluations", "E_SCHEMA", changed(evaluation=["fraudulent"])),
    Kind("a date as seconds since 1970", "E_SCHEMA", changed(transfer_date=1_706_702_400)),
    Kind("a date as milliseconds since 1970", "E_SCHEMA", changed(transfer_date=1_706_702_400_000)),
    Kind("an amount as text", "E_SCHEMA", changed(amount="12.5")),
    Kind("an amount that is true", "E_SCHEMA", changed(amount=True)),
    Kind("no amount", "E_SCHEMA", changed(amount=None)),
    Kind("no sender", "E_SCHEMA", changed(sender_details=None)),
    Kind("a list for a sender", "E_SCHEMA", changed(sender_details=[])),
    Kind("a person without an id", "E_SCHEMA", person(id="")),
    Kind("a person's field that is a number", "E_SCHEMA", person(phone_number=4930123456)),
    Kind("a person's field that is an object", "E_SCHEMA", person(address={"city": "Berlin"})),
)
NOT_ALLOWED = (
    Kind("a tombstone", "E_EMPTY", constant(None)),
    Kind("an unknown evaluation", "E_EVALUATION", changed(evaluation="odd")),
    Kind("an evaluation in other letters", "E_EVALUATION", changed(evaluation="Fraudulent")),
    Kind("an evaluation with spaces", "E_EVALUATION", changed(evaluation=" fraudulent ")),
    Kind("an evaluation with a space of no width", "E_EVALUATION", changed(evaluation="fraudulent\u200b")),
    Kind("a negative amount", "E_RANGE", changed(amount=-0.01)),
    Kind("an amount of 40 digits", "E_RANGE", amount("1" * 40)),
    Kind("an amount whose cents a double loses", "E_RANGE", amount("10000000000000.01")),
    Kind("the 30th of February", "E_DATE", changed(transfer_date="2024-02-30T12:00:00Z")),
    Kind("the 29th of February in 2023", "E_DATE", changed(transfer_date="2023-02-29T12:00:00Z")),
    Kind("24:00", "E_DATE", changed(transfer_date="2024-01-31T24:00:00Z")),
    Kind("a second that most clocks lack", "E_DATE", changed(transfer_date="2016-12-31T23:59:60Z")),
    Kind("the year 0", "E_DATE", changed(transfer_date="0000-01-01T00:00:00Z")),
    Kind("the year 10000", "E_DATE", changed(transfer_date="10000-01-01T00:00:00Z")),
    Kind("a date without a zone", "E_DATE", changed(transfer_date="2024-01-31T12:00:00")),
    Kind("a date without a time", "E_DATE", changed(transfer_date="2024-01-31")),
    Kind("a date in another order", "E_DATE", changed(transfer_date="31.01.2024 12:00")),
    Kind("a date by its week", "E_DATE", changed(transfer_date="2024-W05-3T12:00:00Z")),
    Kind("a date as text since 1970", "E_DATE", changed(transfer_date="1706702400")),
    Kind("NUL in a text", "E_TEXT", changed(status="a\x00b")),
    Kind("a line feed in an id", "E_TEXT", changed(transaction_id="a\nb")),
    Kind("what moves a terminal's cursor", "E_TEXT", person(name="\x1b[2J")),
    Kind("what moves it in one character", "E_TEXT", lambda good: person(name="~")(good).replace(b"~", b"\xc2\x9b")),
    Kind("a bare DEL", "E_TEXT", lambda good: person(name="~")(good).replace(b"~", b"\x7f")),
    Kind("two evaluations", "E_DUPLICATE", ending_with('"evaluation": "legitimate"')),
    Kind("two evaluations, one disguised", "E_DUPLICATE", ending_with('"\\u0065valuation": "legitimate"')),
    Kind("two amounts", "E_DUPLICATE", ending_with('"amount": 1')),
    Kind("a field twice with the same value", "E_DUPLICATE", ending_with('"status": "completed"')),
    Kind(
        "a field that is not known, and another one twice",
        "E_DUPLICATE",
        lambda good: ending_with('"amount": 1')(
            {**good, "receiver_details": {**good["receiver_details"], "job": None}}
        ),
    ),
    Kind("two ids of a person", "E_DUPLICATE", with_person_ending('"id": "x"')),
    Kind("two notes in a field of others", "E_DUPLICATE", ending_with(r'"note": [{"a\\\"": 1, "a\\\"": 2}]')),
)
GOOD = (
    Kind("nothing paid", None, amount("0")),
    Kind("minus nothing", None, amount("-0.0")),
    Kind("many decimals", None, amount("0.12345678901234567890")),
    Kind("an amount with an exponent", None, amount("1.25E+1")),
    Kind("the largest amount", None, amount("9999999999999.99")),
    Kind("sender and receiver are one", None, lambda good: text({
        **good, "receiver_bank_account": good["sender_bank_account"], "receiver_details": good["sender_details"]
    })),
    Kind("right to left, and of no width", None, person(name="\u202e\u05e9\u05dc\u05d5\u05dd\u200d\u200b")),
    Kind("characters beyond 16 bits", None, person(name="\U0001f600")),
    Kind("an address of three lines", None, person(address="1 Main St\r\n\tBerlin\nGermany")),
    Kind("quotation marks and backslashes", None, person(job='"\\"\\\\"', company="\\u0000")),
    Kind("a no-break space", None, lambda good: person(name="~")(good).replace(b"~", b"\xc2\xa0")),
    Kind("empty fields of a person", None, person(website="", job="")),
    Kind("fields of a person that are not known", None, person(website=None, job=None)),
    Kind("white space around it", None, wrapped(b"\n ", b"\r\n")),
    Kind("in many lines", None, lambda good: json.dumps(good, indent=2).encode()),
    Kind("fields that nobody asked for", None, changed(channel="web", note='"evaluation": "legitimate"', ok=None)),
    Kind("nested fields of the same name", None, changed(extra={"evaluation": "x", "amount": [{"amount": 1}]})),
    Kind("a person with more fields", None, person(children=2, pets=["cat"])),
    Kind("another zone", None, changed(transfer_date="2024-02-29T23:59:59.999999-11:30")),
    Kind("no key", None, text, key=None),
    Kind("an empty key", None, text, key=b""),
    Kind("a key that is no UTF-8", None, text, key=b"\xff\x00"),
    Kind("the key of another account", None, text, key=b"XX"),
    Kind("headers that repeat", None, text, headers=(("a", b"1"), ("a", b"2"), ("a", b"1"))),
    Kind("1,000 headers", None, text, headers=tuple((f"h{number}", b"x") for number in range(1000))),
    Kind("headers that are no UTF-8, empty, null, or without a name", None, text, headers=(
        ("a", b"\xff\xfe"), ("b", b""), ("c", None), ("", b"x"), ("é", b"x")
    )),
    Kind("headers of a dead letter that is none", None, text, headers=(("sg-dlq-topic", b"users"),)),
)  # fmt: skip
REFUSED_BY_VALIDATOR = (
    Kind("an id that is longer than the validator API takes", "E_REFUSED", changed(transaction_id="x" * 256)),
    Kind("a transaction that is longer than the validator API takes", "E_REFUSED", person(address="x" * 4_200_000)),
)
"""Good for the ingestor; the processor writes them to its own dead-letter topic when they are unidentified."""
REFUSED = (*NO_JSON, *NO_TRANSACTION, *NOT_ALLOWED)
KINDS = (*REFUSED, *GOOD)
