"""Dead letters as values: whose story the headers tell, what is one cause, and what is replayed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused, TopicError
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.letters.reading import (
    Choice,
    Failure,
    Letter,
    Origin,
    Replayed,
    Sender,
    letter_of,
    replayed_headers,
)
from streamguard.kafka.letters.replay import Places, offsets_of
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
    return record_of(record(value, topic=topic, key=key, timestamp=(1, time or 0), headers=headers))


def connects(
    message: str,
    *,
    before: Headers = (),
    topic: str = "users",
    connector: str = "users-mongodb-sink",
    stage: str = "VALUE_CONVERTER",
    trace: str = "",
    value: bytes | None = b"v",
) -> Record:
    """A record as Kafka Connect leaves it."""
    facts = {
        "topic": topic,
        "partition": "1",
        "offset": "7",
        "connector.name": connector,
        "task.id": "0",
        "stage": stage,
        "class.name": "org.apache.kafka.connect.json.JsonConverter",
        "exception.class.name": "org.apache.kafka.connect.errors.DataException",
        "exception.message": message,
        "exception.stacktrace": trace or f"org.apache.kafka.connect.errors.DataException: {message}\n\tat …",
    }
    story = tuple((f"__connect.errors.{name}", fact.encode()) for name, fact in facts.items())
    return Record(0, 5, 1_700_000_000_000, b"k", value, (*before, *story))


def at(offset: int, code: str = "E_JSON", *, stage: str = "", replays: int = 0) -> Letter:
    """A letter that another one at the same place may not be confused with."""
    headers = ((dead_letters.REPLAYS, b"%d" % replays),) if replays else ()
    record = Record(0, offset, 0, None, None, ())
    return Letter(record, Sender.SERVICE, "ingestor", stage, code, "why", Origin("t", 0, 0, 0), headers)


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


def test_a_connector_tells_the_stage_and_every_exception_from_the_outermost_to_the_first_cause() -> None:
    trace = "org.a.DataException: no\n\tat x\nCaused by: org.b.SerializationException: no\n\tat y\n"
    trace += "Caused by: com.c.JsonParseException: Caused by: nothing\n\tat z"
    letter = letter_of(connects("no", trace=trace))
    assert letter.stage == "VALUE_CONVERTER"
    assert letter.failure == Failure(
        "0",
        "org.apache.kafka.connect.json.JsonConverter",
        "org.apache.kafka.connect.errors.DataException",
        trace,
    )
    assert letter.failure.exceptions[1:] == ["org.b.SerializationException", "com.c.JsonParseException"]


def test_names_in_a_story_can_not_move_the_cursor() -> None:
    letter = letter_of(connects("no", stage="TASK\x1b[2J\x9b\u202e"))
    assert letter.stage == "TASK?[2J??"


@given(headers=HEADERS, value=st.none() | st.binary(max_size=20))
def test_a_replayed_record_has_its_headers_and_a_count_that_goes_up_with_every_return(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    for replays in range(3):
        letter = letter_of(dead_letter(headers, value=value))
        assert letter.replays == replays
        again = replayed_headers(letter)
        assert [pair for pair in again if pair[0] != dead_letters.REPLAYS] == [
            pair for pair in headers if pair[0] != dead_letters.REPLAYS
        ]
        assert again[-1] == (dead_letters.REPLAYS, b"%d" % (replays + 1))
        headers = again  # type: ignore[assignment]


@pytest.mark.parametrize("count", [b"", b"x", b"-1", b"9" * 5000, "²".encode(), None])
def test_a_count_of_somebody_else_is_none(count: bytes | None) -> None:
    assert letter_of(dead_letter([(dead_letters.REPLAYS, count)])).replays == 0


def test_a_choice_takes_what_has_all_that_it_names() -> None:
    letter = letter_of(connects("no"))
    sink, stage, code = {"users-mongodb-sink"}, {"VALUE_CONVERTER"}, {"DataException"}
    assert Choice().has(letter)
    assert Choice(frozenset(code | {"E_JSON"}), frozenset(stage), frozenset(sink)).has(letter)
    assert not Choice(stages=frozenset({"TASK_PUT"})).has(letter)
    assert not Choice(frozenset(code), refused_by=frozenset({"users-s3-sink"})).has(letter)


LETTERS = st.lists(st.tuples(st.sampled_from(["E_JSON", "E_DATE"]), st.integers(0, 2)), max_size=30)
RUNS = st.lists(st.tuples(st.frozensets(st.sampled_from(["E_JSON", "E_DATE"])), st.integers(1, 3), st.integers(0, 30)))


@given(letters=LETTERS, runs=RUNS)
def test_what_is_replayed_is_what_some_run_has_written_wherever_it_was_killed(
    letters: list[tuple[str, int]], runs: list[tuple[frozenset[str], int, int]]
) -> None:
    there = [at(offset, code, replays=replays) for offset, (code, replays) in enumerate(letters)]
    written: list[int] = []
    done = Replayed()
    for codes, max_replays, killed in runs:
        places = Places({0: done})
        for letter in there[:killed]:
            if (not codes or letter.code in codes) and letter.replays < max_replays and not done.has(letter):
                places.write(letter)
                written.append(letter.record.offset)
            else:
                places.leave(letter)
        position = min(killed, len(there))
        (done,) = places.after({0: position}).values() if position else (done,)
        done = Replayed.committed(done.upto, done.metadata)  # as Kafka keeps it
    assert len(written) == len(set(written)), "nothing is written twice"
    assert [letter.record.offset for letter in there if done.has(letter)] == sorted(written)


def test_a_cause_is_the_same_for_all_that_a_replay_chooses_together() -> None:
    assert at(0).cause == at(9).cause
    others = [at(0, "E_DATE"), at(0, stage="TASK_PUT"), at(0, replays=1)]
    assert len({letter.cause for letter in [at(0), *others]}) == 4


@pytest.mark.parametrize("metadata", ["5", "x", '{"E_JSON": "7"}', "[]"])
def test_metadata_of_somebody_else_is_no_position(metadata: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Replayed.committed(0, metadata)


def test_when_nothing_is_left_there_is_one_position_for_all() -> None:
    assert Replayed().after({"a"}, 5, left=2) == Replayed(2, {"a": 5})
    assert Replayed(2, {"a": 5}).after({"b"}, 9, left=None) == Replayed(9, {})
    assert Replayed(9).metadata == ""


def test_more_positions_than_kafka_keeps_with_an_offset_are_refused_before_anything_is_written() -> None:
    causes = [at(0, f"E_{number}").cause for number in range(200)]
    (offset,) = offsets_of("t", {3: Replayed(1).after(causes[:100], 10**9, left=1)})
    assert (offset.topic, offset.partition, offset.offset) == ("t", 3, 1)
    with pytest.raises(TopicError, match="200 causes"):
        offsets_of("t", {3: Replayed(1).after(causes, 10**9, left=1)})
