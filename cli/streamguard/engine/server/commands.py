"""The durable command log: every statement that changed something, in a Kafka topic of one partition.

The log is the only thing that a ksql server keeps; its streams and queries are made again from it at every start.

Several servers may share a service id: each follows the log and carries out what the others wrote. Who writes has to
have the *lease*: the log's transactional producer, whose ``init_transactions`` takes it from whoever had it. It then
reads the log to its end, checks its statements against what it knows now, and commits, which fails if another server
has taken the lease meanwhile. So a commit is proof that nothing came between, and the log never forks; who failed tries
again. All commands of one request are one transaction: a crash leaves all of them or none.

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
PIECE = 1000
POLL_SECONDS = 0.2
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
    """The log of one service. `take` the lease, then `append`, by one thread at a time; `follow` by another."""

    def __init__(self, settings: Settings, service_id: str, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self.topic = topic_name(service_id)
        self._transactional_id = f"sg.ksql.{service_id}.commands"
        self._producer: Any = None
        self.next_number = 0

    @property
    def leased(self) -> bool:
        """Whether we have the lease, as far as we know: then nobody has written since we took it."""
        return self._producer is not None

    def take(self, after: int = -1) -> Iterator[tuple[int, Command]]:
        """Take the lease and read the commands after a number, with their numbers.

        Taking it takes a moment, so reading goes on beside it; what an older server wrote meanwhile comes last.
        """
        self.close()
        if self.topic not in self._cluster.partitions():
            self._cluster.create({self.topic: (1, self._cluster.replication)}, RETENTION)
        producer = clients.transactional_producer(self._settings, self._transactional_id)
        fencing = _Fencing(self._settings, producer)
        fencing.start()
        with Reader(self._settings, self.topic, {0: after + 1}, **TO_THE_END) as reader:
            yield from _numbered(reader.to_end(SECONDS))
            fencing.wait()
            ends = self._cluster.ends(self.topic)
            yield from _numbered(reader.to_offsets(ends, SECONDS))
        self.next_number = ends[0]
        self._producer = producer

    def append(self, commands: Sequence[Command]) -> list[int]:
        """Write commands in one transaction; their numbers. After an error the lease is lost.

        Raises:
            Fenced: another server of this service id has taken the lease; nothing was written.
            KafkaError: the outcome is not known, or Kafka refused; nothing may be executed.
        """
        numbers: list[int] = []

        def delivered(error: Any, message: Any) -> None:
            if error is None:
                numbers.append(message.offset())

        try:
            with clients.translated(self._settings, self._producer):
                self._producer.begin_transaction()
                for command in commands:
                    key, value = command.id.encode(), command.encode()
                    self._producer.produce(self.topic, value=value, key=key, partition=0, on_delivery=delivered)
                self._producer.flush(SECONDS)
                self._producer.commit_transaction(SECONDS)
            if len(numbers) != len(commands):
                raise TopicError(f"the command log {self.topic} did not take every command")
        except BaseException:
            self.close()
            raise
        self.next_number = numbers[-1] + 2  # the commit marker takes one
        return numbers

    def follow(self, after: int, stop: threading.Event) -> Iterator[list[tuple[int, Command]]]:
        """Commands after a number as they come, in the pieces in which they come, until `stop`."""
        with Reader(self._settings, self.topic, {0: after + 1}) as reader:
            while not stop.is_set():
                messages = reader.poll(PIECE, POLL_SECONDS)
                if messages:
                    yield list(_numbered(messages))

    def has(self, number: int) -> bool:
        """Whether the log goes as far as that number."""
        return number < self._cluster.ends(self.topic, committed=False)[0]

    def close(self) -> None:
        """Let go of the producer."""
        if self._producer is not None:
            clients.discard(self._producer)
            self._producer = None


def _numbered(messages: Iterable[Any]) -> Iterator[tuple[int, Command]]:
    for message in messages:
        yield message.offset(), decode(message.key(), message.value())


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
