"""The reader that runs all the time: it sees what any reader of committed records saw, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from streamguard.kafka import clients
from streamguard.kafka.positions import Positions
from streamguard.kafka.tail import between
from streamguard.kafka.topics import create_topic
from streamguard.kafka.watch import Watch
from streamguard.model import Topic
from streamguard.settings import Settings
from tests.stack.loops import wait_until


@pytest.fixture
def topic(settings: Settings) -> Iterator[str]:
    name = f"watch-{os.getpid()}"
    create_topic(settings, Topic(name, 2))
    yield name
    admin = clients.admin(settings)
    for answer in admin.delete_topics([name]).values():
        answer.result(10)


def test_it_sees_committed_records_in_their_order_and_passes_what_was_aborted(settings: Settings, topic: str) -> None:
    positions = Positions(settings)
    places = positions.places([topic])
    producer = clients.transactional_producer(settings, topic)
    producer.init_transactions(10)
    with Watch(settings, dict.fromkeys(places, 0)) as watch:
        for batch, commit in ((range(3), True), (range(3, 6), False), (range(6, 9), True)):
            producer.begin_transaction()
            for number in batch:
                producer.produce(topic, b"%d" % number, b"%d" % number, partition=0)
            producer.flush(10)
            if not commit:
                assert positions.ends(places, committed=False) != positions.ends(places, committed=True)
            (producer.commit_transaction if commit else producer.abort_transaction)(10)
        ends = positions.ends(places, committed=True)
        wait_until(lambda: all(watch.position(place) == ends[place] for place in places), "everything is read", 20)
        watch.check()
    read = between(settings, topic, {0: 0, 1: 0}, {number: end for (_, number), end in ends.items()})
    assert [record.value for record in read] == [b"0", b"1", b"2", b"6", b"7", b"8"]
    assert watch.seen((topic, 0), 0) == [(record.offset, hash(record)) for record in read]
    assert watch.seen((topic, 0), read[-1].offset) == [(read[-1].offset, hash(read[-1]))]
    assert watch.behind((topic, 0), read[3].offset) == 3
    assert watch.behind((topic, 0), ends[topic, 0]) == 0
    assert watch.seen((topic, 1), 0) == []
