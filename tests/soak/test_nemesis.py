"""Everything that the pipeline runs on is killed and frozen, again and again, while the verifier watches."""

from __future__ import annotations

import pytest

from tests.stack.bank import Bank
from tests.stack.nemesis import Plan
from tests.stack.ordeal import go_through, seed_of

FULL = Plan(kills=20, worker_kills=3, broker_kills=3, freeze=30.0, pause=3.0)
RECORDS = 20_000


@pytest.mark.timeout(1800)
def test_everything_comes_back_by_itself_and_nothing_is_lost_or_repeated(
    bank: Bank, request: pytest.FixtureRequest
) -> None:
    go_through(bank, FULL, seed_of(request.config), at_least=RECORDS)
