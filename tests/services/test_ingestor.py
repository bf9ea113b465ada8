"""The ingestor decides by the value alone: a topic, nothing, or a refusal."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.errors import ProjectError, RecordRefused
from streamguard.model import Generator, Pipeline, Topic
from streamguard.services.frame import Frame, Service
from streamguard.services.ingestor import decide, route, source_of
from tests.kafka.records import Written, record
from tests.person import PERSON_FIELDS


def transaction(**changes: Any) -> dict[str, Any]:
    person = {name: f"the {name}" for name in PERSON_FIELDS}
    return {
        "transaction_id": "run-1",
        "sender_bank_account": "DE1",
        "sender_details": dict(person),
        "receiver_bank_account": "DE2",
        "receiver_details": dict(person),
        "amount": 12.5,
        "status": "completed",
        "evaluation": "fraudulent",
        "transfer_date": "2024-01-31T12:00:00Z",
        "sender_bank": "A Bank",
    } | changes


def value(**changes: Any) -> bytes:
    return json.dumps(transaction(**changes)).encode()


def without(name: str, inside: str | None = None) -> bytes:
    document = transaction()
    del (document[inside] if inside else document)[name]
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("evaluation", "topic"),
    [("fraudulent", "fraudulent-transactions"), ("unidentified", "unidentified-transactions"), ("legitimate", None)],
)
def test_the_evaluation_decides(evaluation: str, topic: str | None) -> None:
    assert route(value(evaluation=evaluation)) == topic


@pytest.mark.parametrize(
    "accepted",
    [
        pytest.param(value(amount=0), id="nothing paid"),
        pytest.param(value().replace(b"12.5", b"-0.0"), id="minus nothing"),
        pytest.param(value().replace(b"12.5", b"1" * 40), id="forty digits"),
        pytest.param(value().replace(b"12.5", b"0.12345678901234567890"), id="many decimals"),
        pytest.param(value(status="a\x00b"), id="a NUL in a text"),
        pytest.param(value(status="\u202eabc\u200b"), id="right to left, and of no width"),
        pytest.param(value(transfer_date="2024-02-30"), id="a day that does not exist, for those who read dates"),
        pytest.param(value(receiver_bank_account="DE1"), id="sender is receiver"),
        pytest.param(b"\n " + value() + b"\r\n", id="white space around it"),
    ],
)
def test_what_is_odd_but_a_transaction_passes_as_it_is(accepted: bytes) -> None:
    assert route(accepted) == "fraudulent-transactions"


def test_fields_that_nobody_asked_for_are_no_reason_to_refuse() -> None:
    assert route(value(channel="web", note='"evaluation": "legitimate"')) == "fraudulent-transactions"


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        pytest.param(None, "E_EMPTY", id="no value"),
        pytest.param(b"", "E_JSON", id="an empty value"),
        pytest.param(b"  \n", "E_JSON", id="white space"),
        pytest.param(b"\xff\xfe", "E_JSON", id="no UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + value(), "E_JSON", id="a byte order mark"),
        pytest.param(value()[:-1], "E_JSON", id="cut off"),
        pytest.param(value() + b"x", "E_JSON", id="something after the end"),
        pytest.param(b"\x00\x00\x00\x00\x07" + value(), "E_JSON", id="a schema registry's prefix"),
        pytest.param(gzip.compress(value()), "E_JSON", id="compressed by its producer"),
        pytest.param(b"\x00" * 1_048_576, "E_JSON", id="a megabyte of nothing"),
        pytest.param(b"[" * 100_000, "E_JSON", id="deep nesting, open"),
        pytest.param(b"[" * 900 + b"]" * 900, "E_SCHEMA", id="deep nesting, closed"),
        pytest.param(b"null", "E_SCHEMA", id="null"),
        pytest.param(b"[]", "E_SCHEMA", id="an array"),
        pytest.param(b"7", "E_SCHEMA", id="a number"),
        pytest.param(value().replace(b"12.5", b"NaN"), "E_JSON", id="NaN"),
        pytest.param(value().replace(b"12.5", b"1e999"), "E_JSON", id="infinite"),
        pytest.param(value(status="\ud800"), "E_JSON", id="half a character"),
        pytest.param(value(evaluation="Fraudulent"), "E_EVALUATION", id="another case"),
        pytest.param(value(evaluation=" fraudulent"), "E_EVALUATION", id="a space"),
        pytest.param(value(evaluation="odd"), "E_EVALUATION", id="an unknown evaluation"),
        pytest.param(value(evaluation=None), "E_EVALUATION", id="no evaluation"),
        pytest.param(value(evaluation=["fraudulent"]), "E_EVALUATION", id="a list of evaluations"),
        pytest.param(value(amount="12.5"), "E_SCHEMA", id="an amount as text"),
        pytest.param(value(amount=True), "E_SCHEMA", id="an amount that is true"),
        pytest.param(value(amount=None), "E_SCHEMA", id="no amount"),
        pytest.param(value(amount=-0.01), "E_RANGE", id="a negative amount"),
        pytest.param(value(transaction_id=""), "E_SCHEMA", id="an empty id"),
        pytest.param(value(transaction_id=5), "E_SCHEMA", id="a number for an id"),
        pytest.param(value(sender_details=None), "E_SCHEMA", id="no sender"),
        pytest.param(value(sender_details=[]), "E_SCHEMA", id="a list for a sender"),
        pytest.param(without("receiver_details"), "E_SCHEMA", id="a missing receiver"),
        pytest.param(without("ssn", "receiver_details"), "E_SCHEMA", id="a person without a field"),
        pytest.param(
            value(evaluation="legitimate")[:-1] + b', "evaluation": "fraudulent"}', "E_DUPLICATE", id="two evaluations"
        ),
        pytest.param(
            value()[:-1] + b', "\\u0065valuation": "legitimate"}', "E_DUPLICATE", id="two evaluations, one disguised"
        ),
        pytest.param(value()[:-1] + b', "amount": 1}', "E_DUPLICATE", id="two amounts"),
    ],
)
def test_what_is_no_transaction_is_refused_with_a_code(refused: bytes | None, code: str) -> None:
    with pytest.raises(RecordRefused) as caught:
        route(refused)
    assert caught.value.code == code


def test_a_nested_field_of_the_same_name_is_no_duplicate() -> None:
    assert route(value(extra={"evaluation": "x", "amount": 1})) == "fraudulent-transactions"


def test_a_reason_never_says_what_is_in_a_field() -> None:
    for secret in (value(evaluation="SECRET"), value(amount="SECRET"), value(sender_details="SECRET"), b"SECRET"):
        with pytest.raises(RecordRefused) as caught:
            route(secret)
        assert "SECRET" not in str(caught.value)


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(junk: bytes) -> None:
    with pytest.raises(RecordRefused):
        route(junk)


@given(st.data())
def test_a_transaction_with_any_value_in_any_field_is_routed_or_refused(data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
    changed = transaction(**{data.draw(st.sampled_from(sorted(transaction()))): data.draw(anything)})
    try:
        topic = route(json.dumps(changed).encode())
    except RecordRefused:
        return
    assert (topic or "legitimate").removesuffix("-transactions") == changed["evaluation"]


def test_every_record_is_counted_on_both_sides_and_passes_unchanged() -> None:
    written = Written()
    frame = Frame(Service("ingestor", "g", "bank-transactions", 0, decide=decide))
    batch = [
        record(value(), key=b"DE1", headers=[("run", b"7")]),
        record(value(evaluation="unidentified"), key=None),
        record(value(evaluation="legitimate")),
        record(b"{"),
        record(None),
    ]

    handle = frame.handle
    assert callable(handle)
    handle(batch, written)
    frame.counts.commit()

    totals, _ = frame.counts.totals()
    assert written.records[0] == ("fraudulent-transactions", value(), b"DE1", 1700000000000, [("run", b"7")])
    assert written.records[1][:3] == ("unidentified-transactions", value(evaluation="unidentified"), None)
    assert [entry[0] for entry in written.records[2:]] == ["bank-transactions-dead-letter"] * 2
    assert totals == {
        ("in", "bank-transactions"): 5,
        ("out",): 2,
        ("written", "fraudulent-transactions"): 1,
        ("written", "unidentified-transactions"): 1,
        ("filtered", "legitimate"): 1,
        ("dead_letter", "bank-transactions-dead-letter", "E_JSON"): 1,
        ("dead_letter", "bank-transactions-dead-letter", "E_EMPTY"): 1,
    }


def test_a_pipeline_without_a_topic_that_is_written_to_is_refused() -> None:
    topics = tuple(Topic(name, 1) for name in ("t", "fraudulent-transactions", "unidentified-transactions"))
    pipeline = Pipeline("odd", topics, (), Generator("bank", "t", 1), None, None)
    with pytest.raises(ProjectError, match=r"init/odd\.yml has no topic t-dead-letter"):
        source_of(pipeline)
