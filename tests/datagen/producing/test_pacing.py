from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.producing.pacing import Backfill, Constant, FullSpeed, Pace, Paced, whole_share

RATES = [0.5, 1, 50, 333.3, 1_000, 20_000]
Given = list[tuple[float, int]]


@dataclass(frozen=True)
class Steps:
    """Rates that begin at certain seconds, as (second, rate)."""

    steps: tuple[tuple[float, float], ...]

    def due(self, seconds: float) -> int:
        total = 0.0
        for (begin, rate), (end, _) in itertools.pairwise((*self.steps, (math.inf, 0.0))):
            total += rate * max(0.0, min(seconds, end) - begin)
        return math.floor(total) + 1

    def due_at(self, index: int) -> float:
        for (begin, rate), (end, _) in itertools.pairwise((*self.steps, (math.inf, 0.0))):
            if index <= rate * (end - begin):
                return begin + index / rate
            index -= round(rate * (end - begin))
        raise AssertionError


def grants(pace: Pace, times: list[float]) -> Given:
    granted, given_at = 0, []
    for time in times:
        upto = pace.due(time, granted)
        given_at.append((time, upto - granted))
        granted = upto
    return given_at


def own_ticks(pace: Pace, seconds: float) -> Given:
    """What a sender gets that asks when `wait` tells it to."""
    time, granted, given_at = 0.0, 0, []
    while time < seconds:
        upto = pace.due(time, granted)
        given_at.append((time, upto - granted))
        granted = upto
        time += pace.wait(time, granted)
    return given_at


def busiest_slot(given_at: Given, slot: float = 0.1) -> int:
    ends = range(len(given_at))
    return max(sum(number for time, number in given_at[end::-1] if time > given_at[end][0] - slot) for end in ends)


def between(given_at: Given, begin: float, end: float) -> int:
    return sum(number for time, number in given_at if begin <= time < end)


@pytest.mark.parametrize("rate", RATES)
def test_a_minute_holds_a_minute_of_records_within_half_a_percent(rate: float) -> None:
    total = sum(number for _, number in own_ticks(Paced(Constant(rate)), 60))
    assert abs(total - 60 * rate) <= max(1, 0.005 * 60 * rate)


@pytest.mark.parametrize("rate", [50, 333.3, 1_000])
def test_no_tenth_of_a_second_sees_twice_its_share(rate: float) -> None:
    assert busiest_slot(own_ticks(Paced(Constant(rate)), 5)) <= 0.2 * rate


@pytest.mark.parametrize("rate", [50, 1_000])
def test_a_stall_is_made_up_for_without_a_burst(rate: float) -> None:
    pace = Paced(Constant(rate))
    times = [time / 1000 for time in [*range(0, 1000, 5), *range(21_000, 70_001, 5)]]
    given_at = grants(pace, times)
    after = [one for one in given_at if one[0] >= 21]
    assert busiest_slot(after[:1000]) <= 0.2 * rate
    assert sum(number for _, number in given_at) == pytest.approx(70 * rate, abs=1)


def test_a_rate_that_jumps_is_followed_within_a_second() -> None:
    schedule = Steps(((0.0, 10.0), (5.0, 2_000.0), (10.0, 10.0)))
    given_at = own_ticks(Paced(schedule), 15)
    assert between(given_at, 4, 5) == pytest.approx(10, abs=1)
    assert between(given_at, 6, 7) == pytest.approx(2_000, rel=0.01)
    assert between(given_at, 5, 6) == pytest.approx(2_000, rel=0.05)
    assert between(given_at, 11, 12) == pytest.approx(10, abs=1)
    assert sum(number for _, number in given_at) == pytest.approx(50 + 10_000 + 50, abs=2)


def test_what_a_stall_left_behind_is_made_up_for_in_the_shape_of_its_own_rate() -> None:
    """A backlog of a fast hour is not sent at the slow rate of the next one, which would take for ever."""
    schedule = Steps(((0.0, 2_000.0), (5.0, 10.0)))
    given_at = grants(Paced(schedule), [0.0, *(4 + tick / 100 for tick in range(3000))])
    assert between(given_at, 4, 20) == pytest.approx(10_000 + 150, abs=10)
    assert busiest_slot([one for one in given_at if one[0] < 8]) <= 0.2 * 2_000


def test_time_can_go_faster() -> None:
    given_at = own_ticks(Paced(Constant(50), speed=60), 10)
    assert sum(number for _, number in given_at) == pytest.approx(50 * 60 * 10, rel=0.005)


def test_the_first_record_is_due_at_once() -> None:
    assert Paced(Constant(0.01)).due(0.0, 0) == 1


def test_the_wait_ends_when_the_next_record_is_due() -> None:
    pace = Paced(Constant(4))
    assert pace.due(0.0, 0) == 1
    assert pace.wait(0.1, 1) == pytest.approx(0.15)


@given(
    st.floats(min_value=0.01, max_value=1e6),
    st.lists(st.floats(min_value=0, max_value=10), min_size=1, max_size=200),
)
def test_a_record_is_never_granted_before_it_is_due(rate: float, steps: list[float]) -> None:
    total = 0
    for time, number in grants(Paced(Constant(rate)), list(itertools.accumulate(steps))):
        total += number
        assert number >= 0
        assert total <= Constant(rate).due(time)


def test_at_full_speed_nothing_is_waited_for() -> None:
    pace = FullSpeed()
    assert pace.due(0.0, 10**9) > 10**12
    assert pace.wait(0.0, 5) == 0.0
    assert pace.expected(1.0) is None


def test_a_backfill_gives_the_past_at_once_and_then_what_becomes_due() -> None:
    pace = Backfill(Constant(10), 100.0, growing=False)
    assert pace.due(0.0, 0) == 1001
    assert pace.expected(0.0) is None, "there is no pace to be behind of"
    assert pace.due(3.0, 1001) == 1001
    assert pace.expected(3.0) == 1001
    assert sum(number for _, number in own_ticks_from(pace, 1001, 3.0, 8.0)) == pytest.approx(50, abs=1)


def test_the_past_grows_while_it_is_sent() -> None:
    pace = Backfill(Constant(10), 100.0, growing=True)
    assert pace.due(0.0, 0) == 1001
    assert pace.due(30.0, 1001) == 1301, "what became past meanwhile is not paced"
    assert pace.due(30.1, 1301) == 1302
    assert pace.expected(30.1) == 1302


def own_ticks_from(pace: Pace, granted: int, begin: float, end: float) -> Given:
    time, given_at = begin, []
    while time < end:
        upto = pace.due(time, granted)
        given_at.append((time, upto - granted))
        granted = upto
        time += pace.wait(time, granted)
    return given_at


@given(st.integers(0, 10**6), st.integers(1, 8), st.data())
def test_blocks_are_divided_among_workers(index: int, workers: int, data: st.DataObject) -> None:
    worker = data.draw(st.integers(0, workers - 1))
    first, end = whole_share(index, 100, worker, workers)
    assert index <= first < end
    assert first // 100 % workers == worker
    assert (end - 1) // 100 == first // 100
    assert first - index < 100 * workers
