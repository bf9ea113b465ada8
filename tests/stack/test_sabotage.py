"""One of the builds of tests/soak/test_sabotage.py, so that a verifier that has gone blind is noticed."""

from __future__ import annotations

import pytest

from tests.stack.bank import Bank
from tests.stack.sabotage import CASES, Case, faults_of

QUICK = ("torn",)


@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", [case for case in CASES if case.build in QUICK], ids=lambda case: case.build)
def test_a_broken_promise_is_caught(bank: Bank, case: Case) -> None:
    found = faults_of(bank, case)
    assert any(found[fault] for fault in case.caught_as), found
