"""The breaker opens after failures in a row, lets a single call try, and closes with the first answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamguard.services.validation.breaker import FAILURES, Breaker, State


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert [breaker.failed("down", now, 1.0) for _ in range(FAILURES)] == [False] * (FAILURES - 1) + [True]
    return breaker


def test_failures_with_answers_in_between_do_not_open_it() -> None:
    breaker = Breaker()
    for _ in range(10):
        for _ in range(FAILURES - 1):
            assert not breaker.failed("down", 0.0, 1.0)
        assert not breaker.answered()
    assert breaker.is_closed


def test_it_is_open_for_longer_each_time_a_single_call_fails() -> None:
    breaker, now, waits, states = opened(), 0.0, [], []
    for _ in range(8):
        waits.append(breaker.retry_at - now)
        now = breaker.retry_at
        breaker.probe()
        states.append(breaker.state)
        assert not breaker.failed("down", now, 1.0)
        states.append(breaker.state)
    assert [round(wait, 1) for wait in waits] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert states == [State.HALF_OPEN, State.OPEN] * 8


def test_the_first_answer_closes_it_and_everything_begins_anew() -> None:
    breaker = opened(now=7.0)
    assert breaker.since == 7.0
    assert breaker.answered()
    assert breaker.state is State.CLOSED
    assert not breaker.answered()
    assert opened().retry_at == 0.1


def test_calls_that_had_been_made_before_do_not_prolong_it() -> None:
    breaker = opened()
    for _ in range(20):
        breaker.failed("late", 3.0, 1.0)
    assert breaker.retry_at == 0.1


def test_a_time_that_the_api_asks_for_is_kept() -> None:
    breaker = opened()
    breaker.probe()
    breaker.failed("overloaded", 1.0, 0.0, retry_after=30.0)
    assert breaker.retry_at == 31.0


@given(st.lists(st.sampled_from(["answered", "failed", "probe"])))
def test_it_is_closed_unless_the_last_failures_were_enough(events: list[str]) -> None:
    breaker, in_a_row = Breaker(), 0
    for event in events:
        if event == "answered":
            assert breaker.answered() == (in_a_row >= FAILURES)
            in_a_row = 0
        elif event == "failed":
            in_a_row += 1
            assert breaker.failed("down", 0.0, 0.5) == (in_a_row == FAILURES)
        elif not breaker.is_closed:
            breaker.probe()
        assert breaker.is_closed == (in_a_row < FAILURES)
