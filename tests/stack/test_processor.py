"""The processor on real servers, while the validator API hangs and dies."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

import pytest
import requests

from streamguard.kafka import clients
from streamguard.kafka.positions import Positions
from streamguard.kafka.tail import tail
from streamguard.settings import Settings
from tests.stack.bank import Bank, arguments, summary_of

PROCESSOR = "sg.bank.processor"
SOURCE = "unidentified-transactions"
HANGS = 7.0
"""Seconds: longer than the 6 s after which Kafka gives up a member that is silent."""


def readiness(settings: Settings) -> dict[str, Any]:
    answer = requests.get(f"http://127.0.0.1:{settings.processor_port}/ready", timeout=5)
    facts: dict[str, Any] = answer.json()
    assert facts["ready"] == answer.ok
    return facts


def await_readiness(settings: Settings, *, ready: bool) -> dict[str, Any]:
    end = time.monotonic() + 15
    while (facts := readiness(settings))["ready"] != ready:
        assert time.monotonic() < end, facts
        time.sleep(0.05)
    return facts


def membership(settings: Settings) -> tuple[str, int]:
    """Member id and generation of the processor, as Kafka has written them down."""
    admin = clients.admin(settings)
    [member] = admin.describe_consumer_groups([PROCESSOR])[PROCESSOR].result(10).members
    key = b"\x00\x02" + len(PROCESSOR).to_bytes(2, "big") + PROCESSOR.encode()  # of the metadata of a group
    last = [record.value for record in tail(settings, "__consumer_offsets", last=None) if record.key == key][-1]
    assert last is not None
    after_type = 4 + int.from_bytes(last[2:4], "big")
    return member.member_id, int.from_bytes(last[after_type : after_type + 4], "big")


def dead_letters(settings: Settings) -> int:
    """The end of the dead-letter topic."""
    positions = Positions(settings)
    return sum(positions.ends(positions.places([f"{SOURCE}-dead-letter"]), committed=False).values())


@pytest.mark.timeout(120)
def test_while_the_api_is_away_everything_waits_and_then_arrives(bank: Bank) -> None:
    """The place in the group is kept, /ready says why nothing goes on, and nothing becomes a dead letter."""
    settings = bank.settings
    await_readiness(settings, ready=True)
    validator = bank.pid("validator")
    assert validator is not None
    before, dead = membership(settings), dead_letters(settings)
    with bank.verified() as verification:
        os.kill(validator, signal.SIGSTOP)
        try:
            hangs_until = time.monotonic() + HANGS
            verification.expect(summary_of(bank.produce(*arguments(500)), timeout=30))
            facts = await_readiness(settings, ready=False)
            assert facts["phase"] == "asking"
            assert facts["missing"].startswith(f"the validator API at {settings.validator_url} has not answered for ")
            committed = bank.committed(PROCESSOR, SOURCE)
            while time.monotonic() < hangs_until:
                assert not readiness(settings)["ready"]
                time.sleep(0.5)
            assert bank.committed(PROCESSOR, SOURCE) == committed
            assert bank.lag(PROCESSOR, SOURCE) > 0
        finally:
            os.kill(validator, signal.SIGKILL)  # the supervisor starts it again
        await_readiness(settings, ready=True)
    assert membership(settings) == before
    assert dead_letters(settings) == dead
