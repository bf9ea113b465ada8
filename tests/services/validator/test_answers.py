"""The same question gets the same answer, whatever became of the rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streamguard.services.validator.answers import KeyTaken, Remembered, Validator
from streamguard.services.validator.contract import BodyRefused, Verdict
from streamguard.services.validator.judgement import Judge, judge_by
from tests.services.validator.questions import NOBODY, rules, transaction

STRICT, LENIENT = judge_by(rules(threshold=1), NOBODY), judge_by(rules(threshold=100), NOBODY)
ASKED = transaction(sender_bank="Bad Bank")


@dataclass
class PlayedRulebook:
    judge: Judge


def validator(judge: Judge = STRICT) -> Validator:
    played: Any = PlayedRulebook(judge)
    return Validator(played)


def test_a_key_gets_its_first_verdict_even_if_the_rules_change_meanwhile() -> None:
    asked = validator(STRICT)
    first = asked.validate(ASKED, "k")
    asked.rulebook.judge = LENIENT
    assert asked.validate(dict(ASKED), "k") == first  # type: ignore[arg-type]
    assert asked.validate(ASKED, "another").is_fraudulent_transaction is False
    assert asked.validate(ASKED, None).is_fraudulent_transaction is False
    assert (asked.fraudulent, asked.legitimate, asked.repeated) == (1, 2, 1)


def test_in_a_batch_the_id_is_the_key_and_shared_with_single_calls() -> None:
    asked = validator(STRICT)
    batch = [transaction(transaction_id=f"t-{number}", sender_bank="Bad Bank") for number in (1, 2, 1)]
    verdicts = asked.validate_batch(batch)
    assert [verdict.transaction_id for verdict in verdicts] == ["t-1", "t-2", "t-1"]
    asked.rulebook.judge = LENIENT
    assert asked.validate(batch[1], "t-2") == verdicts[1]


@pytest.mark.parametrize(
    "other",
    [
        transaction(amount=11.0, sender_bank="Bad Bank"),
        transaction({"ssn": None}, sender_bank="Bad Bank"),
        transaction({"ssn": ""}, sender_bank="Bad Bank"),
        transaction(transaction_id="t-2", sender_bank="Bad Bank"),
    ],
)
def test_a_key_that_comes_with_another_transaction_is_refused(other: Any) -> None:
    asked = validator()
    asked.validate(ASKED, "k")
    with pytest.raises(BodyRefused) as raised:
        asked.validate(other, "k")
    assert [problem["pointer"] for problem in raised.value.problems] == [""]


def test_a_batch_with_taken_keys_names_each_of_them() -> None:
    asked = validator()
    asked.validate(ASKED, "t-1")
    batch = [transaction(transaction_id="t-0"), transaction(amount=1.0), transaction(transaction_id="t-0", amount=2.0)]
    with pytest.raises(BodyRefused) as raised:
        asked.validate_batch(batch)
    assert [problem["pointer"] for problem in raised.value.problems] == ["/transactions/1", "/transactions/2"]


def test_as_many_answers_are_remembered_as_promised_and_at_most_twice_as_many() -> None:
    remembered = Remembered(limit=10)
    verdict = Verdict("t", True, 1.0, ())
    for number in range(95):
        remembered.keep(str(number), number, verdict)
    known = [number for number in range(95) if remembered.find(str(number), number)]
    assert known == list(range(95 - len(known), 95))
    assert 10 <= len(known) <= 20
    with pytest.raises(KeyTaken):
        remembered.find("94", 0)
