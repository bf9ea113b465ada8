from __future__ import annotations

import math
import statistics
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.datagen.encoding import JsonEncoder, records
from streamguard.datagen.people import People
from streamguard.datagen.worlds.bank import BANKS, BLOCK, STATUSES, Run, Shares, blocks, columns

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


def described(**changes: Any) -> Run:
    return Run(**{"name": "r1", "seed": 7, "start": START, "rate": 50.0, "people": 300, **changes})


def values(run: Run, people: People, count: int, first: int = 0) -> list[bytes]:
    encoder = JsonEncoder(run, people)
    return list(islice(chain.from_iterable(map(encoder.values, blocks(run, first))), count))


@pytest.fixture(scope="module")
def sample(people: People) -> list[dict[str, Any]]:
    return list(records(7, "r1", START, 20_000, rate=50.0, people=people))


def test_a_record_has_the_fields_of_the_design_in_their_order(sample: list[dict[str, Any]], people: People) -> None:
    pool = {people.accounts[index]: people.person(index) for index in range(len(people))}
    for record in sample:
        assert list(record) == FIELDS
        assert record["sender_details"] == pool[record["sender_bank_account"]]
        assert record["receiver_details"] == pool[record["receiver_bank_account"]]
        assert record["status"] in STATUSES
        assert record["sender_bank"] in BANKS


def test_a_record_is_about_a_kilobyte(people: People) -> None:
    sizes = [len(value) for value in values(described(), people, 2000)]
    assert 1000 < statistics.fmean(sizes) < 1250


def test_the_transaction_id_holds_run_and_sequence_number(sample: list[dict[str, Any]]) -> None:
    assert [record["transaction_id"] for record in sample] == [f"r1-{number:09d}" for number in range(len(sample))]


def test_nobody_sends_money_to_himself(sample: list[dict[str, Any]]) -> None:
    assert all(record["sender_bank_account"] != record["receiver_bank_account"] for record in sample)


def test_everybody_sends_and_receives(sample: list[dict[str, Any]], people: People) -> None:
    assert {record["sender_bank_account"] for record in sample} == set(people.accounts)
    assert {record["receiver_bank_account"] for record in sample} == set(people.accounts)


def test_two_people_are_enough(people: People) -> None:
    two = People(people.details[:2], people.accounts[:2])
    for record in records(0, "r1", START, 100, people=two):
        assert {record["sender_bank_account"], record["receiver_bank_account"]} == set(two.accounts)


def test_amounts_are_positive_whole_cents_with_a_long_tail(people: People) -> None:
    texts = [value.partition(b'"amount":')[2].partition(b",")[0] for value in values(described(), people, 20_000)]
    amounts = [float(text) for text in texts]
    assert all(len(text.partition(b".")[2]) == 2 for text in texts)
    assert all(math.isfinite(amount) and amount > 0 for amount in amounts)
    assert 110 < statistics.median(amounts) < 130
    assert 200 < statistics.fmean(amounts) < 240
    assert max(amounts) > 3_000


def test_dates_follow_the_start_at_the_rate_and_name_their_zone(sample: list[dict[str, Any]]) -> None:
    for number in (0, 1, 49, 50, 19_999):
        text = sample[number]["transfer_date"]
        assert text.endswith("Z")
        assert datetime.fromisoformat(text) == START + timedelta(milliseconds=20 * number)


def test_dates_of_an_odd_rate_do_not_drift(people: People) -> None:
    (record,) = records(7, "r1", START, 1, first=30_000_000, rate=3_000.0, people=people)
    assert datetime.fromisoformat(record["transfer_date"]) == START + timedelta(seconds=10_000)


def test_at_full_speed_no_date_is_ahead_of_a_million_records_a_second(people: People) -> None:
    (record,) = records(7, "r1", START, 1, first=1_000_000, people=people)
    assert datetime.fromisoformat(record["transfer_date"]) == START + timedelta(seconds=1)


@given(
    st.floats(min_value=0, max_value=1),
    st.floats(min_value=0, max_value=1),
    st.integers(min_value=0, max_value=2**64),
)
def test_evaluations_have_their_shares(fraudulent: float, rest: float, seed: int) -> None:
    shares = Shares(fraudulent, (1 - fraudulent) * rest)
    run = described(shares=shares, seed=seed)
    drawn = [evaluation for chunk in islice(blocks(run), 4) for evaluation in chunk.evaluations]
    for evaluation, share in enumerate((shares.fraudulent, shares.unidentified)):
        slack = 6 * math.sqrt(share * (1 - share) / len(drawn)) + 1e-3
        assert abs(drawn.count(evaluation) / len(drawn) - share) <= slack


@pytest.mark.parametrize(
    ("shares", "only"), [(Shares(1, 0), "fraudulent"), (Shares(0, 1), "unidentified"), (Shares(0, 0), "legitimate")]
)
def test_a_share_of_all_or_nothing_is_exact(people: People, shares: Shares, only: str) -> None:
    found = {record["evaluation"] for record in records(1, "r", START, 3000, shares=shares, people=people)}
    assert found == {only}


@pytest.mark.parametrize("parts", [(0.6, 0.5), (-0.1, 0.5), (float("nan"), 0.1), (0.1, 1.5)])
def test_shares_that_are_no_parts_of_one_are_refused(parts: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="parts of one"):
        Shares(*parts)


def test_the_evaluation_is_no_function_of_any_other_field(sample: list[dict[str, Any]]) -> None:
    frauds = [record for record in sample if record["evaluation"] == "fraudulent"]
    for name in ("status", "sender_bank"):
        for value in {record[name] for record in sample}:
            group = [record for record in sample if record[name] == value]
            share = sum(record[name] == value for record in frauds) / len(group)
            assert abs(share - 0.1) < 5 * math.sqrt(0.09 / len(group))
    assert abs(statistics.median(record["amount"] for record in frauds) - 120) < 15


def test_a_run_can_be_worked_out_again_byte_by_byte(people: People) -> None:
    assert values(described(), people, 3000) == values(described(), people, 3000)


def test_seed_0_is_a_seed_and_other_seeds_share_no_record(people: People) -> None:
    first = set(values(described(seed=0), people, 3000))
    assert len(first) == 3000
    assert not first & set(values(described(seed=1), people, 3000))


@settings(max_examples=30)
@given(st.integers(min_value=0, max_value=3 * BLOCK), st.integers(min_value=1, max_value=40))
def test_a_record_does_not_depend_on_where_reading_began(people: People, first: int, count: int) -> None:
    whole = values(described(), people, 3 * BLOCK + 50)
    assert values(described(), people, count, first) == whole[first : first + count]


def test_rate_shares_and_name_leave_all_other_columns_as_they_are() -> None:
    one = columns(described(), 3)
    other = columns(described(name="r2", rate=None, shares=Shares(0.5, 0.5)), 3)
    for name in ("senders", "receivers", "statuses", "cents", "banks"):
        assert getattr(one, name) == getattr(other, name)


def test_the_key_is_the_account_of_the_sender(people: People) -> None:
    encoder, chunk = JsonEncoder(described(), people), columns(described(), 0)
    pairs = zip(encoder.keys(chunk), records(7, "r1", START, BLOCK, rate=50.0, people=people), strict=True)
    assert all(key.decode() == record["sender_bank_account"] for key, record in pairs)


def test_an_encoder_refuses_a_pool_of_another_size(people: People) -> None:
    with pytest.raises(ValueError, match="made for 5 people, the pool has 300"):
        JsonEncoder(described(people=5), people)
