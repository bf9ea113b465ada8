"""Time is cut as Kafka Streams does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.analysis.windows import SessionWindows, TimeWindows


def test_a_time_is_in_one_tumbling_window() -> None:
    windows = TimeWindows("TUMBLING", 30, 30, 60, 90)
    assert [list(windows.starts(time)) for time in (0, 29, 30)] == [[0], [0], [30]]


@given(size=st.integers(1, 50), part=st.integers(1, 50), time=st.integers(0, 500))
def test_hopping_windows_are_those_that_hold_the_time(size: int, part: int, time: int) -> None:
    advance = min(part, size)
    windows = TimeWindows("HOPPING", size, advance, 0, size)
    meant = [start for start in range(0, time + 1, advance) if start <= time < start + size]
    assert list(windows.starts(time)) == meant


def test_a_window_is_closed_when_the_grace_period_after_its_end_is_over() -> None:
    windows = TimeWindows("TUMBLING", 30, 30, 60, 90)
    assert [windows.is_closed(0, time) for time in (89, 90)] == [False, True]


def test_a_session_is_closed_when_nothing_can_join_it_any_more() -> None:
    windows = SessionWindows(gap=5, grace=1, retention=6)
    assert [windows.is_closed(10, time) for time in (16, 17)] == [False, True]
