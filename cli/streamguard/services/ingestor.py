"""The ingestor: reads bank transactions and sends each where its evaluation says.

``fraudulent`` and ``unidentified`` ones go on to topics of their own, bytes, key, timestamp and headers unchanged;
``legitimate`` ones are dropped and counted; what is no bank transaction becomes a dead letter. Nothing is repaired,
nothing gets a default.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import orjson

from streamguard.errors import ProjectError, RecordRefused
from streamguard.kafka import dead_letters
from streamguard.kafka.metrics import Counts
from streamguard.model import Pipeline

if TYPE_CHECKING:
    from streamguard.kafka.produce import Produce, Record

NAME = "ingestor"
LEGITIMATE = "legitimate"
ROUTES: dict[str, str | None] = {
    "fraudulent": "fraudulent-transactions",
    "unidentified": "unidentified-transactions",
    LEGITIMATE: None,
}
"""The topic of each evaluation; None: dropped."""

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


def route(value: bytes | None) -> str | None:
    """The topic that a bank transaction goes to; None: it is dropped.

    Raises:
        RecordRefused: it is no bank transaction. The reason names the field and never says what is in it.
    """
    transaction = _parse(value)
    _check(transaction)
    evaluation = transaction["evaluation"]
    if not isinstance(evaluation, str) or evaluation not in ROUTES:
        raise RecordRefused("E_EVALUATION", f"evaluation is none of {', '.join(ROUTES)}")
    return ROUTES[evaluation]


def _parse(value: bytes | None) -> dict[str, Any]:
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


class Ingestor:
    """Handles batches of one input topic and counts what it did with each record."""

    def __init__(self, source: str, counts: Counts) -> None:
        self.source = source
        self.counts = counts

    def handle(self, batch: Sequence[Record], produce: Produce) -> None:
        """Route every record of the batch."""
        counted = self.counts.begin()
        counted["in", self.source] += len(batch)
        for record in batch:
            value = record.value()
            try:
                topic = route(value)
            except RecordRefused as refusal:
                dead = dead_letters.write(produce, record, refusal, NAME)
                counted["dead_letter", dead, refusal.code] += 1
                continue
            if topic is None:
                counted["filtered", LEGITIMATE] += 1
            else:
                produce(topic, value, record.key(), dead_letters.time_of(record), dead_letters.headers_of(record))
                counted["out", topic] += 1


def source_of(pipeline: Pipeline) -> str:
    """The topic that the ingestor of a pipeline reads; `ProjectError` if the pipeline lacks a topic it writes to."""
    source = pipeline.generator.topic
    for topic in (source, *filter(None, ROUTES.values()), dead_letters.topic_for(source)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the ingestor needs")
    return source
