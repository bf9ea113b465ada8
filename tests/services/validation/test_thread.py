"""Coroutines for those who are not asyncio."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streamguard.services.validation.thread import running


async def doubled(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


def test_a_coroutine_is_run_in_the_thread() -> None:
    with running() as thread:
        assert [thread.begin(doubled(number)).result(5) for number in range(3)] == [0, 2, 4]


class Waiting:
    """A coroutine that never comes to its end; `begun` and `ended` say whether it runs."""

    def __init__(self) -> None:
        self.begun, self.ended = threading.Event(), threading.Event()

    async def wait(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


def test_cancelling_the_future_cancels_the_coroutine() -> None:
    waiting = Waiting()
    with running() as thread:
        future = thread.begin(waiting.wait())
        assert waiting.begun.wait(5)
        future.cancel()
        assert waiting.ended.wait(5)


def test_what_still_runs_at_the_end_is_cancelled() -> None:
    waiting = Waiting()
    with running() as thread:
        thread.begin(waiting.wait())
        assert waiting.begun.wait(5)
    assert waiting.ended.is_set()


def test_an_error_of_a_coroutine_is_its_callers() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with running() as thread, pytest.raises(ZeroDivisionError):
        thread.begin(fail()).result(5)
