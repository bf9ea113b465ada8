"""Faults: each by its share, from draws of its own, told in a ledger, and exactly what a pipeline makes of them."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.blocks import Block
from streamguard.datagen.records.faults import KINDS, PADDING, STRANGE_KEY, UNKNOWN_FIELD
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source
from streamguard.datagen.world.reading import find_world, read_world, world_of
from streamguard.errors import RecordRefused
from streamguard.project import find_project
from streamguard.services import ingestor

BANK = dict(read_world(find_world(find_project(Path(__file__)), "bank")).document)
START = datetime(2026, 1, 1, tzinfo=UTC)
SHARE = 0.02
SPEC: dict[str, Any] = dict.fromkeys(KINDS, SHARE) | {
    "late": {"share": SHARE, "delay": {"lognormal": {"median": "10m", "sigma": 1}}},
    "out_of_order": {"share": SHARE, "distance": 20},
    "oversize": {"share": SHARE, "size": 5_000},
}
BECOME_DEAD_LETTERS = {"tombstone", "null", "wrong_type", "missing_field", "truncated"}
BLOCKS = 4


def source(faults: dict[str, Any]) -> Source:
    world = world_of({**BANK, "faults": faults})
    return Source(Run(world, "r", 7, START, backfill=True, counts={"person": 100}), "transactions")


@cache
def both() -> list[tuple[Block, Block]]:
    """Blocks with their faults, and without."""
    spoilt, clean = source(SPEC), source({})
    return [(spoilt.block(number), clean.block(number)) for number in range(BLOCKS)]


Pair = tuple[bytes | None, bytes | None]


def written(block: Block) -> dict[int, list[Pair]]:
    """What is written in the place of each record."""
    found: dict[int, list[Pair]] = {block.first + place: [] for place in range(block.size)}
    for index, key, value in zip(block.indexes, block.keys, block.values, strict=True):
        found[index].append((key, value))
    return found


def pairs(kind: str) -> list[tuple[list[Pair], Pair, str | None]]:
    """What is written of each record with this fault, what it is without it, and the field that the ledger names."""
    found = []
    for spoilt, clean in both():
        now, before = written(spoilt), written(clean)
        found += [(now[at.index], before[at.index][0], at.field) for at in spoilt.ledger if at.kind == kind]
    assert found, f"no {kind} in the sample"
    return found


def test_a_record_without_a_fault_is_as_it_is_in_a_world_without_faults() -> None:
    for spoilt, clean in both():
        told = {entry.index for entry in spoilt.ledger}
        now, before = written(spoilt), written(clean)
        assert all(now[index] == before[index] for index in now if index not in told)


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_has_the_share_that_is_declared(kind: str) -> None:
    found = sum(spoilt.faults.get(kind, 0) for spoilt, _ in both())
    size = BLOCKS * BLOCK
    assert abs(found - SHARE * size) < 4.5 * math.sqrt(SHARE * size)


def test_the_ledger_and_the_counts_say_the_same() -> None:
    for spoilt, clean in both():
        assert Counter(entry.kind for entry in spoilt.ledger) == spoilt.faults
        assert not clean.ledger and not clean.faults
        more = spoilt.faults["duplicate"] - spoilt.faults["dropped"]
        assert len(spoilt.values) == len(spoilt.keys) == len(spoilt.times or ()) == BLOCK + more


def test_dropped_records_are_missing_and_duplicates_stand_side_by_side() -> None:
    assert all(now == [] for now, _, _ in pairs("dropped"))
    assert all(now == [before, before] for now, before, _ in pairs("duplicate"))


def test_the_value_of_a_tombstone_is_null() -> None:
    assert all(now == [(before[0], None)] for now, before, _ in pairs("tombstone"))


def test_a_truncated_value_is_a_beginning() -> None:
    for now, (key, value), _ in pairs("truncated"):
        ((left, cut),) = now
        assert left == key and cut and value and value.startswith(cut) and len(cut) < len(value)


@pytest.mark.parametrize("kind", ["null", "wrong_type", "missing_field"])
def test_one_field_is_spoilt_and_the_ledger_names_it(kind: str) -> None:
    fields = set()
    for now, before, field in pairs(kind):
        document, intact = orjson.loads(now[0][1] or b""), orjson.loads(before[1] or b"")
        assert field is not None
        fields.add(field)
        if kind == "missing_field":
            assert document == {name: value for name, value in intact.items() if name != field}
        else:
            assert document == {**intact, field: document[field]}
            assert (document[field] is None) == (kind == "null")
            assert type(document[field]) is not type(intact[field])
    assert len(fields) == len(orjson.loads(both()[0][1].values[0] or b""))


def test_a_field_that_nobody_knows_and_padding_come_on_top() -> None:
    for kind, field in (("unknown_field", UNKNOWN_FIELD), ("oversize", PADDING)):
        for now, before, _ in pairs(kind):
            document = orjson.loads(now[0][1] or b"")
            assert document.pop(field) is not None
            assert document == orjson.loads(before[1] or b"")
    assert all(len(now[0][1] or b"") == 5_000 for now, _, _ in pairs("oversize"))


def test_a_wrong_key_is_that_of_another_record() -> None:
    keys = set(both()[0][1].keys)
    for now, (key, value), _ in pairs("wrong_key"):
        assert now[0][1] == value
        assert now[0][0] != key and now[0][0] in keys


def test_where_all_keys_are_alike_a_wrong_one_is_made_up() -> None:
    world = world_of({**BANK, "faults": {"wrong_key": 0.5}})
    document = {**world.document, "streams": {"transactions": {**BANK["streams"]["transactions"]}}}
    del document["streams"]["transactions"]["key"]
    block = Source(Run(world_of(document), "r", 7, START, counts={"person": 5}), "transactions").block(0)
    assert set(block.keys) == {None, STRANGE_KEY}


def test_late_records_are_older_and_others_come_out_of_order() -> None:
    delays: list[int] = []
    for spoilt, clean in both():
        assert clean.times is not None and spoilt.times is not None
        at = dict(zip(spoilt.indexes, spoilt.times, strict=True))
        arrived = dict(zip(clean.indexes, clean.times, strict=True))
        for entry in spoilt.ledger:
            if entry.kind == "late":
                delays.append(arrived[entry.index] - at[entry.index])
            if entry.kind == "out_of_order":
                nearest = max(entry.index - 20, spoilt.first)
                assert arrived[nearest] - 2 <= at[entry.index] < arrived[entry.index - 1]
    assert min(delays) > 0
    assert 300_000 < sorted(delays)[len(delays) // 2] < 1_200_000


def test_the_date_in_a_late_record_is_its_time() -> None:
    spoilt, _ = both()[0]
    places = {index: place for place, index in enumerate(spoilt.indexes)}
    for entry in spoilt.ledger:
        if entry.kind in ("late", "out_of_order"):
            place = places[entry.index]
            date = datetime.fromisoformat(orjson.loads(spoilt.values[place] or b"")["transfer_date"])
            assert date == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=(spoilt.times or ())[place])


def test_a_fault_more_leaves_those_before_it_as_they_are() -> None:
    few = source({kind: SPEC[kind] for kind in ("duplicate", "truncated")})
    more = source({kind: SPEC[kind] for kind in ("duplicate", "truncated", "dropped", "null")})
    kept = [entry for entry in more.ledger(0, 3 * BLOCK) if entry.kind in ("duplicate", "truncated")]
    assert kept == list(few.ledger(0, 3 * BLOCK))


def test_parts_of_a_block_have_their_part_of_its_faults() -> None:
    whole = both()[1][0]
    for size in (1, 7, 1000):
        parts = [whole.part(at, min(at + size, BLOCK)) for at in range(0, BLOCK, size)]
        assert [value for part in parts for value in part.values] == list(whole.values)
        assert [index for part in parts for index in part.indexes] == list(whole.indexes)
        assert [entry for part in parts for entry in part.ledger] == list(whole.ledger)
        for name in ("counts", "faults", "campaigns"):
            total: Counter[str] = Counter()
            for part in parts:
                total.update(getattr(part, name))
            assert +total == +Counter(getattr(whole, name))


def test_the_dead_letters_of_the_bank_pipeline_are_exactly_those_in_the_ledger() -> None:
    """By the faults that the ledger tells, the ingestor refuses every one of some kinds, and none of the others."""
    refused: set[int] = set()
    for spoilt, _ in both():
        for index, value in zip(spoilt.indexes, spoilt.values, strict=True):
            try:
                ingestor.route(value)
            except RecordRefused:
                refused.add(index)
    ledger = list(source(SPEC).ledger(0, BLOCKS * BLOCK))
    assert refused == {entry.index for entry in ledger if entry.kind in BECOME_DEAD_LETTERS}
    counts: Counter[str] = Counter(entry.kind for entry in ledger)
    assert len(refused) == sum(counts[kind] for kind in BECOME_DEAD_LETTERS) > 0


def test_what_each_route_gets_is_what_the_counts_say_less_the_dead_letters() -> None:
    routed: Counter[str | None] = Counter()
    expected: Counter[str | None] = Counter()
    for spoilt, _ in both():
        told = {entry.index for entry in spoilt.ledger if entry.kind in BECOME_DEAD_LETTERS}
        for index, value, label in zip(spoilt.indexes, spoilt.values, spoilt.classes.label, strict=True):
            if index not in told:
                routed[ingestor.route(value)] += 1
                expected[ingestor.ROUTES[spoilt.classes.labels[label]]] += 1
    assert routed == expected


def test_the_documentation_says_which_faults_become_dead_letters() -> None:
    text = (find_project(Path(__file__)).root / "docs" / "generator.md").read_text()
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| `")]
    told = {row[1].strip().strip("`"): row[3].strip() for row in rows}
    assert tuple(told) == tuple(sorted(KINDS, key=list(told).index))
    assert {kind for kind, outcome in told.items() if outcome == "dead letter"} == BECOME_DEAD_LETTERS
