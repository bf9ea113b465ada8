"""A server that is away for long costs time and nothing else: no record, and nobody's attention."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from streamguard.connect.rest.client import ConnectClient
from tests.stack.bank import Bank, arguments, summary_of

RECOVERY = 90.0
"""Seconds from the return of a server to the arrival of everything."""


def await_true(condition: Callable[[], bool], within: float, what: str) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.5)


def states(bank: Bank, connector: str) -> set[str]:
    """The states of a connector's tasks."""
    return {task.state for task in ConnectClient(bank.settings.connect_url).status(connector).tasks}


@pytest.mark.timeout(400)
@pytest.mark.parametrize(("server", "sink"), [("mongodb", "transactions-mongodb-sink"), ("s3", "transactions-s3-sink")])
def test_a_sink_that_failed_because_its_server_was_away_is_restarted(bank: Bank, server: str, sink: str) -> None:
    with bank.verified(RECOVERY) as verification:
        bank.stack.supervisor.stop_program(server)
        producing = bank.produce(*arguments(5_000))
        await_true(lambda: "FAILED" in states(bank, sink), 150, f"{sink} notices that {server} is away")
        verification.expect(summary_of(producing, timeout=60))
        bank.stack.start([server])
        await_true(lambda: states(bank, sink) == {"RUNNING"}, RECOVERY, f"{sink} runs again")
