"""The processor: has unidentified transactions judged by the validator API, and joins those that are fraudulent to
the results of the ksql statements.

What it writes for one is what the statements in ``ksql/bank`` write for a fraudulent one, byte for byte, except for
SOURCE_PROCESS: one result, keyed by transaction id, and sender and receiver, keyed by user id. What is not fraudulent
is dropped and counted; what is no bank transaction, or what the API refuses, becomes a dead letter. Nothing is
repaired, nothing gets a default.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from streamguard.doubles import double_json
from streamguard.errors import ProjectError, RecordRefused
from streamguard.kafka.exactly_once import dead_letters
from streamguard.model import Pipeline
from streamguard.services import frame
from streamguard.services.frame import Decision, Service, Written
from streamguard.services.transaction import parse
from streamguard.services.validation.contract import Answer, Verdict
from streamguard.settings import Settings

if TYPE_CHECKING:
    from streamguard.kafka.exactly_once.produce import Headers, Record
    from streamguard.services.validation.client import ValidatorClient

NAME = "processor"
SOURCE = "unidentified-transactions"
RESULTS = "fraudulent-transactions-result"
USERS = "users"
NOT_FRAUDULENT = "not-fraudulent"
BATCH_RECORDS = 5_000
"""Enough to keep all calls busy; no more, because what has been judged is not committed before the rest is, too."""
TRANSACTION_HEADER = "sg-transaction"
"""On each of the three records, so that they can be told to belong together."""


def decide(found: dict[str, Any], answer: Answer, record: Record) -> Decision | RecordRefused:
    """What follows for the transaction of a record from what the API says about it."""
    if answer is Verdict.FRAUDULENT:
        name = found["transaction_id"].encode()
        headers = [*dead_letters.headers_of(record), (TRANSACTION_HEADER, name)]
        return written(found, name, dead_letters.time_of(record), headers)
    return NOT_FRAUDULENT if answer is Verdict.NOT_FRAUDULENT else answer


def written(found: dict[str, Any], key: bytes, timestamp: int | None, headers: Headers) -> Sequence[Written]:
    """Result, sender and receiver of a fraudulent transaction."""
    sender, receiver = found["sender_details"], found["receiver_details"]
    return (
        (RESULTS, _result(found, sender["id"], receiver["id"]), key, timestamp, headers),
        (USERS, _user(sender), sender["id"].encode(), timestamp, headers),
        (USERS, _user(receiver), receiver["id"].encode(), timestamp, headers),
    )


def _result(found: dict[str, Any], sender: str, receiver: str) -> bytes:
    return orjson.dumps(
        {
            "TRANSACTION_ID": found["transaction_id"],
            "SENDER_BANK_ACCOUNT": found["sender_bank_account"],
            "SENDER_ID": sender,
            "RECEIVER_BANK_ACCOUNT": found["receiver_bank_account"],
            "RECEIVER_ID": receiver,
            "AMOUNT": double_json(float(found["amount"])),
            "STATUS": found["status"],
            "EVALUATION": found["evaluation"],
            "TRANSFER_DATE": found["transfer_date"],
            "SENDER_BANK": found["sender_bank"],
            "SOURCE_PROCESS": NAME,
        }
    )


def _user(person: dict[str, Any]) -> bytes:
    return orjson.dumps(
        {
            "ID": person["id"],
            "NAME": person["name"],
            "ADDRESS": person["address"],
            "EMAIL": person["email"],
            "BIRTHDATE": person["birthdate"],
            "PHONE_NUMBER": person["phone_number"],
            "JOB": person["job"],
            "COMPANY": person["company"],
            "SSN": person["ssn"],
            "BLOOD_GROUP": person["blood_group"],
            "WEBSITE": person["website"],
            "USERNAME": person["username"],
            "BANK_ACCOUNT": person["bank_account"],
            "SOURCE_PROCESS": NAME,
        }
    )


async def decisions(client: ValidatorClient, batch: Sequence[Record]) -> list[Decision | RecordRefused]:
    """One for each record of a batch. Records are parsed as calls are made, so the API need not wait for the last."""
    parsed: list[dict[str, Any] | RecordRefused] = []

    def transactions() -> Iterator[dict[str, Any]]:
        for record in batch:
            try:
                found = parse(record.value())
            except RecordRefused as refusal:
                parsed.append(refusal)
            else:
                parsed.append(found)
                yield found

    answers = iter(await client.ask(transactions()))
    return [
        found if isinstance(found, RecordRefused) else decide(found, next(answers), record)
        for found, record in zip(parsed, batch, strict=True)
    ]


def run(settings: Settings, pipeline: Pipeline, *, verbose: bool = False) -> None:
    """Run the processor of a pipeline: `frame.run`."""
    with service(settings, pipeline) as processor:
        frame.run(settings, processor, verbose=verbose)


@contextmanager
def service(settings: Settings, pipeline: Pipeline) -> Iterator[Service]:
    """The processor of a pipeline, with its client."""
    from streamguard.services.validation.client import client_of
    from streamguard.services.validation.thread import running

    require_topics(pipeline)
    client = client_of(settings)
    with running() as thread:
        thread.begin(client.open()).result()
        try:
            yield Service(
                name=NAME,
                group=f"sg.{pipeline.name}.{NAME}",
                source=SOURCE,
                port=settings.processor_port,
                ask=lambda batch: thread.begin(decisions(client, batch)),
                missing=client.missing,
                collectors=client.measures.collectors(),
                batch_records=BATCH_RECORDS,
            )
        finally:
            thread.begin(client.close()).result()


def require_topics(pipeline: Pipeline) -> None:
    """`ProjectError` if the pipeline lacks a topic of the processor's."""
    for topic in (SOURCE, dead_letters.topic_for(SOURCE), RESULTS, USERS):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the processor needs")
