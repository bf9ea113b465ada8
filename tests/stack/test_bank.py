"""A run through the bank pipeline whose servers are stopped meanwhile; tests/soak/test_bank.py has kills instead."""

from __future__ import annotations

import pytest

from tests.stack.bank import INGESTOR, RATE, Bank, arguments, summary_of

RECORDS = 3_000


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
