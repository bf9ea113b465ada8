"""Records sent outside of any loop: all are acknowledged, or an error says why not."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from typing import Any, NamedTuple, cast

import pytest
from confluent_kafka import KafkaError as Refusal
from confluent_kafka import Producer

from streamguard.errors import KafkaError, KafkaUnavailable
from streamguard.kafka.sender import Sender
from streamguard.settings import Settings


class Record(NamedTuple):
    value: bytes
    time: int | None = None
    topic: str = "t"
    key: bytes | None = None
    plain_headers: list[tuple[str, str | bytes | None]] = []  # noqa: RUF012


class Plain(NamedTuple):
    """A record that has no headers."""

    value: bytes
    time: int | None = None
    topic: str = "t"
    key: bytes | None = None


class Scripted:
    """A producer whose queue has room for two; `refused` values are reported as failed."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, int, Any]] = []
        self.waiting: list[Any] = []
        self.refused: set[bytes] = set()
        self.left = 0
        self.made = 0

    def make(self, _settings: Settings) -> Producer:
        self.made += 1
        return cast(Producer, self)

    def produce(self, _topic: str, *, value: bytes, timestamp: int, headers: Any, on_delivery: Any, **_: Any) -> None:
        if len(self.waiting) == 2:
            raise BufferError
        self.taken.append((value, timestamp, headers))
        self.waiting.append(lambda: on_delivery(Refusal(10) if value in self.refused else None, None))

    def poll(self, _seconds: float) -> None:
        for report in self.waiting:
            report()
        self.waiting.clear()

    def flush(self, _seconds: float) -> int:
        self.poll(0)
        return self.left

    def purge(self) -> None:
        self.waiting.clear()


def test_records_are_sent_in_order_also_if_the_queue_is_small() -> None:
    kafka = Scripted()
    send = Sender(Settings(), kafka.make)
    send([Record(b"%d" % number) for number in range(5)])
    send([Record(b"5", 0, plain_headers=[("a", b"b")]), Record(b"6", 7)])
    assert [value for value, _, _ in kafka.taken] == [b"%d" % number for number in range(7)]
    assert kafka.taken[4:] == [(b"4", 0, []), (b"5", 1, [("a", b"b")]), (b"6", 7, [])]
    assert kafka.made == 1


def test_one_that_is_refused_is_an_error_and_the_next_try_has_a_new_producer() -> None:
    kafka = Scripted()
    kafka.refused.add(b"1")
    send = Sender(Settings(), kafka.make)
    with pytest.raises(KafkaError):
        send([Record(b"0"), Record(b"1"), Record(b"2")])
    kafka.refused.clear()
    send([Record(b"0"), Record(b"1"), Record(b"2")])
    assert kafka.made == 2


def test_a_kafka_that_does_not_answer_is_an_error() -> None:
    kafka = Scripted()
    kafka.left = 1
    with pytest.raises(KafkaUnavailable):
        Sender(Settings(), kafka.make)([Record(b"0")])


def test_a_record_of_time_0_is_not_sent_as_one_of_now_and_one_without_headers_has_none() -> None:
    kafka = Scripted()
    Sender(Settings(), kafka.make)([Plain(b"0", 0), Plain(b"1")])
    assert kafka.taken == [(b"0", 1, None), (b"1", 0, None)]


def test_whatever_ends_a_call_nothing_of_it_is_sent_later() -> None:
    kafka = Scripted()
    send = Sender(Settings(), kafka.make)

    def broken() -> Iterator[Plain]:
        yield Plain(b"0")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError):
        send(broken())
    assert kafka.waiting == []
    send([Plain(b"1")])
    assert kafka.made == 2


def test_records_of_one_call_stay_together_whoever_else_sends() -> None:
    kafka = Scripted()
    send = Sender(Settings(), kafka.make)
    calls = [[Plain(b"%d %d" % (call, number)) for number in range(50)] for call in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(send, calls))
    sent = [value.split()[0] for value, _, _ in kafka.taken]
    assert [len(list(together)) for _, together in groupby(sent)] == [50] * 8
    assert kafka.made == 1
