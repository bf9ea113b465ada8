"""What was told is remembered: here, in Kafka, and by the next process."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import KafkaUnavailable
from streamguard.services.notifier.told import TOPIC, Mark, Told
from tests.services.notifier.made import decision


def test_a_decision_counts_as_told_once_kafka_has_the_mark() -> None:
    def refuse(_marks: Sequence[Mark]) -> None:
        raise KafkaUnavailable("away")

    told = Told("card", "desk", refuse)
    with pytest.raises(KafkaUnavailable):
        told.add([decision(1)], "m", 5)
    assert not told.has(decision(1))


def test_the_next_process_knows_it_and_other_revisions_channels_and_pipelines_do_not() -> None:
    marks: list[Mark] = []
    first = Told("card", "desk", marks.extend)
    first.add([decision(1), decision(2, decision_id="a/b")], "m", 5)
    assert first.has(decision(1))
    assert {(mark.topic, mark.time) for mark in marks} == {(TOPIC, 5)}
    following = Told("card", "desk", marks.extend)
    others = [Told("card", "desk-2", marks.extend), Told("card-2", "desk", marks.extend)]
    for each in (following, *others):
        each.restore((mark.key, mark.time) for mark in marks)
    assert following.has(decision(1))
    assert following.has(decision(2, decision_id="a/b"))
    assert not following.has(decision(1, revision=2))
    assert not any(each.has(decision(1)) for each in others)


def test_a_mark_names_nobody() -> None:
    marks: list[Mark] = []
    Told("card", "desk", marks.extend).add([decision(1)], "m", 5)
    assert b"ACC" not in marks[0].key + marks[0].value


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 1000)), max_size=100), st.integers(1, 20))
def test_the_youngest_marks_are_remembered_in_whatever_order_they_are_read(
    found: list[tuple[int, int]], most: int
) -> None:
    told = Told("card", "desk", lambda _marks: None, most=most)
    ages: dict[int, int] = {}
    for number, time in found:
        told.restore([(None, time), (b"card/desk/d-%d/1" % number, time)])
        ages[number] = max(ages.get(number, -1), time)
    kept = {number for number in ages if told.has(decision(number))}
    assert len(kept) == min(most, len(ages))
    if len(set(ages.values())) == len(ages) == len(found):
        assert kept == set(sorted(ages, key=lambda number: -ages[number])[:most])


def test_what_was_told_again_is_as_young_as_that() -> None:
    told = Told("card", "desk", lambda _marks: None, most=2)
    for number, time in ((1, 10), (2, 20), (1, 30), (3, 40)):
        told.add([decision(number)], "m", time)
    assert [number for number in (1, 2, 3) if told.has(decision(number))] == [1, 3]
