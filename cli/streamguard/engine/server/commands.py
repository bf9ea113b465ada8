"""The durable command log: every statement that changed something, in a Kafka topic of one partition.

The log is the only thing that a ksql server keeps; its streams and queries are made again from it at every start. It is
written through a transactional producer whose id is that of the service, so a second server of the same service id
fences the first, whose next command then fails instead of forking the log. All commands of one request are one
transaction: a crash leaves all of them or none.

A command's number is its offset. Transactions put markers between commands, so numbers have gaps, as in ksqlDB.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from streamguard.errors import KafkaError, TopicError
from streamguard.kafka import clients
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.settings import Settings

SECONDS = 30.0
"""Longest wait for Kafka in one step of opening or writing the log."""
RETENTION = {"retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete"}


@dataclass(frozen=True)
class Command:
    """A statement that was accepted. `starts` are offsets by partition where its query begins; empty: the beginning."""

    id: str
    statement: str
    properties: Mapping[str, str] = field(default_factory=dict)
    starts: Mapping[int, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The record's value."""
        body = {
            "version": 1,
            "statement": self.statement,
            "properties": dict(self.properties),
            "starts": {str(partition): offset for partition, offset in self.starts.items()},
        }
        return orjson.dumps(body)


def decode(key: bytes | None, value: bytes | None) -> Command:
    """The reverse of a record's key and value.

    Raises:
        KafkaError: the record is not a command of this version.
    """
    try:
        body = orjson.loads(value or b"")
        if body["version"] != 1:
            raise ValueError(body["version"])
        starts = {int(partition): offset for partition, offset in body["starts"].items()}
        return Command((key or b"").decode(), body["statement"], body["properties"], starts)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise KafkaError("the ksql command log holds a record that this version can not read") from exc


def topic_name(service_id: str) -> str:
    """The name of a service's command topic."""
    return f"_streamguard_ksql_{service_id}_commands"


class CommandLog:
    """The log of one service. `open` first; then `append`, by one thread at a time."""

    def __init__(self, settings: Settings, service_id: str, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self.topic = topic_name(service_id)
        self._transactional_id = f"sg.ksql.{service_id}.commands"
        self._producer: Any = None
        self.next_number = 0

    def open(self) -> Iterator[tuple[int, Command]]:
        """Fence other servers and read all commands, with their numbers.

        Fencing takes a moment, so reading goes on beside it; what an older server wrote meanwhile comes last.
        """
        self.close()
        if self.topic not in self._cluster.partitions():
            self._cluster.create({self.topic: (1, self._cluster.replication)}, RETENTION)
        self._producer = clients.transactional_producer(self._settings, self._transactional_id)
        fencing = _Fencing(self._settings, self._producer)
        fencing.start()
        with Reader(self._settings, self.topic, {0: None}, **TO_THE_END) as reader:
            yield from self._numbered(reader.to_end(SECONDS))
            fencing.wait()
            ends = self._cluster.ends(self.topic)
            yield from self._numbered(reader.to_offsets(ends, SECONDS))
        self.next_number = ends[0]

    def append(self, commands: Sequence[Command]) -> list[int]:
        """Write commands in one transaction; their numbers.

        Raises:
            Fenced: another server of this service id has taken over.
            KafkaError: the outcome is not known, or Kafka refused; nothing may be executed.
        """
        numbers: list[int] = []

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                numbers.append(message.offset())

        with clients.translated(self._settings, self._producer):
            self._producer.begin_transaction()
            for command in commands:
                key, value = command.id.encode(), command.encode()
                self._producer.produce(self.topic, value=value, key=key, partition=0, on_delivery=delivered)
            self._producer.flush(SECONDS)
            self._producer.commit_transaction(SECONDS)
        if len(numbers) != len(commands):
            raise TopicError(f"the command log {self.topic} did not take every command")
        self.next_number = numbers[-1] + 2  # the commit marker takes one
        return numbers

    def close(self) -> None:
        """Let go of the producer."""
        if self._producer is not None:
            clients.discard(self._producer)
            self._producer = None

    def _numbered(self, messages: Iterable[Any]) -> Iterator[tuple[int, Command]]:
        for message in messages:
            number = message.offset()
            yield number, decode(message.key(), message.value())


class _Fencing(threading.Thread):
    """`init_transactions` beside something else."""

    def __init__(self, settings: Settings, producer: Any) -> None:
        super().__init__(name="fencing", daemon=True)
        self._settings = settings
        self._producer = producer
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            with clients.translated(self._settings):
                self._producer.init_transactions(SECONDS)
        except BaseException as exc:  # noqa: BLE001  handed to the thread that waits
            self._error = exc

    def wait(self) -> None:
        """Return when other servers are fenced."""
        self.join()
        if self._error is not None:
            raise self._error
