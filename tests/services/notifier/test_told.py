"""What was told is remembered: here, in Kafka, and by the next process."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from streamguard.errors import KafkaUnavailable
from streamguard.services.notifier.told import TOPIC, Mark, Told
from tests.services.notifier.made import decision


def test_a_decision_counts_as_told_once_kafka_has_the_mark() -> None:
    def refuse(_marks: Sequence[Mark]) -> None:
        raise KafkaUnavailable("away")

    told = Told("desk", refuse)
    with pytest.raises(KafkaUnavailable):
        told.add([decision(1)], "m", 5)
    assert not told.has(decision(1))


def test_the_next_process_knows_it_and_other_revisions_and_channels_do_not() -> None:
    marks: list[Mark] = []
    first = Told("desk", marks.extend)
    first.add([decision(1), decision(2, decision_id="a/b")], "m", 5)
    assert first.has(decision(1))
    assert {(mark.topic, mark.time) for mark in marks} == {(TOPIC, 5)}
    following, other = Told("desk", marks.extend), Told("desk-2", marks.extend)
    for each in (following, other):
        each.restore([mark.key for mark in marks])
    assert following.has(decision(1))
    assert following.has(decision(2, decision_id="a/b"))
    assert not following.has(decision(1, revision=2))
    assert not other.has(decision(1))


def test_a_mark_names_nobody() -> None:
    marks: list[Mark] = []
    Told("desk", marks.extend).add([decision(1)], "m", 5)
    assert b"ACC" not in marks[0].key + marks[0].value


def test_no_more_is_remembered_than_the_last_ones() -> None:
    told = Told("desk", lambda _marks: None, most=10)
    for number in range(25):
        told.add([decision(number)], "m", 5)
    told.restore([None, b"desk/d-15/1"])
    told.add([decision(99)], "m", 5)
    assert [number for number in range(25) if told.has(decision(number))] == [15, *range(17, 25)]
