from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.columns.forms import Fixed, Pieces
from streamguard.datagen.columns.stream import Columns, Stream, compile_stream
from streamguard.datagen.world.reading import read_world
from tests.datagen.small import DOCUMENT, SMALL, world

START = 1_795_000_000_123_456
SHIPPED = sorted((Path(__file__).parents[3] / "init" / "worlds").glob("*.yml"))
MORE: dict[str, Any] = {
    **DOCUMENT["campaigns"],
    "holidays": {
        "kind": "velocity_burst",
        "fraud": False,
        "actor": "payer",
        "share": 0.02,
        "records": 3,
        "every": "9s",
    },
}


@cache
def shipped(path: Path, seed: int = 0) -> Stream:
    loaded = read_world(path)
    return compile_stream(loaded, loaded.streams[0].name, seed=seed, start=START)


@cache
def small(seed: int = 0) -> Stream:
    return compile_stream(SMALL, "payments", seed=seed, start=START)


def content(columns: Columns) -> bytes:
    arrays: list[Any] = [columns.instants, columns.campaign, columns.instance, columns.step, columns.fraud]
    arrays += [columns.values[name] for name in sorted(columns.values)]
    return b"".join(array.astype("<i8").tobytes() for array in arrays)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bank", "42cf12fcb55f5805"),
        ("card", "90cda98cd35d8587"),
        ("handbook", "11d1e21f6ccab13e"),
        ("transfers", "4fc21a88dbc47499"),
        ("ulb-cards", "dcb6e6b1161f1e03"),
    ],
)
def test_records_of_the_shipped_worlds_are_a_contract(name: str, expected: str) -> None:
    """Whoever changes one of these hashes changes every run that was ever noted down."""
    stream = shipped(next(path for path in SHIPPED if path.stem == name))
    digest = hashlib.sha256(content(stream.block(0)) + content(stream.block(1000))).hexdigest()
    assert digest[:16] == expected


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_blocks_are_the_same_in_any_order(path: Path) -> None:
    loaded = read_world(path)
    again = compile_stream(loaded, loaded.streams[0].name, seed=0, start=START)
    for number in (200, 63, 64, 3, 64, 0):
        assert content(again.block(number)) == content(shipped(path).block(number))


@given(st.integers(0, 400), st.integers(0, BLOCK - 1), st.integers(1, BLOCK))
def test_any_slice_of_a_block_has_its_records(number: int, start: int, size: int) -> None:
    whole = small().block(number)
    part = whole.part(start, start + size)
    assert part.first == number * BLOCK + start
    assert part.size == len(part.instants) == min(size, BLOCK - start)
    assert part.values["amount"].tolist() == whole.values["amount"][start : start + size].tolist()


def test_another_start_moves_dates_and_nothing_else() -> None:
    later = small().starting(START + 86_400_000_000)
    fresh = compile_stream(SMALL, "payments", seed=0, start=START + 86_400_000_000)
    assert content(later.block(70)) == content(fresh.block(70))
    assert (later.block(70).instants - small().block(70).instants == 86_400_000_000).all()
    assert later.block(70).values["payee"].tolist() == small().block(70).values["payee"].tolist()


@pytest.mark.parametrize("seed", [-1, 0, 1, 2**70])
def test_any_whole_number_is_a_seed(seed: int) -> None:
    columns = small(seed).block(0)
    assert len(np.unique(columns.values["payer"])) > 20
    assert len(np.unique(columns.values["amount"])) > 2_000


def test_two_seeds_share_no_record() -> None:
    ones, others = (
        {
            row
            for block in range(25)
            for found in [shipped(SHIPPED[0], seed).block(block)]
            for row in zip(found.instants.tolist(), *(column.tolist() for column in found.values.values()), strict=True)
        }
        for seed in (0, 1)
    )
    assert len(ones) == len(others) == 25 * BLOCK
    assert not ones & others


def test_a_column_that_is_added_leaves_the_others_as_they_were() -> None:
    payments = DOCUMENT["streams"]["payments"]
    columns = {"channel": {"choice": ["app", "branch"]}, **payments["columns"], "fee": {"uniform": [1, 2]}}
    more = world(streams={"payments": {**payments, "columns": columns}})
    before, after = (compile_stream(one, "payments", seed=3, start=START).block(9) for one in (SMALL, more))
    assert set(after.values) - set(before.values) == {"channel", "fee"}
    assert all(after.values[name].tolist() == before.values[name].tolist() for name in before.values)
    assert after.campaign.tolist() == before.campaign.tolist()


def test_a_campaign_that_is_added_leaves_ordinary_records_as_they_were() -> None:
    before = small().block(5)
    after = compile_stream(world(campaigns=MORE), "payments", seed=0, start=START).block(5)
    ordinary = (before.campaign == 0) & (after.campaign == 0)
    assert ordinary.mean() > 0.8
    for name in ("payer", "payee", "amount"):
        assert before.values[name][ordinary].tolist() == after.values[name][ordinary].tolist()
    assert before.instants.tolist() == after.instants.tolist()


def test_nobody_pays_themselves() -> None:
    for block in range(20):
        columns = small().block(block)
        assert (columns.values["payer"] != columns.values["payee"]).all()


def test_columns_say_how_they_are_shown() -> None:
    stream = small()
    assert stream.form("amount") == Fixed(2)
    evaluation, country, person = (stream.form(name) for name in ("evaluation", "payer.country", "payer"))
    assert isinstance(evaluation, Pieces)
    assert list(evaluation.json) == [b'"fraudulent"', b'"unidentified"', b'"legitimate"']
    assert isinstance(country, Pieces)
    assert len(country.text) == 40
    assert set(country.text) <= {"GB", "FR", "PL"}
    assert isinstance(person, Pieces)
    assert person.json[7].startswith(b'{"id":"') and person.json[7].endswith(b'"country":%b}' % country.json[7])


def test_at_full_speed_dates_are_a_microsecond_apart() -> None:
    stream = compile_stream(SMALL, "payments", seed=0, start=START, full_speed=True)
    columns = stream.block(2)
    late = np.arange(START + 2 * BLOCK, START + 3 * BLOCK) - columns.instants
    assert set(late.tolist()) <= {0, 1}
    assert (columns.campaign == small().block(2).campaign).all()
