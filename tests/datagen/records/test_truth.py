"""What is told about records, beside them: everything at once as truth, and some of it late as labels."""

from __future__ import annotations

import statistics
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.records.truth import Delayed, Told
from tests.datagen.small import DOCUMENT, FAULTS, TRUTH, world

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 86_400_000
CAMPAIGNS = {
    **DOCUMENT["campaigns"],
    "paying": {
        "kind": "spree",
        "actor": "payer",
        "share": 0.05,
        "records": [4, 8],
        "every": ["2s", "20s"],
    },
}
BLOCKS = 8


def source(**changes: Any) -> Source:
    made = world(campaigns=CAMPAIGNS, faults=FAULTS, truth=TRUTH)
    return Source(Run(made, "r", 7, START, **changes), "payments")


@cache
def blocks() -> list[Block]:
    made = source()
    return [made.block(number) for number in range(BLOCKS)]


@cache
def truth() -> list[tuple[Told, dict[str, Any]]]:
    return [(each, orjson.loads(each.value)) for block in blocks() for each in block.truth]


@cache
def labels() -> list[tuple[Told, dict[str, Any]]]:
    return [(each, orjson.loads(each.value)) for block in blocks() for each in block.labels]


def test_every_record_that_is_not_ordinary_is_told_once() -> None:
    marked = {
        block.first + int(place)
        for block in blocks()
        for place, campaign in zip(
            block.places if block.places is not None else range(BLOCK), block.classes.campaign, strict=True
        )
        if campaign
    }
    spoilt = {entry.index for block in blocks() for entry in block.ledger}
    dropped = {entry.index for block in blocks() for entry in block.ledger if entry.kind == "dropped"}
    indexes = [each.index for each, _ in truth()]
    assert indexes == sorted(set(indexes))
    assert set(indexes) - dropped == (marked | spoilt) - dropped
    assert dropped <= set(indexes)


def test_the_truth_names_campaign_instance_step_and_loss() -> None:
    kinds = {(told["campaign"], told["kind"], told["fraud"]) for _, told in truth()}
    assert kinds == {("spending", "velocity_burst", True), ("paying", "spree", False), (None, None, False)}
    steps: dict[tuple[str, int], list[int]] = {}
    for _, told in truth():
        assert (told["loss"] > 0) == told["fraud"]
        if told["campaign"]:
            steps.setdefault((told["campaign"], told["instance"]), []).append(told["step"])
    whole = [each for each in steps.values() if each == list(range(len(each))) and 4 <= len(each) <= 8]
    assert len(whole) > 0.8 * len(steps)  # the others are cut by the ends of the sample


def test_what_a_target_does_itself_before_a_theft_is_told_and_is_no_fraud() -> None:
    phases = [{"records": 1, "every": "1m", "fraud": False}, {"records": 1, "every": "5m"}]
    theft = {"kind": "burst", "fraud": True, "actor": "payer", "share": 0.05, "phases": phases}
    block = Source(Run(world(campaigns={"theft": theft}, truth=TRUTH), "r", 7, START), "payments").block(0)
    told = [orjson.loads(each.value) for each in block.truth]
    assert {(one["campaign"], one["step"], one["fraud"], one["loss"] > 0) for one in told} == {
        ("theft", 0, False, False),
        ("theft", 1, True, True),
    }


def test_a_loss_is_the_amount_of_the_record() -> None:
    values = {index: value for block in blocks() for index, value in zip(block.indexes, block.values, strict=True)}
    for _, told in truth():
        if told["fraud"] and told["fault"] is None:
            record = orjson.loads(values[told["index"]] or b"")
            assert record["amount"] == told["loss"]
            assert record["id"] == told["id"] == f"r-{told['index']:06d}"


def test_the_truth_tells_every_fault_and_its_field() -> None:
    told = {each.index: (content["fault"], content["field"]) for each, content in truth() if content["fault"]}
    assert told == {entry.index: (entry.kind, entry.field) for block in blocks() for entry in block.ledger}


def test_the_key_of_a_truth_is_that_of_its_record_also_when_that_got_a_wrong_one() -> None:
    keys = {index: key for block in blocks() for index, key in zip(block.indexes, block.keys, strict=True)}
    for each, content in truth():
        if each.index in keys:
            assert (each.key == keys[each.index]) == (content["fault"] != "wrong_key")


def test_nothing_of_the_truth_is_in_the_records() -> None:
    for block in blocks():
        for value in block.values:
            assert value is None or not any(word in value for word in (b"campaign", b"spending", b"instance", b"loss"))


def test_labels_come_days_later_and_not_all_of_them() -> None:
    frauds = {told["index"] for _, told in truth() if told["fraud"]}
    right = [(each, told) for each, told in labels() if each.index in frauds]
    days = [(told["reported_at"] - told["event_time"]) / DAY for _, told in labels()]
    assert min(days) > 0
    assert 4.5 < statistics.median(days) < 7.5
    assert 0.7 < len(labels()) / len(frauds) < 0.95
    assert 0.92 < len(right) / len(labels()) < 1.0
    assert all(told["label"] == "fraud" and each.time == told["reported_at"] for each, told in labels())


def test_a_run_without_truth_tells_nothing() -> None:
    silent = source(truth=False)
    assert (silent.truth_topic, silent.labels_topic) == (None, None)
    assert not any(silent.block(number).truth or silent.block(number).labels for number in range(2))
    assert [silent.block(number).values for number in range(2)] == [block.values for block in blocks()[:2]]
    assert (source().truth_topic, source().labels_topic) == ("payments-truth", "payments-labels")


@pytest.mark.parametrize("size", [1, 1000])
def test_parts_of_a_block_tell_what_the_whole_tells(size: int) -> None:
    whole = blocks()[0]
    parts = [whole.part(at, min(at + size, BLOCK)) for at in range(0, BLOCK, size)]
    assert [each for part in parts for each in part.truth] == list(whole.truth)
    assert [each for part in parts for each in part.labels] == list(whole.labels)


@given(st.lists(st.integers(1, 200), max_size=40), st.lists(st.integers(0, 300), max_size=10), st.integers())
def test_labels_come_out_when_they_are_due_however_often_one_asks(
    delays: list[int], asked: list[int], seed: int
) -> None:
    made = [Told(index, b"k", b"%d" % index, index + delay) for index, delay in enumerate(delays)]
    Random(seed).shuffle(made)
    delayed, found = Delayed(), []
    delayed.take(made)
    for now in sorted(asked):
        due = delayed.due(now)
        assert all(each.time <= now for each in due)
        found += due
    found += delayed.due(10**6)
    assert found == sorted(made, key=lambda each: (each.time, each.index))


@pytest.mark.parametrize("index", [0, 1, BLOCK - 1, BLOCK, 2 * BLOCK + 77])
def test_a_run_that_goes_on_still_has_the_labels_that_wait(index: int) -> None:
    made = source()
    now = START.timestamp() * 1000 + made.due_at(max(0, index - 1)) * 1000
    waiting = [each for block in blocks() for each in block.labels if each.index < index and each.time > now]
    assert made.waiting(index) == waiting
    assert bool(waiting) == (index > 1)
    assert source(truth=False).waiting(index) == []
