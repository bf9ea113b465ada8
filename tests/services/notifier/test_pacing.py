"""No more messages than the rate allows, and pauses that grow."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.notifier.pacing import LONGEST, SHORTEST, Bucket, pause


@given(
    st.floats(1, 6000), st.integers(1, 50), st.lists(st.floats(0, 5), min_size=1, max_size=200), st.floats(-1e6, 1e6)
)
def test_no_span_of_time_has_more_than_the_burst_and_what_the_rate_gives(
    per_minute: float, burst: int, delays: list[float], start: float
) -> None:
    bucket, now, went = Bucket(per_minute, burst, start), start, list[float]()
    for delay in delays:
        now += delay
        now += bucket.wait(now)
        bucket.take(now)
        went.append(now)
    for first in range(0, len(went), 7):
        for last in range(first, len(went), 5):
            allowed = burst + (went[last] - went[first]) * per_minute / 60
            assert last - first + 1 <= allowed + 1e-3


def test_a_burst_goes_at_once_and_the_next_one_waits_for_its_turn() -> None:
    bucket = Bucket(60, 3, 100.0)
    for _ in range(3):
        assert bucket.wait(100.0) == 0
        bucket.take(100.0)
    assert bucket.wait(100.0) == 1.0
    assert bucket.wait(100.5) == 0.5
    assert bucket.wait(101.0) == 0


def test_tokens_that_were_not_used_do_not_pile_up() -> None:
    bucket = Bucket(60, 2, 0.0)
    bucket.take(1000.0)
    bucket.take(1000.0)
    assert bucket.wait(1000.0) == 1.0


@given(st.integers(1, 10**6), st.floats(0, 1))
def test_a_pause_is_neither_nothing_nor_endless(failures: int, chance: float) -> None:
    assert SHORTEST / 2 <= pause(failures, chance) <= LONGEST


def test_pauses_double() -> None:
    assert [pause(failures, 1.0) for failures in (1, 2, 3, 4)] == [0.1, 0.2, 0.4, 0.8]
