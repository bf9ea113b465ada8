"""A batch is cut in halves that are stored one after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.services.decider.batches import Batch, batch_of
from tests.kafka.records import record


def batch(partitions: list[int]) -> Batch:
    """A record each; offsets have gaps, as after transactions."""
    starts = dict.fromkeys((("transactions", number) for number in partitions), -1)
    ends = dict.fromkeys(starts, 0)
    records = []
    for partition in partitions:
        offset = ends["transactions", partition] + 2
        ends["transactions", partition] = offset + 1
        records.append(record(b"{", topic="transactions", partition=partition, offset=offset))
    return batch_of(records, starts, ends, alerts="fraud-alerts")


@given(st.lists(st.integers(0, 3), min_size=2, max_size=20))
def test_halves_begin_and_end_where_the_whole_does(partitions: list[int]) -> None:
    whole = batch(partitions)
    first, second = whole.halves()
    assert [*first.items, *second.items] == list(whole.items)
    assert {**whole.starts, **first.starts} == whole.starts
    at = {**whole.starts, **first.ends}
    assert {place: at[place] for place in second.starts} == second.starts
    assert {**at, **second.ends} == whole.ends


def test_a_record_that_is_neither_keeps_why() -> None:
    (item,) = batch([0]).items
    assert isinstance(item.row, RecordRefused)
    assert item.offset == 2


def test_a_batch_may_be_made_one_of_dead_letters() -> None:
    refusal = RecordRefused("E_DATABASE", "no")
    assert [item.row for item in batch([0, 1]).refused(refusal).items] == [refusal, refusal]
