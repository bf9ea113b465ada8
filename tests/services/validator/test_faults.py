"""A validator that is bad on purpose: as bad as it was told to be, and the same way every time."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import pytest

from streamguard.services.validator import faults
from streamguard.services.validator.answers import Validator
from streamguard.services.validator.app import BATCH, SINGLE, application
from streamguard.services.validator.faults import GARBAGE, Faults, Spoiler
from streamguard.services.validator.http import Question
from streamguard.services.validator.rulebook import Rulebook
from tests.services.validator.asgi import GONE, ask, piece, post
from tests.services.validator.questions import SHIPPED, transaction

RULEBOOK = Rulebook(SHIPPED)
ASKED = json.dumps(transaction()).encode()
BATCHED = json.dumps({"transactions": [transaction(), transaction(transaction_id="t-2")]}).encode()


def draws(given: Faults, number: int = 2000) -> list[str]:
    spoiler = Spoiler(given)
    return [spoiler.draw()[0] for _ in range(number)]


def test_the_same_seed_spoils_the_same_calls() -> None:
    bad = Faults(fail=10, hang=5, garbage=20, seed=7)
    assert draws(bad) == draws(bad)
    assert draws(bad) != draws(Faults(fail=10, hang=5, garbage=20, seed=8))


def test_as_many_calls_are_spoilt_as_was_asked_for() -> None:
    found = Counter(draws(Faults(fail=10, busy=5, hang=2.5, garbage=20), 10_000))
    expected = {"fail": 1000, "busy": 500, "hang": 250, "garbage": 2000, "none": 6250}
    assert {kind: abs(found[kind] - number) < 150 for kind, number in expected.items()} == dict.fromkeys(expected, True)


def test_nothing_stands_in_front_of_the_questions_when_all_is_off() -> None:
    assert all(
        isinstance(question, Question) for question in application(Validator(RULEBOOK), Faults()).questions.values()
    )


@pytest.mark.parametrize(("given", "status"), [(Faults(fail=100), 500), (Faults(busy=100, retry_after=7), 503)])
def test_calls_fail(given: Faults, status: int) -> None:
    start, _ = asyncio.run(ask(application(Validator(RULEBOOK), given), SINGLE, piece(ASKED)))
    assert start["status"] == status
    assert ((b"retry-after", b"7") in start["headers"]) == (status == 503)


def test_a_late_answer_is_right() -> None:
    late = application(Validator(RULEBOOK), Faults(delay_ms=1))
    assert post(late, SINGLE, ASKED) == post(application(Validator(RULEBOOK), Faults()), SINGLE, ASKED)


def test_a_call_hangs_until_the_caller_leaves() -> None:
    assert asyncio.run(ask(application(Validator(RULEBOOK), Faults(hang=100)), SINGLE, piece(ASKED), GONE)) == []


@pytest.mark.parametrize("number", range(len(GARBAGE)))
@pytest.mark.parametrize(("path", "body"), [(SINGLE, ASKED), (BATCH, BATCHED), (SINGLE, b"{}")])
def test_garbage_is_no_right_answer(monkeypatch: pytest.MonkeyPatch, number: int, path: str, body: bytes) -> None:
    right = application(Validator(RULEBOOK), Faults())
    monkeypatch.setattr(faults, "GARBAGE", [GARBAGE[number]])
    bad = application(Validator(RULEBOOK), Faults(garbage=100))
    start, content = asyncio.run(ask(bad, path, piece(body)))
    well, answer = asyncio.run(ask(right, path, piece(body)))
    assert (start["status"], content["body"]) != (well["status"], answer["body"])
    assert start["status"] in (200, 307)
