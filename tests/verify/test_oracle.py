"""What the oracle says of single records, against what is written out here by hand."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from streamguard.verify.oracle import FRAUDULENT, RESULT, UNIDENTIFIED, USERS, expect, murmur2, partition_of
from tests.person import PERSON_FIELDS
from tests.verify.held import DEAD, PARTITIONS, SOURCE

JAVA = {  # Kafka's own test of its hash
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


def record(evaluation: str) -> tuple[bytes, bytes, dict[str, Any]]:
    person = {name: name for name in PERSON_FIELDS}
    document = {
        "transaction_id": "r-000000001",
        "sender_bank_account": "A",
        "sender_details": {**person, "id": "s"},
        "receiver_bank_account": "B",
        "receiver_details": {**person, "id": "r"},
        "amount": 12.5,
        "status": "completed",
        "evaluation": evaluation,
        "transfer_date": "2026-01-01T00:00:00.000Z",
        "sender_bank": "C",
    }
    return b"A", orjson.dumps(document), document


def topics_of(evaluation: str, *, fraud: bool | None) -> dict[str, int]:
    judge = None if fraud is None else lambda _: fraud
    expected = expect([record(evaluation)], SOURCE, PARTITIONS, judge)
    return {topic: len(entries) for topic, entries in expected.topics.items() if entries}


@pytest.mark.parametrize("text", JAVA, ids=len)
def test_the_hash_is_that_of_java(text: bytes) -> None:
    assert murmur2(text) == JAVA[text] % (1 << 32)


def test_a_partition_is_never_negative() -> None:
    assert {partition_of(b"%d" % number, 3) for number in range(100)} == {0, 1, 2}


@pytest.mark.parametrize(
    ("evaluation", "fraud", "topics"),
    [
        ("legitimate", True, {SOURCE: 1}),
        ("fraudulent", False, {SOURCE: 1, FRAUDULENT: 1, RESULT: 1, USERS: 2}),
        ("unidentified", True, {SOURCE: 1, UNIDENTIFIED: 1, RESULT: 1, USERS: 2}),
        ("unidentified", False, {SOURCE: 1, UNIDENTIFIED: 1}),
        ("unidentified", None, {SOURCE: 1, UNIDENTIFIED: 1}),
    ],
)
def test_a_record_is_where_its_evaluation_says(evaluation: str, fraud: bool | None, topics: dict[str, int]) -> None:
    assert topics_of(evaluation, fraud=fraud) == topics


@pytest.mark.parametrize(("evaluation", "process"), [("fraudulent", "ksql"), ("unidentified", "processor")])
def test_result_and_users_are_flat_and_say_by_whom(evaluation: str, process: str) -> None:
    expected = expect([record(evaluation)], SOURCE, PARTITIONS, lambda _: True)
    ((flat, sender, receiver),) = expected.wholes
    assert flat.key == b"r-000000001"
    assert flat.value == {
        "TRANSACTION_ID": "r-000000001",
        "SENDER_BANK_ACCOUNT": "A",
        "SENDER_ID": "s",
        "RECEIVER_BANK_ACCOUNT": "B",
        "RECEIVER_ID": "r",
        "AMOUNT": 12.5,
        "STATUS": "completed",
        "EVALUATION": evaluation,
        "TRANSFER_DATE": "2026-01-01T00:00:00.000Z",
        "SENDER_BANK": "C",
        "SOURCE_PROCESS": process,
    }
    for entry, person in ((sender, "s"), (receiver, "r")):
        assert entry.key == person.encode()
        assert entry.value == {
            **{name.upper(): name for name in PERSON_FIELDS},
            "ID": person,
            "SOURCE_PROCESS": process,
        }
    told = "r-000000001" if process == "processor" else None
    assert [sender.identity, receiver.identity] == [("user", "s", told), ("user", "r", told)]
    assert expected.topics[DEAD] == []
