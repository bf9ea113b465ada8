"""Programs that break a promise, each in the way of a mistake that somebody has made: a small patch of our own code.

None of it can be asked of the product. Each function is called once, in a process of its own.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import Message, Producer

from streamguard.kafka import clients
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.session import Session
from streamguard.services import ingestor
from streamguard.services.validation.client import ValidatorClient
from streamguard.services.validation.contract import Answer, CallFailed, Question, Verdict
from streamguard.settings import Settings

FOR_EVER_MS = 30_000
"""Longer than a verification waits for an open transaction, and no longer than a test can."""

BUILDS: dict[str, Callable[[], None]] = {}


def build(function: Callable[[], None]) -> Callable[[], None]:
    BUILDS[function.__name__] = function
    return function


# ---- offsets


@build
def auto_commit() -> None:
    """Offsets are committed by a clock, whatever became of the records."""
    with_producer(WithoutOffsets)
    with_consumer({"enable.auto.commit": True, "enable.auto.offset.store": True, "auto.commit.interval.ms": 3000})


@build
def offsets_after() -> None:
    """Offsets are committed after the transaction: a kill between the two repeats a batch."""
    with_producer(WithoutOffsets)
    around_transactions(after=commit_offsets)


@build
def offsets_before() -> None:
    """Offsets are committed before there is any output: a kill between the two loses a batch."""
    with_producer(WithoutOffsets)
    around_transactions(before=commit_offsets)


# ---- transactions


@build
def random_transactional_id() -> None:
    """A new name at every start: nobody ends the transaction of a killed predecessor, and everybody waits for it."""

    def producer(settings: Settings, transactional_id: str, **config: Any) -> Producer:
        own = {"transactional.id": f"{transactional_id}.{uuid.uuid4().hex}", "transaction.timeout.ms": FOR_EVER_MS}
        return Producer({**clients._producer_config(settings), **config, **own})

    clients.transactional_producer = producer


@build
def no_transactions() -> None:
    """Records are flushed, then offsets committed: at least once."""
    with_producer(WithoutTransactions)
    around_transactions(after=commit_offsets)


@build
def no_flush() -> None:
    """Offsets are committed while records are still in memory."""
    with_producer(Hasty)
    around_transactions(after=commit_offsets)


@build
def torn() -> None:
    """A transaction for each record written, after the offsets: a kill leaves half of what belongs together."""
    offsets_before()
    original = Session.open

    def open_session(session: Session, topics: Sequence[str]) -> None:
        produce = session.produce

        def committing(*record: Any, **more: Any) -> None:
            produce(*record, **more)
            session.producer.commit_transaction()
            session.producer.begin_transaction()

        session.produce = committing
        original(session, topics)

    replace(Session, "open", open_session)


@build
def reads_uncommitted() -> None:
    """Records of transactions that were aborted are taken for real."""
    with_consumer({"isolation.level": "read_uncommitted"})


# ---- records


@build
def wrong_partitioner() -> None:
    """librdkafka's own choice of partitions: not the one of Java, so not the one of everybody else."""
    original = clients._producer_config
    clients._producer_config = lambda settings: original(settings) | {"partitioner": "consistent_random"}


@build
def reordered() -> None:
    """A batch is handled from its end, as by threads that nobody waits for in order."""
    original = Loop._transact

    def transact(loop: Loop, batch: list[Message], handle: Any) -> None:
        original(loop, batch, lambda own, produce: handle(list(reversed(own)), produce))

    replace(Loop, "_transact", transact)


@build
def rewritten() -> None:
    """Records are decoded and encoded again on their way: the same documents, in other bytes."""
    original = ingestor.decide

    def decide(record: Any) -> Any:
        decision = original(record)
        if isinstance(decision, str):
            return decision
        return [(topic, json.dumps(json.loads(value or b"")).encode(), *rest) for topic, value, *rest in decision]

    ingestor.decide = decide


# ---- verdicts


@build
def swapped_verdicts() -> None:
    """Answers are given to transactions in another order than that in which they were asked for."""
    original = ValidatorClient.ask

    async def ask(client: ValidatorClient, transactions: Any) -> list[Answer]:
        return list(reversed(await original(client, transactions)))

    replace(ValidatorClient, "ask", ask)


@build
def default_verdict() -> None:
    """What the validator API does not answer is taken for harmless."""
    original = ValidatorClient.call

    async def call(client: ValidatorClient, questions: Sequence[Question]) -> Sequence[Answer | None]:
        try:
            return await original(client, questions)
        except CallFailed:
            return [Verdict.NOT_FRAUDULENT] * len(questions)

    replace(ValidatorClient, "call", call)


# ---- how it is done


class WithoutOffsets(Producer):
    """A producer whose transactions hold no offsets."""

    def send_offsets_to_transaction(self, *_: Any) -> None:
        """Nothing."""


class WithoutTransactions(Producer):
    """A producer that looks as if it had transactions."""

    def init_transactions(self, *_: Any) -> None:
        """Nothing."""

    def begin_transaction(self) -> None:
        """Nothing."""

    def abort_transaction(self, *_: Any) -> None:
        """Nothing."""

    def send_offsets_to_transaction(self, *_: Any) -> None:
        """Nothing."""

    def commit_transaction(self, *_: Any) -> None:
        self.flush()


class Hasty(WithoutTransactions):
    """Does not wait for what it was given."""

    def commit_transaction(self, *_: Any) -> None:
        self.poll(0)


def with_producer(kind: type[Producer]) -> None:
    """Loops have a producer of that kind."""
    more = {Hasty: {"linger.ms": 3000}, WithoutTransactions: {}}

    def producer(settings: Settings, transactional_id: str, **config: Any) -> Producer:
        transactional = {"transactional.id": transactional_id, "transaction.timeout.ms": clients.TRANSACTION_TIMEOUT_MS}
        return kind({**clients._producer_config(settings), **more.get(kind, transactional), **config})

    clients.transactional_producer = producer


def with_consumer(config: dict[str, Any]) -> None:
    """Loops have a consumer with other settings."""
    original = clients._consumer_config
    clients._consumer_config = lambda *about: original(*about) | config


def commit_offsets(loop: Loop, batch: list[Message]) -> None:
    """As a consumer does it that knows of no transaction."""
    loop._session.consumer.commit(offsets=loop._offsets_after(batch), asynchronous=False)


Step = Callable[[Loop, list[Message]], None]


def around_transactions(before: Step | None = None, after: Step | None = None) -> None:
    """Do something before or after the transaction of every batch."""
    original = Loop._transact

    def transact(loop: Loop, batch: list[Message], handle: Any) -> None:
        if before is not None:
            before(loop, batch)
        original(loop, batch, handle)
        if after is not None:
            after(loop, batch)

    replace(Loop, "_transact", transact)


def replace(owner: type, name: str, function: Callable[..., Any]) -> None:
    """Put a function in the place of a method."""
    setattr(owner, name, function)
