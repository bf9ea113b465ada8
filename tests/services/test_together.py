"""Threads that work together: the error of one ends all, and is the one that is told."""

from __future__ import annotations

import threading

import pytest

from streamguard.errors import Fenced
from streamguard.services.together import Together


def fenced(_stop: threading.Event) -> None:
    raise Fenced("another one")


def patient(stop: threading.Event) -> None:
    assert stop.wait(10)


def test_the_error_of_one_ends_the_others_and_is_the_one_that_is_told() -> None:
    stop = threading.Event()
    together = Together(stop)
    for run in (patient, fenced, patient):
        together.start(run)
    together.join()
    with pytest.raises(Fenced, match="another one"):
        together.raise_first()


def test_one_with_a_stop_of_its_own_may_end_before_the_others_and_its_error_ends_all() -> None:
    stop, own = threading.Event(), threading.Event()
    together = Together(stop)
    own.set()
    together.start(patient, stop=own).join(10)
    assert not stop.is_set()
    together.start(patient)
    together.start(fenced, stop=own).join(10)
    together.join()
    with pytest.raises(Fenced):
        together.raise_first()


def test_without_an_error_nothing_is_raised() -> None:
    stop = threading.Event()
    together = Together(stop)
    together.start(patient)
    stop.set()
    together.join()
    together.raise_first()
