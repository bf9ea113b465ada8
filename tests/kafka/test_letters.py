"""Dead letters as values: whose story the headers tell, what is one cause, and what is replayed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.kafka import dead_letters
from streamguard.kafka.letters import (
    Letter,
    Origin,
    Replayed,
    Sender,
    grouped,
    letter_of,
    shown_reason,
)
from streamguard.kafka.tail import Record, record_of
from tests.kafka.records import Written, record

Headers = tuple[tuple[str, bytes | None], ...]
NAMES = st.sampled_from(["trace", "", "é", "sg-dlq-topic", "sg-dlq-code", "sg-dlq-", "__connect.errors.topic"])
HEADERS = st.lists(st.tuples(NAMES | st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=12)


def dead_letter(headers: Any = (), *, value: bytes | None = b"{", code: str = "E_JSON", reason: str = "why") -> Record:
    """A record as a service leaves it in a dead-letter topic."""
    written = Written()
    refused = record(value, partition=3, offset=42, headers=list(headers))
    topic = dead_letters.write(written, refused, RecordRefused(code, reason), "ingestor")
    _, value, key, time, headers = written.records[0]
    return record_of(record(value, topic=topic, key=key, timestamp=(1, time), headers=headers))


def connects(message: str, *, before: Headers = (), topic: str = "users") -> Record:
    """A record as Kafka Connect leaves it."""
    facts = {
        "topic": topic,
        "partition": "1",
        "offset": "7",
        "connector.name": "users-mongodb-sink",
        "task.id": "0",
        "stage": "VALUE_CONVERTER",
        "class.name": "org.apache.kafka.connect.json.JsonConverter",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException",
        "exception.message": message,
        "exception.stacktrace": f"org.apache.kafka.connect.errors.DataException: {message}\n\tat …",
    }
    story = tuple((f"__connect.errors.{name}", fact.encode()) for name, fact in facts.items())
    return Record(0, 5, 1_700_000_000_000, b"k", b"v", (*before, *story))


def at(offset: int, code: str = "E_JSON", reason: str = "why", time: int = 0) -> Letter:
    return Letter(
        Record(0, offset, time, None, None, ()), Sender.SERVICE, "ingestor", code, reason, "", Origin("t", 0, 0, 0), ()
    )


@given(headers=HEADERS, value=st.none() | st.binary(max_size=20))
def test_what_is_refused_gets_its_headers_back_exactly(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    letter = letter_of(dead_letter(headers, value=value))
    assert letter.headers == tuple(headers)
    assert letter.record.value == value
    assert letter.origin == Origin("bank-transactions", 3, 42, 1_700_000_000_000)
    assert (letter.sender, letter.refused_by, letter.code, letter.reason) == ("service", "ingestor", "E_JSON", "why")


@given(headers=HEADERS)
def test_what_a_connector_refuses_gets_its_headers_back_too(headers: list[tuple[str, bytes | None]]) -> None:
    letter = letter_of(connects("Converting failed", before=tuple(headers)))
    assert letter.headers == tuple(headers)
    assert letter.origin == Origin("users", 1, 7, 1_700_000_000_000)
    assert (letter.sender, letter.refused_by, letter.code) == ("connector", "users-mongodb-sink", "DataException")


@given(headers=HEADERS)
def test_any_headers_make_a_letter(headers: list[tuple[str, bytes | None]]) -> None:
    letter = letter_of(Record(0, 0, 0, None, None, tuple(headers)))
    if letter.sender is Sender.UNKNOWN:
        assert letter.headers == tuple(headers)
        assert (letter.code, letter.origin) == ("unknown", None)


@pytest.mark.parametrize("name", ["partition", "offset", "timestamp"])
def test_a_story_that_makes_no_sense_has_no_origin(name: str) -> None:
    whole = dead_letter()
    broken = tuple((n, b"?" if n == f"sg-dlq-{name}" else value) for n, value in whole.headers)
    assert letter_of(Record(0, 0, 0, None, None, broken)).origin is None


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Converting byte[] to Kafka Connect data failed", "Converting byte[] to Kafka Connect data failed"),
        ("Unrecognized token 'SECRET': was expecting", "Unrecognized token …"),
        ('can\'t convert "SECRET"', "can't convert …"),
        ("Could not convert {'ssn': 'SECRET'} into BSON", "Could not convert …"),
        ("Invalid\nSECRET", "Invalid"),
    ],
)
def test_what_an_exception_quotes_is_not_shown(message: str, shown: str) -> None:
    assert shown_reason(letter_of(connects(message))) == shown


def test_a_service_never_quotes_so_its_reason_is_shown_whole() -> None:
    assert shown_reason(letter_of(dead_letter(reason="no field 'x'"))) == "no field 'x'"


def test_reasons_that_differ_in_numbers_are_one_cause() -> None:
    letters = [at(0, reason="not UTF-8 at byte 17", time=9), at(1, reason="not UTF-8 at byte 1043", time=5)]
    (group,) = grouped("t", letters, {})
    assert (group.reason, group.records, group.first, group.last) == ("not UTF-8 at byte N", 2, 5, 9)


def test_the_most_frequent_cause_comes_first_and_knows_how_many_are_not_replayed() -> None:
    letters = [at(0, "E_DATE"), at(1), at(2), at(3, "E_DATE"), at(4)]
    groups = grouped("t", letters, {0: Replayed(1, {"E_JSON": 3})})
    assert [(group.code, group.records, group.not_replayed) for group in groups] == [("E_JSON", 3, 1), ("E_DATE", 2, 1)]


CODES = st.sampled_from(["E_JSON", "E_DATE", "unknown"])
STEPS = st.lists(st.tuples(st.frozensets(CODES), st.integers(0, 30)), max_size=8)


@given(steps=STEPS)
def test_what_is_replayed_is_what_some_replay_of_its_cause_has_passed(
    steps: list[tuple[frozenset[str], int]],
) -> None:
    done = Replayed()
    for codes, position in steps:
        done = done.after(codes, position)
        done = Replayed.committed(done.upto, done.metadata)  # as Kafka keeps it
    for code in ("E_JSON", "E_DATE", "unknown", "another"):
        for offset in range(31):
            passed = any(offset < position and (not codes or code in codes) for codes, position in steps)
            assert done.has(at(offset, code)) == passed


@pytest.mark.parametrize("metadata", ["5", "x", '{"E_JSON": "7"}', "[]"])
def test_metadata_of_somebody_else_is_no_position(metadata: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Replayed.committed(0, metadata)


def test_a_position_without_a_cause_ahead_has_no_metadata() -> None:
    assert Replayed().after({"E_JSON"}, 5).after((), 9) == Replayed(9, {})
    assert Replayed(9).metadata == ""
