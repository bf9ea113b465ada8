"""A verifier that can not fail proves nothing: every build that breaks a promise must be caught, and as what it is."""

from __future__ import annotations

import pytest

from tests.stack.bank import Bank
from tests.stack.sabotage import CASES, Case, faults_of


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.build)
def test_a_broken_promise_is_caught(bank: Bank, case: Case) -> None:
    found = faults_of(bank, case)
    print(f"\n{case.build}: {dict(found)}")
    assert any(found[fault] for fault in case.caught_as), found
