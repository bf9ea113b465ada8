"""A member of a group that reads from positions which somebody else keeps."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import pytest
from confluent_kafka import OFFSET_BEGINNING, KafkaError, Message, TopicPartition

from streamguard.errors import Fenced, TopicError
from streamguard.kafka.exactly_once.session import Clients, Membership
from streamguard.kafka.exactly_once.verdicts import Rebuild
from streamguard.kafka.positioned import PositionedReader
from streamguard.settings import Settings
from tests.kafka.records import record

PLACE = ("t", 0)


class Scripted:
    """A consumer with one partition; `events` happen one in each poll, before records are given."""

    def __init__(self) -> None:
        self.log = [record(b"%d" % number, topic="t", offset=2 * number) for number in range(1_200)]
        self.events: deque[Callable[[], list[Message] | None]] = deque([self.rebalance])
        self.next: int | None = None
        self.paused = False
        self.begun: list[int] = []
        self.told: list[int] = []
        self.on: dict[str, Callable[..., None]] = {}

    def consumer(self, *_: Any, **_config: Any) -> Scripted:
        return self

    def members(self, *_: Any) -> dict[str, str]:
        return {}

    def subscribe(self, _topics: list[str], **on: Callable[..., None]) -> None:
        self.on = on

    def rebalance(self) -> None:
        self.on["on_assign"](self, [TopicPartition(*PLACE)])

    def revoke(self) -> None:
        self.on["on_revoke"](self, [TopicPartition(*PLACE)])
        self.next = None

    def memberid(self) -> str:
        return "member"

    def assign(self, partitions: list[TopicPartition]) -> None:
        self.next = None
        for each in partitions:
            self.begun.append(each.offset)
            self.next = 0 if each.offset == OFFSET_BEGINNING else (each.offset + 1) // 2

    def consume(self, most: int, _seconds: float) -> list[Message]:
        if self.events:
            found = self.events.popleft()()
            if found is not None:
                return found
        if self.next is None or self.paused:
            return []
        batch = self.log[self.next : self.next + most]
        self.next += len(batch)
        return batch

    def pause(self, _partitions: list[TopicPartition]) -> None:
        self.paused = True

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused = self.paused and not partitions

    def commit(self, *, offsets: list[TopicPartition], **_: Any) -> None:
        self.told += [each.offset for each in offsets]

    def get_watermark_offsets(self, _partition: TopicPartition, **_: Any) -> tuple[int, int]:
        return 0, 2_399

    def close(self) -> None:
        self.begun.append(-99)


@pytest.fixture
def kafka() -> Scripted:
    return Scripted()


@pytest.fixture
def reader(kafka: Scripted) -> PositionedReader:
    place = Membership(Settings(), "g", "g.0", cast(Clients, kafka))
    return PositionedReader(place, ["t"], threading.Event())


def read(reader: PositionedReader, most: int = 10, size: int = 10**6) -> list[int]:
    found = reader.read(most, size, first=0, more=0)
    return [] if found is None else [one.offset() or 0 for one in found.records]


def begin(reader: PositionedReader, position: int | None = 10) -> None:
    assert read(reader) == []
    reader.begin({} if position is None else {PLACE: position})


def test_nothing_is_read_before_somebody_says_where(reader: PositionedReader) -> None:
    assert [read(reader), read(reader)] == [[], []]
    assert (reader.wants_positions, reader.assigned) == (True, [PLACE])
    reader.begin({PLACE: 10})
    assert read(reader, 3) == [10, 12, 14]
    assert not reader.wants_positions


def test_what_was_never_stored_is_read_from_its_beginning(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader, None)
    found = reader.read(2, 10**6, first=0, more=0)
    assert found is not None
    assert (kafka.begun, found.starts, found.ends) == ([OFFSET_BEGINNING], {PLACE: -1}, {PLACE: 3})


def test_a_batch_begins_where_the_one_before_ended_whatever_gaps_offsets_have(reader: PositionedReader) -> None:
    begin(reader, 9)
    first, second = reader.read(2, 10**6, first=0, more=0), reader.read(2, 10**6, first=0, more=0)
    assert first is not None and second is not None
    assert (first.starts, first.ends) == ({PLACE: 9}, {PLACE: 13})
    assert (second.starts, second.ends) == ({PLACE: 13}, {PLACE: 17})


def test_a_batch_has_no_more_records_and_bytes_than_wanted(reader: PositionedReader) -> None:
    begin(reader, 0)
    assert len(read(reader, 700)) == 700
    assert len(read(reader, 700, size=1)) == 1


def test_records_of_a_batch_during_which_partitions_moved_are_nobodys(
    reader: PositionedReader, kafka: Scripted
) -> None:
    begin(reader)
    kafka.events += [lambda: None, kafka.rebalance]
    assert read(reader) == []
    assert reader.wants_positions
    reader.begin({PLACE: 10})
    assert read(reader, 1) == [10]


def test_after_partitions_were_taken_nothing_is_wanted_or_told(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    kafka.events.append(kafka.revoke)
    assert read(reader) == []
    reader.commit({PLACE: 12})
    assert (reader.wants_positions, kafka.told, reader.lag()) == (False, [], {})


def test_who_waits_is_polled_and_what_came_before_the_pause_is_read_next(
    reader: PositionedReader, kafka: Scripted
) -> None:
    begin(reader)
    kafka.events.append(lambda: [kafka.log[5]])
    reader.keep_place(0)
    reader.keep_place(0)
    assert kafka.paused
    kafka.next = 6
    reader.resume()
    assert read(reader, 3) == [10, 12, 14]


@pytest.mark.parametrize("taken", [True, False], ids=["taken, and given back", "asked anew where to begin"])
def test_what_was_paused_is_read_again_when_it_begins_anew(
    reader: PositionedReader, kafka: Scripted, taken: bool
) -> None:
    begin(reader)
    reader.keep_place(0)
    if taken:
        kafka.events += [kafka.revoke, kafka.rebalance]
        assert [read(reader), read(reader)] == [[], []]
    else:
        reader.reposition()
    reader.begin({PLACE: 10})
    assert read(reader, 2) == [10, 12]


def test_the_lag_is_what_is_behind_the_last_record_read(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    assert read(reader, 1) == [10]
    assert reader.lag() == {PLACE: 2_388}
    reader.commit({PLACE: 11})
    assert kafka.told == [11]


def fails(code: int) -> Callable[[], list[Message]]:
    return lambda: [record(None, topic="t", error=KafkaError(code))]


def test_a_position_that_the_topic_no_longer_has_is_an_error(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    kafka.events.append(fails(KafkaError._AUTO_OFFSET_RESET))
    with pytest.raises(TopicError, match="no longer in the topic"):
        read(reader)


def test_another_process_of_the_same_name_ends_this_one(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    kafka.events.append(fails(KafkaError.FENCED_INSTANCE_ID))
    with pytest.raises(Fenced, match="another process runs as g"):
        read(reader)


def test_soon_after_a_connection_broke_that_may_have_been_itself(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    reader._place.note_disturbance()
    kafka.events.append(fails(KafkaError.FENCED_INSTANCE_ID))
    with pytest.raises(Rebuild):
        read(reader)


def test_a_broker_that_is_away_is_waited_for(reader: PositionedReader, kafka: Scripted) -> None:
    begin(reader)
    kafka.events.append(fails(KafkaError._ALL_BROKERS_DOWN))
    assert read(reader) == []
    assert read(reader, 1) == [10]
