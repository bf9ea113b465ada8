"""The ingestor decides by the value alone: a topic, nothing, or a refusal."""

from __future__ import annotations

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
from tests.malformed import TRANSACTION


def value(**changes: Any) -> bytes:
    return json.dumps({**TRANSACTION, **changes}).encode()


@pytest.mark.parametrize(
    ("evaluation", "topic"),
    [("fraudulent", "fraudulent-transactions"), ("unidentified", "unidentified-transactions"), ("legitimate", None)],
)
def test_the_evaluation_decides(evaluation: str, topic: str | None) -> None:
    assert route(value(evaluation=evaluation)) == topic


@given(st.binary(max_size=200))
def test_no_bytes_crash_it(junk: bytes) -> None:
    with pytest.raises(RecordRefused):
        route(junk)


@given(st.data())
def test_a_transaction_with_any_value_in_any_field_is_routed_or_refused(data: st.DataObject) -> None:
    scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    anything = st.recursive(scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)
    changed = {**TRANSACTION, data.draw(st.sampled_from(sorted(TRANSACTION))): data.draw(anything)}
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
