"""The validator API is slow, fails, hangs, answers garbage, and is away: everything is judged once, nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from tests.stack.bank import INGESTOR, Bank, arguments, summary_of
from tests.stack.loops import wait_until
from tests.stack.supervised import Supervised
from tests.stack.test_processor import readiness

RECORDS = 20_000
BAD = ("--delay-ms", "20", "--fail-percent", "10", "--hang-percent", "1", "--garbage-percent", "5")
AWAY = 30.0
"""Seconds for which it is killed."""


@pytest.fixture(params=["batch", "single"])
def validator(bank: Bank, request: pytest.FixtureRequest) -> Iterator[Supervised]:
    """The validator as bad as can be, asked in one of its two forms."""
    programs = [Supervised(bank.stack, name) for name in ("validator", "processor")]
    good = [program.plan for program in programs]
    argv, env = [*good[0]["argv"], *BAD], {**good[1]["env"]}
    if request.param == "single":
        env["STREAMGUARD_VALIDATOR_BATCH"] = "1"
    start(programs, [{**good[0], "argv": argv}, {**good[1], "env": env}])
    yield programs[0]
    start(programs, good)


def start(programs: list[Supervised], plans: list[dict[str, object]]) -> None:
    for program, plan in zip(programs, plans, strict=True):
        program.replace_plan(plan)
        program.stop()
        program.start()


@pytest.mark.timeout(400)
def test_everything_is_judged_once_however_bad_the_api_is(bank: Bank, validator: Supervised) -> None:
    with bank.verified() as verification:
        before = bank.committed(INGESTOR, "bank-transactions")
        producing = bank.produce(*arguments(RECORDS), "--fraudulent-share", "10", "--unidentified-share", "30")
        wait_until(lambda: bank.committed(INGESTOR, "bank-transactions") - before > RECORDS // 2, "half is in", 60)
        os.kill(validator.pid, signal.SIGKILL)
        validator.stop()  # or it would be started again
        end = time.monotonic() + AWAY
        wait_until(lambda: "has not answered" in readiness(bank.settings)["missing"], "the processor says so")
        while time.monotonic() < end:
            assert not readiness(bank.settings)["ready"]
            time.sleep(0.5)
        validator.start()
        verification.expect(summary_of(producing, timeout=60))
