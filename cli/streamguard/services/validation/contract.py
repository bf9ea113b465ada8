"""What the validator API is asked, and what is a right answer to it.

A call is about one transaction (``POST /validate``) or, where the API has the batch form, about several (``POST
/validate/batch``). Anything that is not exactly what was promised is no answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from itertools import islice
from typing import Any, TypeAlias

import orjson

from streamguard.errors import RecordRefused
from streamguard.services.transaction import PERSON_FIELDS

SINGLE, BATCH = "/validate", "/validate/batch"
NO_BATCH_FORM = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNPROCESSABLE_ENTITY)
"""The API says that the call itself is wrong: the same call again would be wrong again."""
MEANINGFUL = frozenset((HTTPStatus.OK, *REFUSED, *NO_BATCH_FORM))
"""Any other status says no more than that there is no answer."""
LONGEST_MESSAGE = 200
DETAILS = 3
"""That many of the reasons of a refusal are repeated."""
LONGEST_KEY = 255
POINTERS = frozenset(
    [
        "",
        "/transaction_id",
        "/sender_bank_account",
        "/receiver_details",
        *(f"/receiver_details/{name}" for name in PERSON_FIELDS),
        "/sender_bank",
        "/amount",
    ]
)
IN_BATCH = re.compile(r"/transactions/(0|[1-9][0-9]{0,8})(/.*)?", re.ASCII | re.DOTALL)


class Verdict(Enum):
    """What the API says of a transaction."""

    FRAUDULENT = True
    NOT_FRAUDULENT = False


Answer: TypeAlias = "Verdict | RecordRefused"


class CallFailed(Exception):
    """There is no right answer; the call is to be made again. `kind` groups the causes, for metrics.

    `retry_after` is how many seconds the API wants to be left alone.
    """

    def __init__(self, kind: str, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.kind = kind
        self.retry_after = retry_after


class CallRefused(Exception):
    """The API refuses the call and does not say for which transaction."""

    def __init__(self, refusal: RecordRefused) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


class NoBatchForm(Exception):
    """The API takes one transaction a call."""


@dataclass(frozen=True, slots=True)
class Question:
    """One transaction as the API is asked about it, and its place among the others."""

    position: int
    transaction_id: str
    body: bytes

    @classmethod
    def about(cls, position: int, transaction: Mapping[str, Any]) -> Question:
        """Of a bank transaction: the API gets what the contract names and no more."""
        receiver = transaction["receiver_details"]
        if len(receiver) != len(PERSON_FIELDS):
            receiver = {name: value for name, value in receiver.items() if name in PERSON_FIELDS}
        body = {
            "transaction_id": transaction["transaction_id"],
            "sender_bank_account": transaction["sender_bank_account"],
            "receiver_details": receiver,
            "sender_bank": transaction["sender_bank"],
            "amount": transaction["amount"],
        }
        return cls(position, body["transaction_id"], orjson.dumps(body))

    @property
    def key(self) -> str | None:
        """The ``Idempotency-Key``; None if the id can not stand in a header."""
        name = self.transaction_id
        return name if name.isascii() and name.isprintable() and len(name) <= LONGEST_KEY else None


def batch_body(questions: Sequence[Question]) -> bytes:
    """The body of a call in the batch form."""
    return b'{"transactions":[' + b",".join([question.body for question in questions]) + b"]}"


def answers(
    path: str, status: int, content: bytes | bytearray, questions: Sequence[Question]
) -> Sequence[Answer | None]:
    """What a call says of each of its questions; None: ask again, the call was refused because of others.

    Raises:
        CallFailed: that was no answer.
        CallRefused: the call was refused, and not because of certain transactions.
        NoBatchForm: as it says.
    """
    if status == HTTPStatus.OK:
        return _verdicts(path, content, questions)
    if path == BATCH and status in NO_BATCH_FORM:
        raise NoBatchForm
    if status in REFUSED:
        return _refusals(path, status, content, questions)
    raise no_answer(status)


def no_answer(status: int, retry_after: float = 0.0) -> CallFailed:
    """Of a status that says no more than that."""
    return CallFailed(f"status {status}", f"it answers {status}", retry_after)


def _verdicts(path: str, content: bytes | bytearray, questions: Sequence[Question]) -> list[Answer]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        raise _wrong("no JSON") from None
    found: Any = [document]
    if path == BATCH:
        found = document.get("verdicts") if type(document) is dict else None
    if type(found) is not list or len(found) != len(questions):
        raise _wrong("not as many verdicts as were asked for")
    return [_verdict(each, question) for each, question in zip(found, questions, strict=True)]


def _verdict(found: Any, question: Question) -> Verdict:
    if type(found) is not dict or found.get("transaction_id") != question.transaction_id:
        raise _wrong("a verdict about another transaction, or about none")
    match found.get("is_fraudulent_transaction"):
        case True:
            return Verdict.FRAUDULENT
        case False:
            return Verdict.NOT_FRAUDULENT
    raise _wrong("a verdict that is neither true nor false")


def _wrong(what: str) -> CallFailed:
    return CallFailed("answer", f"its answer is {what}")


def _refusals(path: str, status: int, content: bytes | bytearray, questions: Sequence[Question]) -> list[Answer | None]:
    """Who is refused and why; `CallRefused` if nobody is named."""
    if path == SINGLE:
        return [_refusal(status, _details(status, content), questions[0])]
    by_number: dict[int, list[tuple[str, str]]] = {}
    for pointer, message in _details(status, content):
        named = IN_BATCH.fullmatch(pointer)
        if named and int(named[1]) < len(questions):
            by_number.setdefault(int(named[1]), []).append((named[2] or "", message))
    if not by_number:
        raise CallRefused(_refusal(status, (), questions[0]))
    return [
        _refusal(status, by_number[number], question) if number in by_number else None
        for number, question in enumerate(questions)
    ]


def _details(status: int, content: bytes | bytearray) -> Iterator[tuple[str, str]]:
    """Pointers and messages of a refusal; what is no such thing is left out."""
    if status != HTTPStatus.UNPROCESSABLE_ENTITY:
        return
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return
    details = document.get("detail") if type(document) is dict else None
    for detail in details if type(details) is list else ():
        if type(detail) is dict and type(detail.get("pointer")) is str and type(detail.get("message")) is str:
            yield detail["pointer"], detail["message"]


def _refusal(status: int, details: Iterable[tuple[str, str]], of: Question) -> RecordRefused:
    """In the words of the API, as far as they say nothing of what is in the transaction."""
    said = [
        f"{pointer}: {_harmless(message, of)}" if pointer else _harmless(message, of)
        for pointer, message in islice(details, DETAILS)
        if pointer in POINTERS
    ]
    refusal = f"the validator API refuses it ({status})"
    return RecordRefused("E_REFUSED", f"{refusal}: {'; '.join(said)}" if said else refusal)


def _harmless(message: str, question: Question) -> str:
    """The message; without its words if a value of the transaction is among them."""
    for value in _values(orjson.loads(question.body)):
        if value and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", message, re.IGNORECASE):
            return "(the message quotes the transaction)"
    return "".join(filter(str.isprintable, message))[:LONGEST_MESSAGE]


def _values(document: Mapping[str, Any]) -> Iterator[str]:
    for value in document.values():
        if isinstance(value, dict):
            yield from _values(value)
        elif value is not None:
            yield str(value)
