"""Offsets of queries that share one committed offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.runtime.positions import decode, encode, resume, started

OFFSETS = st.integers(0, 1000)
NUMBERS = st.integers(0, 200)


@given(NUMBERS, st.dictionaries(NUMBERS, OFFSETS))
def test_metadata_survives_its_text(upto: int, ahead: dict[int, int]) -> None:
    assert decode(encode(upto, ahead)) == (upto, ahead)


def test_a_query_that_was_never_committed_begins_at_its_own_start() -> None:
    first = resume(500, encode(4, {}), {2: 0, 4: 0, 9: 0}).first
    assert first == {2: 500, 4: 500, 9: 0}


def test_reading_begins_where_the_furthest_behind_query_stands() -> None:
    assert resume(500, encode(4, {}), {4: 0, 9: 120}).offset == 120


def test_the_older_query_does_not_take_what_it_has_seen() -> None:
    where = resume(500, encode(4, {}), {4: 0, 9: 0})
    assert where.active(499) == {9}
    assert where.active(500) == {4, 9}
    assert where.horizon == 500


def test_a_terminated_query_is_forgotten() -> None:
    assert resume(120, encode(9, {4: 500}), {9: 0}).first == {9: 120}


def test_offsets_that_an_operator_reset_hold_for_all_queries() -> None:
    assert resume(30, "", {4: 0, 9: 700}).first == {4: 30, 9: 30}


def test_a_query_from_the_end_waits_for_it_while_others_catch_up() -> None:
    where = resume(None, "", {4: 0, 9: 700})
    assert where.offset == 0
    assert where.active(699) == {4}
    assert where.active(700) == {4, 9}


def test_text_that_is_not_ours_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unpack|literal"):
        decode("something else")


def test_a_paused_query_keeps_its_place_while_others_go_on() -> None:
    where = resume(500, encode(9, {}), {4: 0, 9: 0}, paused={4})
    assert where.active(500) == {9}
    again = resume(900, where.metadata(900, 12), {4: 0, 9: 0})
    assert again.first == {4: 500, 9: 900}
    assert again.offset == 500


def test_a_commit_says_which_commands_its_maker_knew() -> None:
    assert started(resume(0, "", {4: 0}).metadata(10, 23)) == 23
    assert started("") == -1


@given(
    starts=st.dictionaries(NUMBERS, OFFSETS, min_size=1, max_size=6),
    stops=st.lists(st.integers(0, 40), max_size=8),
    later=st.dictionaries(st.integers(201, 400), OFFSETS, max_size=3),
    paused=st.lists(st.sets(NUMBERS, max_size=4), max_size=8),
)
def test_every_query_takes_each_record_from_its_start_exactly_once(
    starts: dict[int, int], stops: list[int], later: dict[int, int], paused: list[set[int]]
) -> None:
    """Any sequence of commits and restarts, with queries added in the middle, paused and resumed."""
    taken: dict[int, list[int]] = {number: [] for number in (*starts, *later)}
    committed: tuple[int | None, str] = (None, "")
    present = dict(starts)
    for index, length in enumerate([*stops, 2000]):
        if index == len(stops) // 2:
            present |= later
        resting = paused[index] if index < min(len(paused), len(stops)) else set()
        where = resume(*committed, present, resting)
        if not where.first:
            continue  # nobody reads
        end = min(where.offset + length, 1100)
        for offset in range(where.offset, end):
            for number in where.active(offset):
                taken[number].append(offset)
        if end > where.offset:
            committed = (end, where.metadata(end, max(present)))
    for number, start in (starts | later).items():
        assert taken[number] == list(range(start, 1100))
