from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.datagen.columns.clock import DAY, SECOND, Clock, constant
from streamguard.datagen.columns.draws import BLOCK, Draws
from streamguard.datagen.world.streams import Bursts, Rate, Season, Step

START = round(datetime(2026, 11, 22, 17, 3, 1, 500, tzinfo=UTC).timestamp() * SECOND)
DAILY = Rate(
    mean=2.0, day=tuple(0.0 if hour < 3 else 24 / 21 for hour in range(24)), week=(0.5, 0.5, 1, 1, 1, 1.5, 1.5)
)
CALENDAR = Rate(
    mean=0.05,
    seasons=(Season("gifts", (12, 1), (1, 6), 2.0),),
    month_days=((1, 3.0), (15, 0.0)),
    day=(0.5, 1.5, 1.0, 1.0),
)
STEPS = Rate(mean=1, steps=(Step(0, 10), Step(20, 2000), Step(40, 10)), bursts=Bursts(7, 2.5, 4))

RATES = st.one_of(
    st.sampled_from([DAILY, CALENDAR, STEPS]),
    st.floats(min_value=1e-3, max_value=1e6).map(constant),
    st.builds(
        Rate,
        mean=st.floats(min_value=0.1, max_value=1e4),
        day=st.lists(st.floats(min_value=0, max_value=3), min_size=1, max_size=24).filter(
            lambda weights: 24 % len(weights) == 0 and sum(weights) > 0.1
        ).map(tuple),
        bursts=st.none() | st.builds(Bursts, st.floats(3000, 9000), st.floats(10, 9000), st.floats(0.1, 9)),
    ),
)  # fmt: skip
STARTS = st.integers(min_value=0, max_value=4_000_000_000 * SECOND)


def dates(clock: Clock, first: int) -> list[int]:
    instants = clock.instants(first, Draws(5, "arrivals").block(first // BLOCK))
    return [instant - clock.start for instant in instants.tolist()]


@given(RATES, STARTS, st.integers(min_value=0, max_value=40))
def test_a_record_happens_between_the_one_before_and_when_it_is_due(rate: Rate, start: int, block: int) -> None:
    clock, first = Clock(rate, start), block * BLOCK
    found = dates(clock, first)
    for place in (0, 1, 2, 700, BLOCK - 1):
        index = first + place
        assert clock.due_at(max(0, index - 1)) <= found[place] <= clock.due_at(index)
    assert found == sorted(found)
    assert found[-1] <= dates(clock, first + BLOCK)[0]
    if block == 0:
        assert found[0] == clock.due_at(0)


@given(RATES, STARTS, st.integers(min_value=0, max_value=200_000))
def test_an_instant_and_the_number_of_records_until_then_are_inverse(rate: Rate, start: int, index: int) -> None:
    clock = Clock(rate, start)
    due = clock.due_at(index)
    assert clock.count_until(due) <= index < clock.count_until(due + 1)
    number = clock.count_until(due + 12_345_678)
    assert clock.due_at(number) >= due + 12_345_678
    assert clock.due_at(number - 1) < due + 12_345_678


@given(st.lists(st.integers(min_value=0, max_value=60), min_size=1, max_size=6), STARTS)
def test_blocks_have_the_same_dates_in_any_order(blocks: list[int], start: int) -> None:
    clock = Clock(CALENDAR, start)
    for block in blocks:
        assert dates(clock, block * BLOCK) == dates(Clock(CALENDAR, start), block * BLOCK)


@given(st.integers(min_value=1, max_value=100_000), st.integers(min_value=1, max_value=86_400))
def test_a_constant_rate_does_not_drift(rate: int, seconds: int) -> None:
    clock = Clock(constant(rate), START)
    assert clock.count_until(seconds * SECOND) == rate * seconds
    assert clock.due_at(rate * seconds) == seconds * SECOND
    assert clock.count_until(0) == 0
    assert clock.count_until(1) == 1


def test_steps_are_followed_to_the_record() -> None:
    clock = Clock(Rate(mean=1, steps=(Step(0, 10), Step(20, 2000), Step(40, 10))), START)
    expected = {20: 200, 21: 2_200, 40: 40_200, 50: 40_300}
    assert all(abs(clock.count_until(at * SECOND) - number) <= 1 for at, number in expected.items())


def test_bursts_come_on_top_of_the_rate() -> None:
    clock = Clock(Rate(mean=10, bursts=Bursts(every=60, length=5, times=11)), START)
    counts = [clock.count_until(at * SECOND) for at in (5, 60, 65, 3600)]
    assert counts == [550, 1_100, 1_650, 66_000]


@pytest.mark.parametrize("start", [START, START + 7 * DAY + 11_111_111_111])
def test_a_day_has_its_curve_and_a_week_its_days(start: int) -> None:
    clock = Clock(DAILY, start)
    midnight = DAY - start % DAY
    for day in range(14):
        offset = midnight + day * DAY
        weight = DAILY.week[((start + offset) // DAY + 3) % 7]
        assert abs(clock.count_until(offset + DAY) - clock.count_until(offset) - 2.0 * 86_400 * weight) <= 1
        assert clock.count_until(offset + DAY // 8) - clock.count_until(offset) <= 1


def test_seasons_and_days_of_the_month_have_their_share() -> None:
    clock = Clock(CALENDAR, START)

    def on(year: int, month: int, day: int) -> int:
        offset = round(datetime(year, month, day, tzinfo=UTC).timestamp() * SECOND) - START
        return clock.count_until(offset + DAY) - clock.count_until(offset)

    plain = 0.05 * 86_400
    winter = {
        (2026, 11, 30): 1,
        (2026, 12, 1): 6,
        (2026, 12, 2): 2,
        (2026, 12, 15): 0,
        (2027, 1, 6): 2,
        (2027, 1, 7): 1,
    }
    for (year, month, day), times in {**winter, (2028, 2, 29): 1}.items():
        assert abs(on(year, month, day) - plain * times) <= 1


@given(RATES, st.lists(st.integers(min_value=-50_000, max_value=100_000), min_size=1, max_size=9))
def test_instants_of_many_records_at_once_are_about_right(rate: Rate, indexes: list[int]) -> None:
    clock = Clock(rate, START)
    numbers = np.array(indexes, dtype=np.float64)
    offsets = clock.offsets_of(numbers)
    for index, offset in zip(indexes, offsets.tolist(), strict=True):
        if index >= 0:
            assert offset == pytest.approx(clock.due_at(index), abs=1 + offset * 1e-12)
        else:
            assert offset < 0
    assert abs(clock.indexes_of(offsets) - numbers).max() <= 1


def test_a_rate_that_ends_says_so() -> None:
    with pytest.raises(OverflowError, match="too low"):
        Clock(Rate(mean=1, steps=(Step(0, 1), Step(10, 0))), START).due_at(11)
