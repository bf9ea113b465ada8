"""The running bank pipeline, what it should have delivered, and what it did."""

from __future__ import annotations

import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pymongo
from confluent_kafka import OFFSET_BEGINNING, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import OffsetSpec

from streamguard.catalog import open_catalog, open_table
from streamguard.kafka import clients
from streamguard.kafka.phase import Phase, read_phase
from streamguard.model import Pipeline
from streamguard.pipeline import up
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from streamguard.stack.starting import ignore

ARRIVAL = 30.0
"""Seconds after the end of `produce` within which everything is in MongoDB and in the Iceberg table."""
RATE = 500
"""Records a second of a run."""
INGESTOR = "sg.bank.ingestor"
ENGINE = "sg.ksql.default.fraudulent-transactions"
IN_TRANSACTION = (Phase.IN_TRANSACTION, Phase.COMMITTING)


@dataclass(frozen=True)
class Sinks:
    """What the sinks hold: ids with their multiplicity."""

    mongodb_transactions: Counter[str]
    mongodb_users: Counter[str]
    iceberg_transactions: Counter[str]

    def differences(self, other: Sinks) -> str:
        """Nothing when equal; else what is missing from `other` and what it has too much of."""
        found = []
        for name in ("mongodb_transactions", "mongodb_users", "iceberg_transactions"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                found.append(f"{name}: {(mine - theirs).total()} missing, {(theirs - mine).total()} too many")
        return "; ".join(found)


@dataclass
class Bank:
    """The pipeline on the stack."""

    stack: Stack
    pipeline: Pipeline

    @property
    def settings(self) -> Settings:
        return self.stack.settings

    def up(self) -> None:
        """As `streamguard up bank --no-produce`."""
        up(self.stack, self.pipeline, produce=False, on_progress=ignore)

    def produce(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `streamguard produce bank …`."""
        command = [sys.executable, "-m", "streamguard", "produce", "bank", *arguments, "--output", "json"]
        environment = {**inherited_environment(), **self.settings.environment()}
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def expected(self) -> Sinks:
        """By a reading of `bank-transactions` from its beginning, without any code of the pipeline."""
        transactions, people = set(), set()
        for value in read_all(self.settings, "bank-transactions"):
            record = orjson.loads(value)
            if record["evaluation"] == "fraudulent":
                transactions.add(record["transaction_id"])
                people |= {record["sender_details"]["id"], record["receiver_details"]["id"]}
        return Sinks(Counter(transactions), Counter(people), Counter(transactions))

    def delivered(self) -> Sinks:
        """What is in MongoDB and in the raw Iceberg table."""
        with pymongo.MongoClient[dict[str, Any]](self.settings.mongodb_uri) as client:
            database = client[self.pipeline.mongodb_database or ""]
            transactions = Counter(
                row["TRANSACTION_ID"] for row in database.transactions.find({}, {"TRANSACTION_ID": 1})
            )
            users = Counter(row["ID"] for row in database.users.find({}, {"ID": 1}))
        catalog = open_catalog(self.settings)
        table = open_table(catalog, self.settings, "bank", "raw_fraudulent_transactions_result")
        rows = table.scan(selected_fields=("transaction_id",)).to_arrow()["transaction_id"].to_pylist()
        return Sinks(transactions, users, Counter(rows))

    def await_arrival(self, within: float = ARRIVAL) -> float:
        """Wait until both sinks hold exactly what they should: the seconds it took; an AssertionError otherwise."""
        start = time.monotonic()
        expected = self.expected()
        while difference := expected.differences(self.delivered()):
            assert time.monotonic() - start < within, f"after {within} s: {difference}"
            time.sleep(0.5)
        took = time.monotonic() - start
        time.sleep(1.0)  # whatever would arrive twice had the time to
        assert not expected.differences(self.delivered())
        return took

    def pid(self, name: str) -> int | None:
        """The process of a program of the stack."""
        process = self.stack.supervisor.processes().get(name)
        return process.pid if process is not None and process.is_up else None

    def committed(self, group: str, topic: str) -> int:
        """The sum of a group's committed offsets."""
        return sum(self._committed(group, topic).values())

    def lag(self, group: str, topic: str) -> int:
        """Records of a topic that a group has not committed."""
        admin = clients.admin(self.settings)
        partitions = admin.list_topics(topic).topics[topic].partitions
        wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
        ends = {at.partition: answer.result().offset for at, answer in admin.list_offsets(wanted).items()}
        committed = self._committed(group, topic)
        return sum(end - committed.get(number, 0) for number, end in ends.items())

    def _committed(self, group: str, topic: str) -> dict[int, int]:
        admin = clients.admin(self.settings)
        answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
        found = answer.topic_partitions or []
        return {at.partition: at.offset for at in found if at.topic == topic and at.offset >= 0}


def read_all(settings: Settings, topic: str) -> list[bytes]:
    """Every committed value of a topic, up to its end as it is now, without tombstones."""
    config: dict[str, Any] = {"enable.partition.eof": True}
    consumer = clients.consumer(settings, f"test-reader-{os.getpid()}", **config)
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
    values: list[bytes] = []
    ended: set[int | None] = set()
    while len(ended) < len(partitions):
        for record in consumer.consume(10_000, 0.5):
            if record.error() is not None:
                ended.add(record.partition())
            elif isinstance(value := record.value(), bytes):
                values.append(value)
    consumer.close()
    return values


@dataclass
class Killer:
    """Kills one program with SIGKILL until `wanted` kills counted: those that hit an open transaction, or lag.

    `recoveries`: seconds from each kill to the next commit of the program's group.
    """

    bank: Bank
    program: str
    wanted: int
    is_busy: Callable[[], bool]
    committed: Callable[[], int]
    pause: float
    recoveries: list[float] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"killer-{self.program}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise what went wrong."""
        if self.error is not None:
            raise self.error
        assert len(self.recoveries) == self.wanted

    @property
    def median(self) -> float:
        return statistics.median(self.recoveries)

    def _run(self) -> None:
        try:
            while len(self.recoveries) < self.wanted:
                self._kill()
                time.sleep(self.pause)
        except Exception as exc:  # noqa: BLE001  raised by `check`
            self.error = exc

    def _kill(self) -> None:
        pid = self.bank.pid(self.program)
        if pid is None:
            time.sleep(0.05)
            return
        before = self.committed()
        while not self.is_busy():
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        while self.committed() <= before:
            assert time.monotonic() - killed < 60, f"{self.program} has not committed for 60 s after a kill"
            time.sleep(0.02)
        self.recoveries.append(time.monotonic() - killed)


def arguments(records: int) -> tuple[str, ...]:
    """Of a run of `records` at `RATE`, with a seed that nobody has used."""
    return ("--rate", str(RATE), "--count", str(records), "--seed", str(secrets.randbelow(1 << 30)))


def summary_of(process: subprocess.Popen[str], timeout: float) -> Mapping[str, Any]:
    """The summary of a `produce` that must end well."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == 0, f"produce ended with {process.returncode}\n{out}\n{err}"
    document: Mapping[str, Any] = json.loads(out)
    return document


def in_transaction(settings: Settings, name: str) -> bool:
    """Whether the loop with that transactional id has a transaction open, by its phase file."""
    return read_phase(settings.phase_dir, name) in IN_TRANSACTION
