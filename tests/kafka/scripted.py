"""Clients that play a script: what Kafka answers to each call, in order; and a record of what was asked."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from streamguard.kafka.exactly_once.session import Clients
from streamguard.settings import Settings
from tests.kafka.records import record

TOPIC = "t"
NOTHING = -1
"""The position of a consumer that is assigned no partition."""
HANGS = "hangs"
"""As an answer: the call comes back only when the test lets it."""


def error(code: int, *, fatal: bool = False, retriable: bool = False, abortable: bool = False) -> KafkaError:
    return KafkaError(code, "as the script says", fatal, retriable, abortable)


class Script:
    """A Kafka with one partition of `records` records, in memory.

    `answers` holds, by call, what comes next: an error, HANGS, or None for success; without any a call succeeds.
    """

    def __init__(self, records: int = 10) -> None:
        self.log = [record(b"%d" % number, topic=TOPIC, offset=number) for number in range(records)]
        self.answers: dict[str, deque[KafkaError | str | None]] = {}
        self.calls: list[str] = []
        self.committed = 0
        self.written: list[bytes] = []
        """Committed records."""
        self.metadata = ""
        """Committed with the offset."""
        self.group: dict[str, str] = {}
        self.producers: list[str] = []
        """Transactional ids."""
        self.let_go = threading.Event()
        self.paused = threading.Event()
        """Set by a poll of paused partitions."""
        self.reassign_when_paused = False
        self.revoke_when_paused = False
        self.clients = 0
        self.disturb: Callable[[], None]
        """A connection breaks."""

    def answer(self, call: str, *answers: KafkaError | str | None) -> None:
        self.answers.setdefault(call, deque()).extend(answers)

    def count(self, call: str) -> int:
        return self.calls.count(call)

    def play(self, call: str) -> None:
        """What the script has for this call."""
        self.calls.append(call)
        waiting = self.answers.get(call)
        answer = waiting.popleft() if waiting else None
        if answer is HANGS:
            self.let_go.wait(30)
        elif isinstance(answer, KafkaError):
            raise KafkaException(answer)

    @property
    def source(self) -> Clients:
        """For the loop."""
        return cast(Clients, _Source(self))


class _Source:
    def __init__(self, script: Script) -> None:
        self.script = script

    def consumer(self, _settings: Settings, _group: str, *, instance: str = "reader", **_config: Any) -> Consumer:
        self.script.clients += 1
        self.script.group[instance] = f"member-{self.script.clients}"
        return cast(Consumer, _Consumer(self.script, self.script.group[instance]))

    def transactional_producer(self, _settings: Settings, name: str, **config: Any) -> Producer:
        self.script.producers.append(name)
        if "error_cb" not in config:  # of one that is dead
            return cast(Producer, _Producer(self.script))
        self.script.disturb = lambda: config["error_cb"](None)
        return cast(Producer, _Producer(self.script))

    def members(self, _settings: Settings, _group: str) -> dict[str, str]:
        self.script.play("members")
        return self.script.group


class _Consumer:
    def __init__(self, script: Script, member: str) -> None:
        self.script = script
        self.position: int | None = None
        self.member = member
        self.paused = False
        self.on_assign: Callable[[Any, list[TopicPartition]], None] | None = None
        self.on_revoke: Callable[[Any, list[TopicPartition]], None] | None = None

    def subscribe(self, _topics: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        self.on_assign, self.on_revoke = on_assign, on_revoke

    def consume(self, most: int, seconds: float) -> list[Message]:
        self.script.play("consume")
        if self.position is None:
            assert self.on_assign is not None
            self.on_assign(self, [TopicPartition(TOPIC, 0)])
        assert self.position is not None
        if self.position == NOTHING:
            return []
        if self.paused:
            if self.script.reassign_when_paused:
                self.script.reassign_when_paused = False
                assert self.on_assign is not None
                self.on_assign(self, [TopicPartition(TOPIC, 0)])
            if self.script.revoke_when_paused:
                self.script.revoke_when_paused = False
                assert self.on_revoke is not None
                self.on_revoke(self, [TopicPartition(TOPIC, 0)])
                self.position = None
            self.script.paused.set()
            return []
        batch = self.script.log[self.position : self.position + most]
        self.position += len(batch)
        if not batch:
            threading.Event().wait(min(seconds, 0.005))
        return batch

    def committed(self, _partitions: list[TopicPartition], _seconds: float) -> list[TopicPartition]:
        self.script.play("committed")
        return [TopicPartition(TOPIC, 0, self.script.committed, self.script.metadata)]

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.position = partitions[0].offset if partitions else NOTHING

    def pause(self, _partitions: list[TopicPartition]) -> None:
        self.script.play("pause")
        self.paused = True

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.script.play("resume")
        self.paused = self.paused and not partitions

    def memberid(self) -> str:
        return self.member

    def consumer_group_metadata(self) -> object:
        return object()

    def close(self) -> None:
        self.script.play("close")


class _Producer:
    """A transaction is a list of records and an offset, until it is committed."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.pending: list[bytes] = []
        self.offset = 0
        self.metadata = ""

    def init_transactions(self, _seconds: float) -> None:
        self.script.play("init")

    def begin_transaction(self) -> None:
        self.script.play("begin")
        self.pending = []

    def produce(self, _topic: str, value: bytes, *_more: Any) -> None:
        self.script.play("produce")
        self.pending.append(value)

    def send_offsets_to_transaction(self, offsets: list[TopicPartition], _group: object, _seconds: float) -> None:
        self.script.play("offsets")
        self.offset, self.metadata = offsets[0].offset, offsets[0].metadata or ""

    def commit_transaction(self, _seconds: float) -> None:
        self.script.play("commit")
        self.script.written += self.pending
        self.script.committed, self.script.metadata = self.offset, self.metadata

    def abort_transaction(self, _seconds: float) -> None:
        self.script.play("abort")
        self.pending = []

    def poll(self, _seconds: float) -> int:
        self.script.play("poll")
        return 0

    def purge(self) -> None:
        self.script.calls.append("purge")
