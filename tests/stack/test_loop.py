"""The read-process-write loop on a real broker: killed, doubled, aborted, stopped; nothing lost, nothing twice."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, Message, TopicPartition

from streamguard.errors import Fenced, RecordRefused
from streamguard.kafka import clients
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.phase import Phase, read_phase
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.settings import Settings
from tests.stack.loops import Copier, Running, copy_to, lag, numbers, wait_until
from tests.stack.records import OwnTopics, read, write

KILLS = 5
SOAK_KILLS = 100


@pytest.fixture
def name(own: OwnTopics) -> str:
    """A name that no other test uses."""
    return own.prefix.rstrip("-")


@pytest.fixture
def topics(own: OwnTopics) -> tuple[str, str]:
    """A source, which has a dead-letter topic, and a target."""
    source, target = own.create("in"), own.create("out")
    own.create(dead_letters.topic_for(source))
    return source, target


def test_kills_in_the_middle_of_transactions_lose_and_repeat_nothing(
    settings: Settings, name: str, topics: tuple[str, str], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    source, target = topics
    kills = SOAK_KILLS if request.config.getoption("--soak") else KILLS
    settings = replace(settings, phase_dir=str(tmp_path))
    sent = numbers(6_000 * kills)
    write(settings, source, sent)
    arguments = (source, target, f"sg.{name}", "500")
    first_commits = []
    for _ in range(kills):
        copier = Copier(settings, *arguments)
        first_commits.append(copier.first_commit())
        wait_until(
            lambda: (read_phase(str(tmp_path), f"sg.{name}.0") or 0) >= Phase.IN_TRANSACTION, "a transaction is open"
        )
        copier.end(signal.SIGKILL)
    last = Copier(settings, *arguments)
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "everything is copied")
    begun = time.monotonic()
    assert last.end(signal.SIGTERM) == 0
    assert time.monotonic() - begun < 5
    arrived = Counter(record.value for record in read(settings, target))
    assert arrived == Counter(sent)
    assert statistics.median(first_commits) < 2


def test_the_first_of_two_with_one_name_is_fenced(settings: Settings, name: str, topics: tuple[str, str]) -> None:
    source, target = topics
    write(settings, source, numbers(10))
    arguments = (source, target, f"sg.{name}", "10000")
    first = Copier(settings, *arguments)
    first.first_commit()
    second = Copier(settings, *arguments)
    assert first.wait() == Fenced.exit_code
    write(settings, source, numbers(10))
    second.first_commit()
    assert second.end(signal.SIGTERM) == 0
    assert len(read(settings, target)) == 20


def test_a_fenced_producer_that_refuses_to_write_tells_the_cause(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    first = clients.transactional_producer(settings, name)
    first.init_transactions(30)
    first.begin_transaction()
    clients.transactional_producer(settings, name).init_transactions(30)

    refusals: list[KafkaError] = []

    def refused() -> bool:
        try:
            first.produce(topics[1], b"too late")
        except KafkaException as exc:
            refusals.append(exc.args[0])
        return bool(refusals)

    wait_until(refused, "the producer has noticed")
    assert [error.code() for error in refusals] == [KafkaError._FATAL], "no cause is said"
    assert clients.cause(first, refusals[0]).code() in clients.FENCED
    clients.discard(first)


def test_an_abort_seeks_back_and_the_batch_is_done_again(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    source, target = topics
    write(settings, source, numbers(1000))
    batches = 0

    def refused_once(batch: Sequence[Message], produce: Produce) -> None:
        nonlocal batches
        batches += 1
        copy_to(target)(batch, produce)
        if batches == 1:
            produce(target, os.urandom(2_000_000))  # more than the topic takes: the broker refuses it

    running = Running(settings, group=f"sg.{name}", topics=[source], handle=refused_once)
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "the second attempt is committed")
    running.end()
    assert running.error is None
    assert batches >= 2
    assert Counter(record.value for record in read(settings, target)) == Counter(numbers(1000))


def test_a_refusal_that_a_handler_hides_aborts_as_well(settings: Settings, name: str, topics: tuple[str, str]) -> None:
    source, target = topics
    write(settings, source, numbers(10))
    attempts = 0

    def hides(batch: Sequence[Message], produce: Produce) -> None:
        nonlocal attempts
        attempts += 1
        copy_to(target)(batch, produce)
        if attempts == 1:
            with suppress(Exception):  # as a handler should not do
                produce(target, b"x" * (clients.LARGEST_RECORD_BYTES + 1))

    running = Running(settings, group=f"sg.{name}", topics=[source], handle=hides)
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "the second attempt is committed")
    running.end()
    assert len(read(settings, target)) == 10
    assert attempts >= 2


def test_an_exception_of_the_handler_ends_the_loop_and_commits_nothing(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    source, target = topics
    write(settings, source, numbers(10))

    def breaks(batch: Sequence[Message], produce: Produce) -> None:
        copy_to(target)(batch, produce)
        raise ZeroDivisionError

    running = Running(settings, group=f"sg.{name}", topics=[source], handle=breaks)
    wait_until(lambda: running.error is not None, "the loop ends")
    assert isinstance(running.error, ZeroDivisionError)
    assert read(settings, target) == []
    assert lag(settings, f"sg.{name}", source) == 10


def test_dead_letters_are_in_the_transaction(settings: Settings, name: str, topics: tuple[str, str]) -> None:
    source, target = topics
    write(settings, source, [b"good", b"bad", b"good"])

    def handle(batch: Sequence[Message], produce: Produce) -> None:
        for record in batch:
            if record.value() == b"bad":
                dead_letters.write(produce, record, RecordRefused("E_BAD", "it is bad"), "test")
            else:
                produce(target, record.value())

    running = Running(settings, group=f"sg.{name}", topics=[source], handle=handle)
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "everything is handled")
    running.end()
    (dead,) = read(settings, dead_letters.topic_for(source))
    assert dead.value == b"bad"
    assert dict(dead.headers)["sg-dlq-code"] == b"E_BAD"
    assert len(read(settings, target)) == 2


def test_metadata_is_committed_with_the_offsets_and_comes_back(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    source, target = topics
    write(settings, source, numbers(100))
    assigned: list[list[TopicPartition]] = []

    def on_assign(committed: list[TopicPartition]) -> list[TopicPartition]:
        assigned.append(committed)
        return committed

    def run_until_read() -> None:
        running = Running(
            settings,
            group=f"sg.{name}",
            topics=[source],
            handle=copy_to(target),
            on_assign=on_assign,
            metadata=lambda partition: f"next is {partition.offset}",
        )
        wait_until(running.loop.ready.is_set, "partitions are assigned")
        wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "everything is copied")
        running.end()

    run_until_read()
    run_until_read()
    assert {partition.offset for partition in assigned[0]} == {OFFSET_INVALID}
    assert sorted(partition.metadata or "" for partition in assigned[-1]) == sorted(
        f"next is {partition.offset}" for partition in assigned[-1]
    )
    assert len(read(settings, target)) == 100


def test_an_errand_between_two_transactions_can_move_the_loop_back(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    source, target = topics
    write(settings, source, numbers(50))
    again = threading.Event()

    def on_assign(committed: list[TopicPartition]) -> list[TopicPartition]:
        if again.is_set():
            for partition in committed:
                partition.offset = 0
        return committed

    running = Running(
        settings, group=f"sg.{name}", topics=[source], handle=copy_to(target), on_assign=on_assign, batch_wait=0.2
    )
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "everything is copied")
    again.set()
    assert running.loop.between(running.loop.reposition).result(10) is None
    wait_until(lambda: len(read(settings, target)) >= 100, "everything is copied again")
    with pytest.raises(ZeroDivisionError):
        running.loop.between(lambda: 1 // 0).result(10)
    running.end()
    assert Counter(record.value for record in read(settings, target)) == Counter(numbers(50) * 2)


def test_two_instances_share_the_partitions_and_repeat_nothing(
    settings: Settings, name: str, topics: tuple[str, str]
) -> None:
    source, target = topics
    write(settings, source, numbers(20_000))
    options: dict[str, Any] = {"group": f"sg.{name}", "topics": [source], "handle": copy_to(target)}
    first = Running(settings, **options, instance="0", batch_records=100)
    wait_until(first.loop.ready.is_set, "the first has partitions")
    second = Running(settings, **options, instance="1", batch_records=100)
    wait_until(second.loop.ready.is_set, "the second has partitions")
    wait_until(lambda: lag(settings, f"sg.{name}", source) == 0, "everything is copied")
    assert first.end() < 5
    assert second.end() < 5
    assert (first.error, second.error) == (None, None)
    assert Counter(record.value for record in read(settings, target)) == Counter(numbers(20_000))


def test_without_a_broker_the_loop_waits_and_still_stops_at_once(settings: Settings, name: str) -> None:
    nowhere = replace(settings, kafka_bootstrap="127.0.0.1:1")
    running = Running(nowhere, group=f"sg.{name}", topics=["t"], handle=copy_to("u"))
    time.sleep(0.5)
    assert running.error is None
    assert running.end() < 5
    assert running.error is None
