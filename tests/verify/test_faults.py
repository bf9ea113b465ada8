"""Every kind of fault in every place is seen, as what it is, where it is, and as nothing else.

A verifier that can not fail proves nothing: each test here is a pipeline with one fault.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.kafka.tail import Record
from streamguard.verify.checks import Held
from streamguard.verify.oracle import FRAUDULENT, RESULT, UNIDENTIFIED, USERS
from streamguard.verify.records import found_in
from tests.verify.held import (
    COLLECTIONS,
    DEAD,
    PARTITIONS,
    SOURCE,
    TABLES,
    Topics,
    expected,
    faults,
    held,
    topics_of,
)

pytestmark = pytest.mark.slow

ROUTED = (SOURCE, FRAUDULENT, UNIDENTIFIED)
DERIVED = (RESULT, USERS)
EVERY_TOPIC = (*ROUTED, *DERIVED)
LAST = 10_000
"""An offset after all others."""

picks = st.integers(0, 10_000)


def good() -> Topics:
    return topics_of(expected())


def told(topics: Topics) -> dict[str, dict[str, int]]:
    """What the verifier says, when sinks and readers saw these topics too."""
    return faults(held(topics))


def pick(records: list[Record], number: int) -> int:
    return number % len(records)


def in_order(records: list[Record]) -> list[Record]:
    return sorted(records, key=lambda record: (record.partition, record.offset))


def test_a_pipeline_without_a_fault_has_none() -> None:
    topics = good()
    assert all(len(topics[topic]) > 30 for topic in EVERY_TOPIC)
    assert told(topics) == {}


# ---- topics


@pytest.mark.parametrize("topic", ROUTED)
@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_one_record_less_is_lost(topic: str, number: int) -> None:
    topics = good()
    del topics[topic][pick(topics[topic], number)]
    assert told(topics) == {topic: {"lost": 1}}


@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_a_transaction_without_result_and_users_is_lost(number: int) -> None:
    topics = good()
    whole = expected().wholes[number % len(expected().wholes)]
    for topic, entries in ((RESULT, whole[:1]), (USERS, whole[1:])):
        for entry in entries:
            identities = [record.identity for record in found_in(topics[topic])]
            del topics[topic][identities.index(entry.identity)]
    assert told(topics) == {RESULT: {"lost": 1}, USERS: {"lost": 2}}


@pytest.mark.parametrize("topic", DERIVED)
@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_one_of_result_and_users_less_is_torn(topic: str, number: int) -> None:
    topics = good()
    del topics[topic][pick(topics[topic], number)]
    assert told(topics) == {topic: {"torn": 1}}


@pytest.mark.parametrize("topic", EVERY_TOPIC)
@given(number=picks, before=st.booleans())
@settings(max_examples=5, deadline=None)
def test_one_record_more_is_repeated(topic: str, number: int, *, before: bool) -> None:
    topics = good()
    record = topics[topic][pick(topics[topic], number)]
    topics[topic] = in_order([*topics[topic], replace(record, offset=0 if before else LAST)])
    assert told(topics) == {topic: {"repeated": 1}}


@pytest.mark.parametrize("topic", EVERY_TOPIC)
@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_two_records_of_a_key_the_other_way_round_are_reordered(topic: str, number: int) -> None:
    topics = good()
    pairs = neighbours(topics[topic], topic)
    one, two = pairs[number % len(pairs)]
    records = topics[topic]
    records[one], records[two] = (
        replace(records[two], offset=records[one].offset),
        replace(records[one], offset=records[two].offset),
    )
    assert told(topics) == {topic: {"reordered": 1}}


def neighbours(records: list[Record], topic: str) -> list[tuple[int, int]]:
    """Positions of records that follow each other in a lane."""
    lane_of = {entry.identity: entry.lane for entry in expected().topics[topic]}
    lanes: dict[Any, list[int]] = defaultdict(list)
    for at, record in enumerate(found_in(records)):
        lane = lane_of[record.identity or ()]
        if lane is not None:
            lanes[record.partition, lane].append(at)
    return [pair for lane in lanes.values() for pair in pairwise(lane)]


@pytest.mark.parametrize("topic", EVERY_TOPIC)
@given(number=picks, at=picks, bit=st.integers(0, 7))
@settings(max_examples=15, deadline=None)
def test_one_changed_bit_of_a_value_is_corrupted(topic: str, number: int, at: int, bit: int) -> None:
    topics = good()
    index = pick(topics[topic], number)
    record = topics[topic][index]
    topics[topic][index] = replace(record, value=flipped(record.value or b"", at, bit))
    assert told(topics) == {topic: {"corrupted": 1}}


@pytest.mark.parametrize("topic", EVERY_TOPIC)
@given(number=picks, at=picks, bit=st.integers(0, 7))
@settings(max_examples=15, deadline=None)
def test_one_changed_bit_of_a_key_is_corrupted(topic: str, number: int, at: int, bit: int) -> None:
    topics = good()
    index = pick(topics[topic], number)
    record = topics[topic][index]
    spoilt = held(topics)  # the sinks are made from the right key
    changed = replace(record, key=flipped(record.key or b"", at, bit))
    topics[topic][index] = changed
    seen = held(topics).seen
    assert faults(replace(spoilt, seen=seen)).get(topic) == {"corrupted": 1}


def flipped(text: bytes, at: int, bit: int) -> bytes:
    at %= len(text)
    return text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]


@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_a_user_of_a_transaction_that_does_not_exist_is_corrupted(number: int) -> None:
    topics = good()
    named = [at for at, record in enumerate(topics[USERS]) if record.headers]
    at = named[number % len(named)]
    topics[USERS][at] = replace(topics[USERS][at], headers=(("sg-transaction", b"run-999999999"),))
    assert told(topics) == {USERS: {"corrupted": 1}}


@pytest.mark.parametrize("topic", [*EVERY_TOPIC, DEAD])
@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"transaction_id":1}', b'{"transaction_id":"run-999999999"}'])
def test_a_record_of_nothing_is_a_phantom(topic: str, value: bytes) -> None:
    topics = good()
    topics[topic] = in_order([*topics[topic], Record(0, LAST, 0, b"nobody", value, ())])
    assert told(topics)[topic] == {"phantom": 1}


@pytest.mark.parametrize("topic", DERIVED)
def test_what_became_of_a_transaction_that_is_no_fraud_is_a_phantom(topic: str) -> None:
    topics = good()
    field, name = ("TRANSACTION_ID", "run-000000999") if topic == RESULT else ("ID", "nobody")
    topics[topic] = in_order(
        [*topics[topic], Record(0, LAST, 0, name.encode(), f'{{"{field}":"{name}"}}'.encode(), ())]
    )
    assert told(topics) == {topic: {"phantom": 1}}


@pytest.mark.parametrize("topic", EVERY_TOPIC)
@given(number=picks, step=st.integers(1, 3))
@settings(max_examples=5, deadline=None)
def test_a_record_on_another_partition_is_misrouted(topic: str, number: int, step: int) -> None:
    topics = good()
    record = topics[topic].pop(pick(topics[topic], number))
    other = (record.partition + step) % PARTITIONS[topic]
    topics[topic] = in_order([*topics[topic], replace(record, partition=other, offset=LAST)])
    assert told(topics) == {topic: {"misrouted": 1}}


@pytest.mark.parametrize(
    ("origin", "goal"),
    [(FRAUDULENT, UNIDENTIFIED), (UNIDENTIFIED, FRAUDULENT), (FRAUDULENT, DEAD), (UNIDENTIFIED, RESULT)],
)
@given(number=picks)
@settings(max_examples=5, deadline=None)
def test_a_record_in_another_topic_is_misrouted_and_not_lost(origin: str, goal: str, number: int) -> None:
    topics = good()
    spoilt = held(topics)
    record = topics[origin].pop(pick(topics[origin], number))
    place = record.partition % PARTITIONS[goal]
    topics[goal] = in_order([*topics[goal], replace(record, partition=place, offset=LAST)])
    assert told_of_topics(spoilt, topics) == {goal: {"misrouted": 1}}


def told_of_topics(spoilt: Held, topics: Topics) -> dict[str, dict[str, int]]:
    """What the verifier says about the topics; what the sinks would make of them is another matter."""
    found = faults(replace(spoilt, topics=topics, seen=held(topics).seen))
    return {place: faults for place, faults in found.items() if place in topics}


def test_a_legitimate_transaction_that_was_routed_is_misrouted() -> None:
    topics = good()
    kept = {record.value for topic in (FRAUDULENT, UNIDENTIFIED) for record in topics[topic]}
    legitimate = next(record for record in topics[SOURCE] if record.value not in kept)
    topics[FRAUDULENT] = in_order([*topics[FRAUDULENT], replace(legitimate, offset=LAST)])
    assert told(topics) == {FRAUDULENT: {"misrouted": 1}}


def test_a_dead_letter_of_the_run_is_a_fault() -> None:
    topics = good()
    topics[DEAD] = [replace(topics[SOURCE][0], partition=0, offset=1)]
    assert told(topics) == {DEAD: {"misrouted": 1}}


@given(numbers=st.lists(picks, min_size=1, max_size=6, unique=True))
@settings(max_examples=5, deadline=None)
def test_many_faults_are_all_counted(numbers: list[int]) -> None:
    topics = good()
    gone = {pick(topics[SOURCE], number) for number in numbers}
    topics[SOURCE] = [record for at, record in enumerate(topics[SOURCE]) if at not in gone]
    again = {pick(topics[FRAUDULENT], number) for number in numbers}
    topics[FRAUDULENT] = in_order(
        [*topics[FRAUDULENT], *(replace(topics[FRAUDULENT][at], offset=LAST + at) for at in again)]
    )
    assert told(topics) == {SOURCE: {"lost": len(gone)}, FRAUDULENT: {"repeated": len(again)}}


# ---- the reader that ran all the time


Seen = list[tuple[int, int]]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda seen: seen[1:],  # it did not see a record
        lambda seen: [(1, 1), *seen],  # it saw one that was aborted
        lambda seen: [(seen[0][0], 1), *seen[1:]],  # it saw another one at that place
        lambda seen: [seen[0], *seen],  # it saw it twice
    ],
)
@pytest.mark.parametrize("topic", EVERY_TOPIC)
def test_a_reader_that_saw_something_else_is_told(topic: str, spoil: Callable[[Seen], Seen]) -> None:
    whole = held(good())
    fullest = max((place for place in whole.seen if place[0] == topic), key=lambda place: len(whole.seen[place]))
    seen = {**whole.seen, fullest: spoil(list(whole.seen[fullest]))}
    assert faults(replace(whole, seen=seen)) == {topic: {"unsteady": 1}}


# ---- sinks


Stored = list[dict[str, Any]]
ID = {COLLECTIONS[0]: "TRANSACTION_ID", COLLECTIONS[1]: "ID"}


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [
        ("lost", lambda stored, _: stored[1:]),
        ("repeated", lambda stored, _: [*stored, {**stored[3], "_id": b"made up"}]),
        ("phantom", lambda stored, field: [*stored, {**stored[3], "_id": "x", field: "x"}]),
        ("corrupted", lambda stored, _: [{**stored[0], "_id": b"made up"}, *stored[1:]]),
        ("corrupted", lambda stored, _: [{**stored[0], "SOURCE_PROCESS": "Ksql"}, *stored[1:]]),
        ("corrupted", lambda stored, field: [{**stored[0], field: stored[0][field] + "x"}, *stored[1:]]),
        ("corrupted", lambda stored, _: [{**stored[0], "more": 1}, *stored[1:]]),
    ],
)
@pytest.mark.parametrize("sink", COLLECTIONS, ids=str)
def test_a_fault_of_a_collection_is_told(sink: Any, fault: str, spoil: Callable[[Stored, str], Stored]) -> None:
    whole = held(good())
    stored = spoil([dict(document) for document in whole.documents[sink]], ID[sink])
    spoilt = replace(whole, documents={**whole.documents, sink: stored})
    assert faults(spoilt) == {str(sink): {fault: 1}}


def test_an_older_version_of_a_document_is_stale() -> None:
    whole, users = held(good()), COLLECTIONS[1]
    stored = [dict(document) for document in whole.documents[users]]
    other = {"ksql": "processor", "processor": "ksql"}
    stored[0]["SOURCE_PROCESS"] = other[stored[0]["SOURCE_PROCESS"]]
    assert faults(replace(whole, documents={**whole.documents, users: stored})) == {str(users): {"stale": 1}}


def test_a_document_that_was_there_before_the_run_and_is_gone_is_lost() -> None:
    whole, users = held(good()), COLLECTIONS[1]
    assert faults(replace(whole, gone={**whole.gone, users: ["somebody"]})) == {str(users): {"lost": 1}}


@pytest.mark.parametrize(
    ("fault", "spoil"),
    [
        ("lost", lambda stored: stored[1:]),
        ("repeated", lambda stored: [*stored, stored[3]]),
        ("phantom", lambda stored: [*stored, {**stored[3], "_offset": 1}]),
        ("corrupted", lambda stored: [{**stored[0], "source_process": "Ksql"}, *stored[1:]]),
        ("corrupted", lambda stored: [{**stored[0], "source_process": None}, *stored[1:]]),
        ("corrupted", lambda stored: [{**stored[0], "_offset": 1}, *stored[1:]]),
        ("corrupted", lambda stored: [{**stored[0], "_partition": None}, *stored[1:]]),
    ],
)
@pytest.mark.parametrize("sink", TABLES, ids=str)
def test_a_fault_of_a_table_is_told(sink: Any, fault: str, spoil: Callable[[Stored], Stored]) -> None:
    whole = held(good())
    stored = spoil([dict(row) for row in whole.rows[sink]])
    assert faults(replace(whole, rows={**whole.rows, sink: stored})) == {str(sink): {fault: 1}}


def test_a_data_file_that_is_listed_twice_repeats_each_of_its_rows() -> None:
    whole, sink = held(good()), TABLES[0]
    stored = list(whole.rows[sink])
    assert faults(replace(whole, rows={**whole.rows, sink: stored + stored[:40]})) == {str(sink): {"repeated": 40}}


def test_two_faults_of_one_place_hide_nothing_of_each_other() -> None:
    for one, two in combinations(range(3), 2):
        topics = good()
        records = topics[FRAUDULENT]
        spoils: list[Callable[[], None]] = [
            lambda: records.__delitem__(0),  # noqa: B023
            lambda: records.append(replace(records[-1], offset=LAST)),  # noqa: B023
            lambda: records.append(Record(3, LAST + 1, 0, b"nobody", b"{", ())),  # noqa: B023
        ]
        spoils[one]()
        spoils[two]()
        kinds = ("lost", "repeated", "phantom")
        assert told(topics) == {FRAUDULENT: {kinds[one]: 1, kinds[two]: 1}}
