"""The point that the nemesis can not hit: a service dies just after it wrote a dead letter."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pytest

from streamguard.kafka import clients
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.settings import Settings
from tests.stack.loops import PARTITIONS, lag, wait_until
from tests.stack.prefixed import topics_of
from tests.stack.records import read, write
from tests.stack.service import EVALUATIONS, random_port, transaction
from tests.stack.test_sigterm import start

RECORDS = 400


@pytest.fixture
def prefix(settings: Settings) -> Iterator[str]:
    """The beginning of the names of this test's topics, which are removed afterwards."""
    prefix = f"point-{os.getpid()}-"
    topics = topics_of("ingestor", prefix)
    for name in topics:
        create_topic(settings, Topic(name, PARTITIONS))
    yield prefix
    admin = clients.admin(settings)
    for answer in admin.delete_topics(topics).values():
        answer.result(10)


def test_a_kill_just_after_a_dead_letter_leaves_it_there_once(settings: Settings, prefix: str) -> None:
    source, dead, *_ = topics_of("ingestor", prefix)
    sent = [transaction(number) for number in range(RECORDS)]
    write(settings, source, sent)
    own = replace(settings, ingestor_port=random_port())
    command = ["tests.stack.prefixed", "ingestor", prefix]
    with start(command, replace(own, failpoint="dead_letter:3")) as process:
        assert process.wait(30) == -signal.SIGKILL
    with start(command, own) as process:
        wait_until(lambda: lag(settings, f"sg.{prefix}.ingestor", source) == 0, "everything is read")
        process.terminate()
        assert process.wait(20) == 0
    assert Counter(one.value for one in read(settings, dead)) == Counter(sent[EVALUATIONS.index("odd") :: 4])
