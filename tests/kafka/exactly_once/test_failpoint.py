"""A failpoint kills at its place, the Nth time, and nowhere else."""

from __future__ import annotations

import threading

import pytest

from streamguard.errors import SettingsError
from streamguard.kafka.exactly_once import failpoint
from streamguard.kafka.exactly_once.failpoint import POINTS, Failpoint
from tests.kafka.records import Written


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set instead of the kill."""
    event = threading.Event()
    monkeypatch.setattr(failpoint, "_kill", event.set)
    return event


@pytest.mark.parametrize("point", POINTS)
def test_it_kills_at_its_point_the_nth_time(killed: threading.Event, point: str) -> None:
    armed = Failpoint(f"{point}:2")
    for other in POINTS:
        armed.reached(other)
    assert not killed.is_set()
    armed.reached(point)
    assert killed.wait(5)


def test_without_a_number_it_is_the_first_time(killed: threading.Event) -> None:
    Failpoint("after_begin").reached("after_begin")
    assert killed.is_set()


def test_without_a_setting_nothing_is_watched(killed: threading.Event) -> None:
    off, produce = Failpoint(""), Written()
    for point in POINTS:
        off.reached(point)
    assert off.watched(produce) is produce
    assert not killed.is_set()


@pytest.mark.parametrize(("point", "kills_after"), [("mid_produce:3", 3), ("dead_letter:1", 2)])
def test_records_are_counted_where_the_point_is_one_of_writing(
    killed: threading.Event, point: str, kills_after: int
) -> None:
    produce = Failpoint(point).watched(Written())
    for number, topic in enumerate(("out", "in-dead-letter", "out"), 1):
        produce(topic, b"")
        assert killed.is_set() == (number >= kills_after)


@pytest.mark.parametrize("setting", ["nowhere", "after_poll:soon", "after_poll:-1", ":3"])
def test_a_point_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match="STREAMGUARD_FAILPOINT"):
        Failpoint(setting)
