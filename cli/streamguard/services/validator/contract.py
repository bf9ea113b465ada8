"""What is asked and answered over HTTP: /openapi.json is made from these types, and bodies are checked with them.

Types are strict: a text is no number, true is no number, NaN and Infinity are none. Fields beyond these are ignored, so
that a caller may send more than is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic needs it before Python 3.12

BATCH_LIMIT = 1000
ID_LENGTH = 255
"""Characters of a transaction id and of an Idempotency-Key."""
T = TypeVar("T")
Text = Annotated[str, Field(min_length=1)]
_STRICT = ConfigDict(strict=True)


@with_config(_STRICT)
class Receiver(TypedDict):
    """The person who receives; what is not known is null."""

    id: Text
    name: str | None
    address: str | None
    email: str | None
    birthdate: str | None
    phone_number: str | None
    job: str | None
    company: str | None
    ssn: str | None
    blood_group: str | None
    website: str | None
    username: str | None
    bank_account: str | None


@with_config(_STRICT)
class Transaction(TypedDict):
    """A transaction to be judged."""

    transaction_id: Annotated[str, Field(min_length=1, max_length=ID_LENGTH)]
    sender_bank_account: Text
    receiver_details: Receiver
    sender_bank: Text
    amount: Annotated[float, Field(ge=0, allow_inf_nan=False)]


@with_config(_STRICT)
class Batch(TypedDict):
    """Transactions to be judged in one call."""

    transactions: Annotated[list[Transaction], Field(min_length=1, max_length=BATCH_LIMIT)]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a transaction got points, for people. It says what the rules say, never what is in the transaction."""

    rule: str
    points: int
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer about a transaction; `score` goes from 0 to 1."""

    transaction_id: str
    is_fraudulent_transaction: bool
    score: float
    reasons: tuple[Reason, ...]


class Verdicts(TypedDict):
    """The answers in the order of the questions."""

    verdicts: list[Verdict]


class Problem(TypedDict):
    """Something that is wrong with a body: a JSON pointer (RFC 6901) to a place in it, and what is wrong there.

    A field that is missing has no place: the pointer leads to the object that lacks it.
    """

    pointer: str
    message: str


class Refusal(TypedDict):
    """Why a body was refused."""

    detail: list[Problem]


class BodyRefused(Exception):
    """The body is not what was asked for. No value of it is in here."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """A function that reads a body of that type; it raises BodyRefused."""
    validate = TypeAdapter(kind).validate_json

    def read(body: bytes) -> T:
        try:
            return validate(body)
        except ValidationError as exc:
            raise BodyRefused(*map(_problem, exc.errors(include_url=False, include_input=False))) from None

    return read


def _problem(error: Any) -> Problem:
    place, message = list(error["loc"]), error["msg"]
    if error["type"] == "missing":
        message = f"{message}: {place.pop()}"
    return {"pointer": "".join(f"/{step}" for step in place), "message": message}
