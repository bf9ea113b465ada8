"""A cut of tests/soak/test_nemesis.py: every point of a loop and every server once."""

from __future__ import annotations

import pytest

from tests.stack.bank import Bank
from tests.stack.nemesis import Plan
from tests.stack.ordeal import go_through, seed_of

CUT = Plan(kills=1, worker_kills=1, broker_kills=1, freeze=2.0, pause=0.5, shared=True)

BUSY, SLOW = 60.0, 15.0
"""Seconds to come back in, and for an answer of `status`: something else runs on this machine. The whole of it holds 30
seconds, and 3."""


@pytest.mark.timeout(400)
def test_everything_comes_back_by_itself_and_nothing_is_lost_or_repeated(
    bank: Bank, request: pytest.FixtureRequest
) -> None:
    go_through(bank, CUT, seed_of(request.config), limit=BUSY, slowest=SLOW)
