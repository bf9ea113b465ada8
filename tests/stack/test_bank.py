"""The bank pipeline end to end: what `produce` wrote is in MongoDB and in S3, by id, whatever is killed meanwhile."""

from __future__ import annotations

import pytest

from tests.stack.bank import ENGINE, INGESTOR, RATE, Bank, Killer, arguments, in_transaction, summary_of

FULL = 20_000


@pytest.fixture
def records(request: pytest.FixtureRequest) -> int:
    """How many records a run has: 3,000, or with --soak the 20,000 of the README."""
    return FULL if request.config.getoption("--soak") else 3_000


@pytest.mark.timeout(300)
def test_every_record_of_a_run_is_everywhere_once(bank: Bank, records: int) -> None:
    with bank.verified() as verification:
        summary = summary_of(bank.produce(*arguments(records)), timeout=records / RATE + 30)
        verification.expect(summary)
    assert summary["acknowledged"] == records


@pytest.mark.timeout(300)
def test_nothing_is_lost_or_repeated_when_the_stack_is_stopped_and_started_meanwhile(bank: Bank, records: int) -> None:
    with bank.verified() as verification:
        producing = bank.produce(*arguments(records))
        while bank.lag(INGESTOR, "bank-transactions") == 0:  # it has begun
            assert producing.poll() is None
        bank.stack.stop()
        bank.up()
        summary = summary_of(producing, timeout=records / RATE + 60)
        verification.expect(summary)
    assert summary["acknowledged"] == records


@pytest.mark.timeout(400)
def test_nothing_is_lost_or_repeated_through_22_kills(bank: Bank, request: pytest.FixtureRequest) -> None:
    """Ten of the ingestor, ten of the ksql server, two of the Connect worker; each in a transaction, or with lag.

    With --soak, when nothing else runs, the median from a kill to the next commit is below two seconds.
    """
    limit = 2.0 if request.config.getoption("--soak") else 6.0
    settings = bank.settings
    sinks = "connect-transactions-mongodb-sink"
    killers = [
        Killer(
            bank,
            "ingestor",
            10,
            is_busy=lambda: in_transaction(settings, f"{INGESTOR}.0"),
            committed=lambda: bank.committed(INGESTOR, "bank-transactions"),
            pause=1.0,
        ),
        Killer(
            bank,
            "ksql",
            10,
            is_busy=lambda: in_transaction(settings, f"{ENGINE}.0"),
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
        producing = bank.produce(*arguments(FULL))
        for killer in killers:
            killer.start()
        verification.expect(summary_of(producing, timeout=FULL / RATE + 60))
        while any(killer.is_alive for killer in killers):  # a kill counts only while there is something to do
            verification.expect(summary_of(bank.produce(*arguments(1_000)), timeout=30))
        for killer in killers:
            killer.check()
    medians = {killer.program: round(killer.median, 2) for killer in killers}
    print(f"22 kills: median recovery {medians}")
    assert medians["ingestor"] < limit
    assert medians["ksql"] < limit
