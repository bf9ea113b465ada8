from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.pacing import Pace

RATES = [0.5, 1, 50, 333.3, 1_000, 20_000]


def grants(rate: float, times: list[float]) -> list[tuple[float, int]]:
    pace = Pace(rate)
    return [(time, pace.due(time)) for time in times]


def own_ticks(rate: float, seconds: float) -> list[tuple[float, int]]:
    """What a sender gets that asks when `wait` tells it to."""
    pace, time, given = Pace(rate), 0.0, []
    while time < seconds:
        given.append((time, pace.due(time)))
        time += pace.wait(time)
    return given


def busiest_slot(given: list[tuple[float, int]], slot: float = 0.1) -> int:
    ends = range(len(given))
    return max(sum(number for time, number in given[end::-1] if time > given[end][0] - slot) for end in ends)


@pytest.mark.parametrize("rate", RATES)
def test_a_minute_holds_a_minute_of_records_within_half_a_percent(rate: float) -> None:
    total = sum(number for _, number in own_ticks(rate, 60))
    assert abs(total - 60 * rate) <= max(1, 0.005 * 60 * rate)


@pytest.mark.parametrize("rate", [50, 333.3, 1_000])
def test_no_tenth_of_a_second_sees_twice_its_share(rate: float) -> None:
    assert busiest_slot(own_ticks(rate, 5)) <= 0.2 * rate


@pytest.mark.parametrize("rate", [50, 1_000])
def test_a_stall_is_made_up_for_without_a_burst(rate: float) -> None:
    pace = Pace(rate)
    before = [(time / 1000, pace.due(time / 1000)) for time in range(0, 1000, 5)]
    after = [(time / 1000, pace.due(time / 1000)) for time in range(21_000, 70_001, 5)]
    assert busiest_slot(after[:1000]) <= 0.2 * rate
    assert sum(number for _, number in before + after) == pytest.approx(70 * rate, abs=1)


def test_the_first_record_is_due_at_once() -> None:
    assert Pace(0.01).due(0.0) == 1


def test_the_wait_ends_when_the_next_record_is_due() -> None:
    pace = Pace(4)
    assert pace.due(0.0) == 1
    assert pace.wait(0.1) == pytest.approx(0.15)


@given(
    st.floats(min_value=0.01, max_value=1e6),
    st.lists(st.floats(min_value=0, max_value=10), min_size=1, max_size=200),
)
def test_a_record_is_never_granted_before_it_is_due(rate: float, steps: list[float]) -> None:
    times = [sum(steps[: number + 1]) for number in range(len(steps))]
    total = 0
    for time, number in grants(rate, times):
        total += number
        assert number >= 0
        assert total <= math.floor(time * rate) + 1
