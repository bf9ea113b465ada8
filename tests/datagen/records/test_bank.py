"""The bank world, as the pipeline, the sinks and the queries know its records."""

from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.datagen.columns.draws import BLOCK
from streamguard.datagen.records.run import Run
from streamguard.datagen.records.source import Source, records, written
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.errors import ProjectError
from streamguard.project import find_project
from tests.person import PERSON_FIELDS

WORLD = read_world(find_world(find_project(Path(__file__)), "bank"))
START = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
FIELDS = [
    "transaction_id",
    "sender_bank_account",
    "sender_details",
    "receiver_bank_account",
    "receiver_details",
    "amount",
    "status",
    "evaluation",
    "transfer_date",
    "sender_bank",
]
DECLARED = {"fraudulent": 0.1, "unidentified": 0.2, "legitimate": 0.7}


def described(**changes: Any) -> Run:
    return Run(**{"world": WORLD, "name": "r1", "seed": 7, "start": START, "counts": {"person": 300}, **changes})


def values(run: Run, count: int, first: int = 0) -> list[bytes | None]:
    return [record.value for record in written(run, count, first)]


@pytest.fixture(scope="module")
def sample() -> list[dict[str, Any]]:
    return list(records(described(), 20_000))


def test_a_record_has_the_fields_of_the_design_in_their_order(sample: list[dict[str, Any]]) -> None:
    for record in sample:
        assert list(record) == FIELDS
        for side in ("sender", "receiver"):
            assert tuple(record[f"{side}_details"]) == PERSON_FIELDS
            assert record[f"{side}_details"]["bank_account"] == record[f"{side}_bank_account"]
        assert record["status"] in ("completed", "pending", "failed")


def test_a_person_is_always_the_same_and_has_one_bank(sample: list[dict[str, Any]]) -> None:
    people: dict[str, set[str]] = {}
    for record in sample:
        for side in ("sender_details", "receiver_details"):
            people.setdefault(record[side]["id"], set()).add(str(record[side]))
    assert len(people) == 300
    assert all(len(seen) == 1 for seen in people.values())
    banks = {(record["sender_bank_account"], record["sender_bank"]) for record in sample}
    assert len(banks) == len({account for account, _ in banks})
    assert len({bank for _, bank in banks}) == 8


def test_a_record_is_about_a_kilobyte() -> None:
    sizes = [len(value or b"") for value in values(described(), 2000)]
    assert 1000 < statistics.fmean(sizes) < 1250


def test_the_transaction_id_holds_run_and_number(sample: list[dict[str, Any]]) -> None:
    assert [record["transaction_id"] for record in sample] == [f"r1-{number:09d}" for number in range(len(sample))]


def test_nobody_sends_money_to_himself(sample: list[dict[str, Any]]) -> None:
    assert all(record["sender_bank_account"] != record["receiver_bank_account"] for record in sample)


def test_two_people_are_enough() -> None:
    for record in records(described(counts={"person": 2}), 1000):
        assert record["sender_bank_account"] != record["receiver_bank_account"]


def test_amounts_are_positive_whole_cents_with_a_long_tail() -> None:
    texts = [value.partition(b'"amount":')[2].partition(b",")[0] for value in values(described(), 20_000) if value]
    amounts = [float(text) for text in texts]
    assert all(len(text.partition(b".")[2]) == 2 for text in texts)
    assert min(amounts) > 0
    assert 100 < statistics.median(amounts) < 140
    assert max(amounts) > 3_000


def test_dates_follow_the_start_at_the_rate_and_name_their_zone(sample: list[dict[str, Any]]) -> None:
    assert sample[0]["transfer_date"] == "2026-11-22T12:00:00.250Z"
    dates = [datetime.fromisoformat(record["transfer_date"]) for record in sample]
    assert dates == sorted(dates)
    for number in (1, 49, 50, 19_999):
        behind = START + timedelta(milliseconds=20 * number) - dates[number]
        assert timedelta(0) <= behind <= timedelta(milliseconds=21)


def test_dates_of_an_odd_rate_do_not_drift() -> None:
    (record,) = records(described(rate=3_000.0), 1, 30_000_000)
    behind = START + timedelta(seconds=10_000) - datetime.fromisoformat(record["transfer_date"])
    assert abs(behind) < timedelta(milliseconds=2)


def test_at_full_speed_no_date_is_ahead_of_a_million_records_a_second() -> None:
    (record,) = records(described(full_speed=True), 1, 1_000_000)
    assert START <= datetime.fromisoformat(record["transfer_date"]) <= START + timedelta(seconds=1)


@settings(max_examples=8)
@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 2**64))
def test_evaluations_have_the_shares_that_are_asked_for(fraudulent: float, rest: float, seed: int) -> None:
    shares = {"fraudulent": fraudulent, "unidentified": (1 - fraudulent) * rest}
    source = Source(described(shares={"evaluation": shares}, seed=seed), "transactions")
    counts = [source.block(number).counts for number in range(4)]
    for evaluation, share in shares.items():
        found = sum(block[evaluation] for block in counts) / (4 * BLOCK)
        assert abs(found - share) <= 6 * math.sqrt(share * (1 - share) / (4 * BLOCK)) + 0.01


@pytest.mark.parametrize("only", DECLARED)
def test_a_share_of_all_is_exact(only: str) -> None:
    assert {record["evaluation"] for record in records(described(shares={"evaluation": {only: 1.0}}), 3000)} == {only}


@pytest.mark.parametrize("absent", DECLARED)
def test_a_share_of_nothing_is_exact_and_the_others_share_what_is_left(absent: str) -> None:
    source = Source(described(shares={"evaluation": {absent: 0.0}}), "transactions")
    counts = source.block(0).counts
    assert counts[absent] == 0
    left = {name: share / (1 - DECLARED[absent]) for name, share in DECLARED.items() if name != absent}
    assert all(abs(counts[name] / BLOCK - share) < 0.05 for name, share in left.items())


@pytest.mark.parametrize(
    "shares", [{"fraudulent": 0.6, "unidentified": 0.5}, {"fraudulent": -0.1}, {"fraudulent": 1.5}]
)
def test_shares_that_are_no_parts_of_one_are_refused(shares: dict[str, float]) -> None:
    with pytest.raises(ProjectError, match="no parts of one"):
        described(shares={"evaluation": shares}).resolved()


def test_frauds_are_evaluated_better_than_chance_and_not_always_right() -> None:
    source = Source(described(), "transactions")
    blocks = [source.block(number) for number in range(8)]
    fraud = [WORLD.campaigns[code - 1].fraud for block in blocks for code in block.classes.campaign if code]
    labels = [
        label
        for block in blocks
        for label, code in zip(block.classes.label, block.classes.campaign, strict=True)
        if code
    ]
    found = [label == 0 for label, is_fraud in zip(labels, fraud, strict=True) if is_fraud]
    assert 0.5 < statistics.fmean(found) < 0.9
    assert not any("campaign" in record for record in records(described(), 10))


def test_a_run_can_be_worked_out_again_byte_by_byte() -> None:
    assert values(described(), 3000) == values(described(), 3000)


def test_seed_0_is_a_seed_and_other_seeds_share_no_record() -> None:
    first = set(values(described(seed=0), 3000))
    assert len(first) == 3000
    assert not first & set(values(described(seed=1), 3000))


@settings(max_examples=12)
@given(st.integers(0, 3 * BLOCK), st.integers(1, 40))
def test_a_record_does_not_depend_on_where_reading_began(first: int, count: int) -> None:
    assert values(described(), count, first) == whole()[first : first + count]


@cache
def whole() -> list[bytes | None]:
    return values(described(), 3 * BLOCK + 50)


def test_rate_shares_and_name_leave_all_other_fields_as_they_are() -> None:
    one = records(described(), 3000)
    other = records(described(name="r2", rate=7.0, shares={"evaluation": {"legitimate": 1.0}}), 3000)
    apart = {"transaction_id", "transfer_date", "evaluation", "amount"}
    same = [
        all(left[name] == right[name] for name in set(left) - apart) for left, right in zip(one, other, strict=True)
    ]
    assert sum(same) > 0.9 * len(same)  # but where a burst of a campaign, whose gaps are seconds, lies elsewhere


def test_the_key_is_the_account_of_the_sender(sample: list[dict[str, Any]]) -> None:
    for record, document in zip(written(described(), 1000), sample, strict=False):
        assert record.key == document["sender_bank_account"].encode()


def test_numbers_beyond_a_billion_have_their_own_ids() -> None:
    run = described(rate=1e6)
    ids = (record["transaction_id"] for record in records(run, 2, 999_999_999))
    assert list(ids) == ["r1-999999999", "r1-1000000000"]
