"""What is one cause, and what of its reason may be printed."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.kafka.letters.causes import PLAIN, REASONS, grouped, shown_reason
from streamguard.kafka.letters.reading import Letter, Replayed, letter_of
from tests.kafka.letters.test_reading import at, connects, dead_letter


def refused(message: str, value: str | bytes = "v", **story: Any) -> Letter:
    """A letter of a connector."""
    return letter_of(connects(message, value=value if isinstance(value, bytes) else value.encode(), **story))


def later(letter: Letter, time: int) -> Letter:
    return replace(letter, record=replace(letter.record, timestamp=time))


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
    assert shown_reason(refused(message)) == shown


def test_what_cast_says_of_a_record_without_quotation_marks_is_not_shown() -> None:
    message = "Value (much Schröder) was out of range for requested data type"
    shown = "Value (…) was out of range for requested data type"
    for value in ('{"amount": "much Schröder"}', r'{"amount": "much Schr\u00f6der"}', '{"amount": "much Schröder'):
        assert shown_reason(refused(message, value)) == shown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Field amount is missing", "Field amount is missing"),  # a name, not data
        ("Invalid amount 4111111111111111 of a@b.c", "Invalid amount … of …"),
        ("Invalid amount 4.111111111111111E15", "Invalid amount …"),
        ("Cannot parse 31/12/1999 at offset 17", "Cannot parse … at offset 17"),
        ("Unexpected 4711-x of K-9", "Unexpected … of K-9"),
        ("code=11000, message=E11000 dup key: { _id: 1 }", "code=11000, message=E11000 dup key: …"),
    ],
)
def test_words_of_the_record_and_long_numbers_are_not_shown(message: str, shown: str) -> None:
    value = {"amount": 4111111111111111, "email": "a@b.c", "birth": "1999-12-31", "id": "4711-x"}
    assert shown_reason(refused(message, json.dumps(value))) == shown


NAMES = st.text(st.characters(categories=["L", "N"]), min_size=4, max_size=12).filter(lambda text: text != "Value")


@given(names=st.lists(NAMES, min_size=1, max_size=4), escaped=st.booleans(), cut=st.booleans())
def test_no_word_of_the_record_gets_into_a_reason(*, names: list[str], escaped: bool, cut: bool) -> None:
    value = json.dumps({f"f{number}": name for number, name in enumerate(names)}, ensure_ascii=escaped)
    shown = shown_reason(refused(f"Value ({' '.join(names)}) was out of range", value[: -1 if cut else None]))
    left = shown.removeprefix("Value (").removesuffix(") was out of range")
    assert all(word == "…" or word.lower() in PLAIN for word in left.split())


def test_the_first_cause_is_told() -> None:
    trace = "a.DataException: no\n\tat x\nCaused by: b.SerializationException: c.JsonEOFException: SECRET\n\tat y\n"
    trace += "Caused by: c.JsonEOFException: SECRET\n"
    assert shown_reason(refused("serialization error: ", trace=trace)) == "serialization error: (JsonEOFException)"


def test_a_record_that_is_made_to_be_slow_is_not() -> None:
    begun = time.monotonic()
    for value in (b'"' + b'\\"' * 100_000, b'"' * 200_000, b"\\u00" * 50_000, b'"a" ' * 50_000):
        shown_reason(refused("Value x is out of range", value))
    assert time.monotonic() - begun < 2


def test_a_service_never_quotes_so_its_reason_is_shown_whole() -> None:
    assert shown_reason(letter_of(dead_letter(reason="no field 'x'"))) == "no field 'x'"


def test_reasons_that_differ_in_numbers_are_one_cause() -> None:
    ones = [letter_of(dead_letter(reason=f"not UTF-8 at byte {number}")) for number in (17, 1043)]
    (group,) = grouped("t", [later(ones[0], 9), later(ones[1], 5)], {})
    assert (group.reason, group.records, group.first, group.last) == ("not UTF-8 at byte N", 2, 5, 9)


def test_the_most_frequent_cause_comes_first_and_knows_how_many_are_not_replayed() -> None:
    letters = [at(0, "E_DATE"), at(1), at(2), at(3, "E_DATE"), at(4)]
    groups = grouped("t", letters, {0: Replayed(1, {at(0).cause: 3})})
    assert [(group.code, group.records, group.not_replayed) for group in groups] == [("E_JSON", 3, 1), ("E_DATE", 2, 1)]


def test_connectors_and_stages_are_told_apart_and_what_came_back_is_counted() -> None:
    ones = [
        refused("no"),
        refused("no", stage="TRANSFORMATION"),
        refused("no", connector="other"),
        letter_of(connects("no", before=(("sg-replays", b"1"),))),
    ]
    groups = grouped("t", ones, {})
    assert [(group.refused_by, group.stage, group.records, group.returned) for group in groups] == [
        ("users-mongodb-sink", "VALUE_CONVERTER", 2, 1),
        ("other", "VALUE_CONVERTER", 1, 0),
        ("users-mongodb-sink", "TRANSFORMATION", 1, 0),
    ]


def test_reasons_that_differ_for_each_record_are_one_cause() -> None:
    word = "abcdefghijklmnopqrstuvwxyz"
    ones = [refused("no"), refused("no"), *(refused(f"no {letter * 4}") for letter in word[: REASONS + 1])]
    (group,) = grouped("t", ones, {})
    assert (group.records, group.reason) == (REASONS + 3, f"no (and {REASONS + 1} other reasons)")


def test_what_only_the_caller_knows_of_the_caller_takes_out() -> None:
    (group,) = grouped("t", [refused("no token s3cr3t")], {}, lambda letter: letter.reason.replace("s3cr3t", "***"))
    assert group.reason == "no token ***"
