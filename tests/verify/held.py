"""A small run, and what a pipeline without a fault leaves of it: what the tests of the verifier then spoil."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from streamguard.datagen.records.run import Run
from streamguard.kafka.tail import Record
from streamguard.project import find_project
from streamguard.verify import runs
from streamguard.verify.checks import Held, check
from streamguard.verify.entries import Wanted
from streamguard.verify.judgement import judge_of
from streamguard.verify.oracle import FRAUDULENT, RESULT, UNIDENTIFIED, USERS, Expectation, Input, expect
from streamguard.verify.records import TRANSACTION_HEADER
from streamguard.verify.sinks import Collection, Table

SOURCE, DEAD = "bank-transactions", "bank-transactions-dead-letter"
PARTITIONS = {SOURCE: 4, FRAUDULENT: 4, UNIDENTIFIED: 4, RESULT: 4, USERS: 4, DEAD: 1}
COLLECTIONS = (Collection(RESULT, "db", "transactions"), Collection(USERS, "db", "users"))
TABLES = (Table(RESULT, "bank", "raw_results"), Table(USERS, "bank", "raw_users"))
PROJECT = find_project(Path(__file__))
WORLD = runs.world_of(PROJECT, PROJECT.pipeline("bank"))
JUDGE = judge_of(PROJECT, PROJECT.pipeline("bank"))

Topics = dict[str, list[Record]]


@cache
def inputs(people: int = 4, count: int = 120) -> list[Input]:
    """A run of few people, so that a key has many records."""
    shares = {"evaluation": {"fraudulent": 0.3, "unidentified": 0.5}}
    counts = {"person": people}
    run = Run(WORLD, "run", 7, datetime(2026, 1, 1, tzinfo=UTC), rate=500.0, counts=counts, shares=shares)
    return list(runs.inputs(run, count, None))


@cache
def expected() -> Expectation:
    return expect(inputs(), SOURCE, PARTITIONS, JUDGE)


def topics_of(expectation: Expectation) -> Topics:
    """What is in every topic, without a fault: with gaps between the offsets, as transactions leave them."""
    return {topic: _laid(wanted) for topic, wanted in expectation.topics.items()}


def _laid(wanted: Sequence[Wanted]) -> list[Record]:
    laid: list[Record] = []
    for number, entry in enumerate(wanted):
        assert isinstance(entry.key, bytes)
        value = entry.value if isinstance(entry.value, bytes) else orjson.dumps(entry.value)
        told = entry.identity[2] if entry.identity[0] == "user" else None
        headers = ((TRANSACTION_HEADER, str(told).encode()),) if told else ()
        laid.append(Record(entry.partition, 100 + number * 3, 1_000 + number, entry.key, value, headers))
    return sorted(laid, key=lambda record: (record.partition, record.offset))


def held(topics: Mapping[str, Sequence[Record]]) -> Held:
    """What sinks without a fault make of these topics, and what a reader saw of them."""
    return Held(
        topics=topics,
        seen={
            (topic, number): [(record.offset, hash(record)) for record in records if record.partition == number]
            for topic, records in topics.items()
            for number in range(PARTITIONS[topic])
        },
        documents={sink: documents(topics[sink.topic]) for sink in COLLECTIONS},
        gone={sink: [] for sink in COLLECTIONS},
        rows={sink: rows(topics[sink.topic]) for sink in TABLES},
    )


def documents(records: Sequence[Record]) -> list[dict[str, Any]]:
    latest = {record.key: record for record in records if parsed(record)}
    return [{"_id": (key or b"").decode(errors="replace"), **parsed(record)} for key, record in latest.items()]


def rows(records: Sequence[Record]) -> list[dict[str, Any]]:
    return [
        {**{name.lower(): value for name, value in fields.items()}, "_partition": at.partition, "_offset": at.offset}
        for at in records
        if (fields := parsed(at))
    ]


def parsed(record: Record) -> dict[str, Any]:
    try:
        document = orjson.loads(record.value or b"")
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def faults(spoilt: Held) -> dict[str, dict[str, int]]:
    """What the verifier says is wrong, by place."""
    return {
        place: {str(fault): count for fault, count in found.items()}
        for place, found in check(expected(), spoilt).faults().items()
    }
