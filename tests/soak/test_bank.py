"""Runs through the bank pipeline in the sizes of the README: undisturbed, with a stop, with kills of programs."""

from __future__ import annotations

import os
import signal
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.stack.bank import INGESTOR, RATE, Bank, arguments, summary_of
from tests.stack.loops import in_transaction

RECORDS = 20_000
MEDIAN = 2.0
"""Seconds from a kill to the next commit, when nothing else runs."""
ENGINE = "sg.ksql.default.fraudulent-transactions"


@pytest.mark.timeout(300)
def test_every_record_of_a_run_is_everywhere_once(bank: Bank) -> None:
    with bank.verified() as verification:
        summary = summary_of(bank.produce(*arguments(RECORDS)), timeout=RECORDS / RATE + 30)
        verification.expect(summary)
    assert summary["acknowledged"] == RECORDS


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_repeated_when_the_stack_is_stopped_and_started_meanwhile(bank: Bank) -> None:
    with bank.verified() as verification:
        producing = bank.produce(*arguments(RECORDS))
        while bank.lag(INGESTOR, "bank-transactions") == 0:  # it has begun
            assert producing.poll() is None
        bank.stack.stop()
        bank.up()
        summary = summary_of(producing, timeout=RECORDS / RATE + 60)
        verification.expect(summary)
    assert summary["acknowledged"] == RECORDS


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_repeated_through_22_kills(bank: Bank) -> None:
    """Ten of the ingestor, ten of the ksql server, two of the Connect worker; each in a transaction, or with lag."""
    settings = bank.settings
    sinks = "connect-transactions-mongodb-sink"
    killers = [
        Killer(
            bank,
            "ingestor",
            10,
            is_busy=lambda: in_transaction(settings, INGESTOR),
            committed=lambda: bank.committed(INGESTOR, "bank-transactions"),
            pause=1.0,
        ),
        Killer(
            bank,
            "ksql",
            10,
            is_busy=lambda: in_transaction(settings, ENGINE),
            committed=lambda: bank.committed(ENGINE, "fraudulent-transactions"),
            pause=1.0,
        ),
        Killer(
            bank,
            "connect",
            2,
            is_busy=lambda: bank.lag(sinks, "fraudulent-transactions-result") > 0,
            committed=lambda: bank.committed(sinks, "fraudulent-transactions-result"),
            pause=2.0,
        ),
    ]
    with bank.verified() as verification:
        producing = bank.produce(*arguments(RECORDS))
        for killer in killers:
            killer.start()
        verification.expect(summary_of(producing, timeout=RECORDS / RATE + 60))
        while any(killer.is_alive for killer in killers):  # a kill counts only while there is something to do
            verification.expect(summary_of(bank.produce(*arguments(1_000)), timeout=30))
        for killer in killers:
            killer.check()
    medians = {killer.program: round(killer.median, 2) for killer in killers}
    print(f"22 kills: median recovery {medians}")
    assert medians["ingestor"] < MEDIAN
    assert medians["ksql"] < MEDIAN


@dataclass
class Killer:
    """Kills one program with SIGKILL until `wanted` kills counted: those that hit an open transaction, or lag.

    `recoveries`: seconds from each kill to the next commit of the program's group.
    """

    bank: Bank
    program: str
    wanted: int
    is_busy: Callable[[], bool]
    committed: Callable[[], int]
    pause: float
    recoveries: list[float] = field(default_factory=list)
    error: Exception | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._run, name=f"killer-{self.program}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def check(self) -> None:
        """Raise what went wrong."""
        if self.error is not None:
            raise self.error
        assert len(self.recoveries) == self.wanted

    @property
    def median(self) -> float:
        return statistics.median(self.recoveries)

    def _run(self) -> None:
        try:
            while len(self.recoveries) < self.wanted:
                self._kill()
                time.sleep(self.pause)
        except Exception as exc:  # noqa: BLE001  raised by `check`
            self.error = exc

    def _kill(self) -> None:
        pid = self.bank.pid(self.program)
        if pid is None:
            time.sleep(0.05)
            return
        before = self.committed()
        while not self.is_busy():
            time.sleep(0.0005)
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        while self.committed() <= before:
            assert time.monotonic() - killed < 60, f"{self.program} has not committed for 60 s after a kill"
            time.sleep(0.02)
        self.recoveries.append(time.monotonic() - killed)
