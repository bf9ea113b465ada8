"""Record i depends on world, seed, start, stream and i alone: whoever makes it, in any order, in any parts."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from multiprocessing import get_context
from random import Random
from typing import Any

import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source, records, written
from streamguard.datagen.records.sums import Account, Sum, Summer
from streamguard.datagen.world.reading import world_of
from tests.datagen.small import DOCUMENT, FAULTS, SMALL, TRUTH, world

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
RUN = Run(world(faults=FAULTS, truth=TRUTH), "r", 7, START, backfill=True)
STREAM = "payments"
BLOCKS = 4
COUNT = BLOCKS * BLOCK - 1234
COUNTRY = {"choice": ["GB", "FR", "PL"]}


def sums(run: Run, numbers: list[int]) -> list[Sum]:
    """What a worker says that has these blocks."""
    source, summer = Source(run, STREAM), Summer()
    for number in numbers:
        summer.take(source.block(number, 0, min(BLOCK, COUNT - number * BLOCK)))
    return summer.done() + summer.rest()


def document(found: list[Sum]) -> dict[str, Any]:
    account = Account()
    account.add(found)
    account.fold()
    assert account.tally.records == COUNT
    return account.document()


@cache
def whole() -> dict[str, Any]:
    return document(sums(RUN, list(range(BLOCKS))))


def test_the_hash_does_not_depend_on_the_number_of_workers() -> None:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        for workers in (1, 2, 4):
            told = pool.map(sums, [RUN] * workers, [list(range(worker, BLOCKS, workers)) for worker in range(workers)])
            assert document([each for one in told for each in one]) == whole()


@pytest.mark.parametrize("batch", [1, 1_000, 8_192])
def test_the_hash_does_not_depend_on_the_size_of_batches(batch: int) -> None:
    source, summer = Source(RUN, STREAM), Summer()
    for first in range(0, COUNT, batch):
        for block in source.blocks(first, min(first + batch, COUNT)):
            summer.take(block)
    assert document(summer.done() + summer.rest()) == whole()


def test_blocks_can_be_made_in_any_order() -> None:
    numbers = list(range(BLOCKS))
    Random(3).shuffle(numbers)
    assert numbers != sorted(numbers)
    assert document(sums(RUN, numbers)) == whole()


@pytest.mark.parametrize(
    "changes",
    [{"seed": 8}, {"name": "s"}, {"start": START + timedelta(seconds=1)}, {"rate": 21.0}, {"counts": {"person": 41}}],
    ids=lambda changes: next(iter(changes)),
)
def test_all_that_decides_what_a_run_writes_counts(changes: dict[str, Any]) -> None:
    assert document(sums(replace(RUN, **changes), list(range(BLOCKS))))["sha256"] != whole()["sha256"]


def test_a_run_that_was_pickled_or_read_from_its_document_writes_the_same() -> None:
    again = Run.of(pickle.loads(pickle.dumps(RUN)).document(), RUN.world)  # noqa: S301 - made here
    assert again == RUN
    assert list(written(again, 100)) == list(written(RUN, 100))


def test_a_source_that_starts_at_another_time_is_that_of_a_run_that_does() -> None:
    later = START + timedelta(days=3, microseconds=5)
    moved = Source(RUN, STREAM).starting(later).block(1)
    made = Source(replace(RUN, start=later), STREAM).block(1)
    assert (moved.values, moved.times, moved.truth) == (made.values, made.times, made.truth)


def test_the_tail_of_a_run_is_the_same_from_any_number_on() -> None:
    whole = list(written(RUN, 3000))
    assert list(written(RUN, 1000, 2000)) == [record for record in whole if record.index >= 2000]


def test_no_two_seeds_share_a_record() -> None:
    run = Run(SMALL, "r", 0, START)
    ids = "id"
    one, other = ([{**record, ids: None} for record in records(replace(run, seed=seed), 5000)] for seed in (0, 1))
    assert not {str(record) for record in one} & {str(record) for record in other}


def test_a_backfill_ends_before_its_end_and_carries_event_times() -> None:
    run = replace(RUN, to=START + timedelta(minutes=10))
    source = Source(run, STREAM)
    assert source.total is not None
    assert abs(source.total - 20 * 600) < 2
    times = source.block(0).times
    assert times is not None
    assert all(isinstance(time, int) for time in times)
    assert Source(replace(run, backfill=False), STREAM).block(0).times is None


def test_due_is_when_a_record_is_made() -> None:
    source = Source(Run(SMALL, "r", 7, START), STREAM)
    assert source.due_at(0) == 0.0
    assert source.due(10.0) == 200
    assert source.due_at(200) == pytest.approx(10.0)


def test_a_stream_counts_its_label_or_fraud_if_it_has_none() -> None:
    assert set(Source(Run(SMALL, "r", 7, START), STREAM).block(0).counts) == {
        "fraudulent",
        "unidentified",
        "legitimate",
    }
    streams = {STREAM: dict(SMALL.document["streams"][STREAM])}
    for part in ("columns", "record"):
        streams[STREAM][part] = {name: one for name, one in streams[STREAM][part].items() if name != "evaluation"}
    block = Source(Run(world(streams=streams), "r", 7, START), STREAM).block(0)
    assert block.counts == {"ordinary": BLOCK - block.campaigns["spending"], "fraud": block.campaigns["spending"]}


def test_the_bytes_are_those_of_every_other_machine() -> None:
    """Whoever changes this changes every run: a journal or a manifest of before can no longer be met."""
    entities = {"person": {**DOCUMENT["entities"]["person"], "attributes": {"id": {"hex": 12}, "country": COUNTRY}}}
    run = Run(world(entities=entities, faults=FAULTS, truth=TRUTH), "r", 7, START, backfill=True)  # nothing of Faker
    account = Account()
    account.add(sums(run, [0, 1]))
    account.fold()
    assert account.link.hex() == "6e1886cafd5e40426a1f3b90eb94ef2ff6bd37b98bffd09a35a48bde2d1201bc"


def test_columns_may_be_called_as_what_every_record_has_is() -> None:
    spec: dict[str, Any] = {
        "world": "small",
        "entities": {"one": {"count": 1, "attributes": {"id": {"index": True}}}},
        "streams": {
            "s": {
                "topic": "t",
                "rate": 1,
                "columns": {"index": {"choice": ["a"]}, "instant": {"uniform": [5, 5.5]}},
                "record": {"index": "index", "instant": "instant", "n": "n-{index:02d}", "at": {"time": "iso_s"}},
            }
        },
    }
    (record,) = records(Run(world_of(spec), "r", 7, START), 1)
    assert record == {"index": "a", "instant": record["instant"], "n": "n-00", "at": "2026-03-01T08:00:00Z"}
    assert 5 <= record["instant"] <= 5.5
