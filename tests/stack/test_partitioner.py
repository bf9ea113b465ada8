"""One key is on one partition, whoever writes it: our producer's choice beside that of Java's, for a thousand keys."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator

import pytest

from streamguard.kafka import clients
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.settings import Settings
from streamguard.stack.jars import class_path, read_lock
from streamguard.stack.java import find_java
from tests.stack.records import read

PARTITIONS = 7
LETTERS = "abcXYZ0189-_:.@ äß€中🂡"


@pytest.fixture
def topics(settings: Settings) -> Iterator[tuple[str, str]]:
    """One topic for Java and one for us, removed afterwards."""
    names = (f"partitioner-java-{os.getpid()}", f"partitioner-ours-{os.getpid()}")
    for name in names:
        create_topic(settings, Topic(name, PARTITIONS))
    yield names
    admin = clients.admin(settings)
    for answer in admin.delete_topics(list(names)).values():
        answer.result(10)


def keys() -> list[str]:
    """A thousand keys of all lengths from 0, which meets every remainder of a division by four."""
    chance = random.Random(7)
    found = {"".join(chance.choices(LETTERS, k=length % 40)) for length in range(1200)}
    return sorted(found)[:1000]


def write_with_java(settings: Settings, topic: str, wanted: list[str]) -> None:
    command = [
        find_java(settings),
        "-cp",
        class_path(read_lock(), settings.cache_dir / "jars"),
        "org.apache.kafka.tools.ConsoleProducer",
        "--bootstrap-server",
        settings.kafka_bootstrap,
        "--topic",
        topic,
        "--reader-property",
        "parse.key=true",
        "--reader-property",
        "key.separator=|",
    ]
    lines = "".join(f"{key}|v\n" for key in wanted)
    java = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=60, check=False)
    assert java.returncode == 0, java.stderr.decode()


def placed(settings: Settings, topic: str) -> dict[bytes | None, int]:
    return {record.key: record.partition for record in read(settings, topic)}


def test_a_thousand_keys_are_where_java_puts_them(settings: Settings, topics: tuple[str, str]) -> None:
    javas, ours = topics
    wanted = keys()
    write_with_java(settings, javas, wanted)
    producer = clients.producer(settings)
    for key in wanted:
        producer.produce(ours, b"v", key.encode())
    assert producer.flush(30) == 0

    by_java = placed(settings, javas)
    assert len(by_java) == 1000
    assert set(by_java.values()) == set(range(PARTITIONS))
    assert placed(settings, ours) == by_java


def test_a_transactional_producer_puts_them_there_too(settings: Settings, topics: tuple[str, str]) -> None:
    plain, transactional = topics
    wanted = [key.encode() for key in keys()]
    first = clients.producer(settings)
    second = clients.transactional_producer(settings, f"sg.test.partitioner.{os.getpid()}")
    second.init_transactions(10)
    second.begin_transaction()
    for key in wanted:
        first.produce(plain, b"v", key)
        second.produce(transactional, b"v", key)
    assert first.flush(30) == 0
    second.commit_transaction(10)

    assert placed(settings, transactional) == placed(settings, plain)
