"""Whatever an API answers: a right answer for each question, a refusal that it gave, or no answer."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import RecordRefused
from streamguard.services.validation.contract import (
    BATCH,
    MEANINGFUL,
    SINGLE,
    CallFailed,
    CallRefused,
    NoBatchForm,
    Question,
    Verdict,
    answers,
    batch_body,
)
from tests.services.validation.asking import transaction

QUESTIONS = [Question.about(number, transaction(number)) for number in range(3)]
IDS = [question.transaction_id for question in QUESTIONS]
SCALARS = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.sampled_from([*IDS, "", "m"])
NAMES = st.sampled_from(["verdicts", "transaction_id", "is_fraudulent_transaction", "detail", "pointer", "message"])
POINTERS = st.sampled_from(["", "/amount", "/transactions/0", "/transactions/2/amount", "/transactions/9", "x"])
DOCUMENTS = st.recursive(
    SCALARS | POINTERS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner), max_leaves=20
)
VERDICTS = st.builds(
    lambda name, verdict: {"transaction_id": name, "is_fraudulent_transaction": verdict}, st.sampled_from(IDS), SCALARS
)
DETAILS = st.builds(lambda pointer, message: {"pointer": pointer, "message": message}, POINTERS | SCALARS, SCALARS)
LIKELY = (
    st.builds(lambda found: {"verdicts": found}, st.lists(VERDICTS, max_size=4))
    | VERDICTS
    | st.builds(lambda found: {"detail": found}, st.lists(DETAILS | SCALARS, max_size=4))
)


def test_a_batch_is_asked_as_one_document() -> None:
    document = orjson.loads(batch_body(QUESTIONS))
    assert document == {"transactions": [orjson.loads(question.body) for question in QUESTIONS]}


@given(
    st.sampled_from(sorted(MEANINGFUL)) | st.integers(200, 599), (DOCUMENTS | LIKELY).map(orjson.dumps) | st.binary()
)
def test_nothing_that_is_answered_crashes_it_or_makes_a_verdict_that_was_not_given(status: int, content: bytes) -> None:
    for path, asked in ((BATCH, QUESTIONS), (SINGLE, QUESTIONS[:1])):
        try:
            found = answers(path, status, content, asked)
        except (CallFailed, CallRefused, NoBatchForm):
            continue
        assert len(found) == len(asked)
        given_by_api: Any = orjson.loads(content) if status == 200 else None
        for number, answer in enumerate(found):
            if isinstance(answer, Verdict):
                mine = given_by_api["verdicts"][number] if path == BATCH else given_by_api
                assert mine["transaction_id"] == asked[number].transaction_id
                assert mine["is_fraudulent_transaction"] is answer.value
            else:
                assert status in (400, 413, 422)
                assert answer is None or isinstance(answer, RecordRefused)


def test_no_more_than_three_reasons_are_repeated() -> None:
    details = [{"pointer": f"/receiver_details/{name}", "message": "is odd"} for name in ("id", "name", "job", "ssn")]
    [refusal] = answers(SINGLE, 422, orjson.dumps({"detail": details}), QUESTIONS[:1])
    assert str(refusal).count("is odd") == 3


@pytest.mark.parametrize("status", [200, 400, 413, 422, 404, 405])
def test_a_batch_is_never_half_answered(status: int) -> None:
    content = orjson.dumps({"verdicts": [{"transaction_id": IDS[0], "is_fraudulent_transaction": True}]})
    with pytest.raises((CallFailed, CallRefused, NoBatchForm)):
        answers(BATCH, status, content, QUESTIONS)
