"""A pace is kept, and what was late is not made up for."""

from __future__ import annotations

from streamguard.kafka.letters.pace import Pace


class Clock:
    """Time that passes when somebody waits, or says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def test_batches_begin_no_sooner_than_the_rate_allows() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, wait=clock.wait)
    for _ in range(5):
        clock.now += 0.1  # the work
        pace.pause_after(5)
    assert clock.now == 2.5


def test_after_a_delay_there_is_no_burst() -> None:
    clock = Clock()
    pace = Pace(10, clock=clock, wait=clock.wait)
    clock.now = 60.0
    pace.pause_after(5)
    pace.pause_after(5)
    assert clock.now == 60.5


def test_without_a_rate_nobody_waits() -> None:
    clock = Clock()
    Pace(None, clock=clock, wait=clock.wait).pause_after(1_000_000)
    assert clock.now == 0.0
