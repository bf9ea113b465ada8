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


def test_cancelling_the_future_cancels_the_coroutine() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with running() as thread:
        future = thread.begin(wait())
        assert begun.wait(5)
        future.cancel()
        assert ended.wait(5)


def test_what_still_runs_at_the_end_is_cancelled() -> None:
    begun, ended = threading.Event(), threading.Event()

    async def wait() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with running() as thread:
        thread.begin(wait())
        assert begun.wait(5)
    assert ended.is_set()


def test_an_error_of_a_coroutine_is_its_callers() -> None:
    async def fail() -> None:
        raise ZeroDivisionError

    with running() as thread, pytest.raises(ZeroDivisionError):
        thread.begin(fail()).result(5)
