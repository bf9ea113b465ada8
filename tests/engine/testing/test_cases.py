"""Runs cases/*.yml: statements, records in, records out, or the error that refuses them.

A case has `statements` and either `error` (a part of the refusal) or `inputs` and `outputs`. A record has `topic`,
`value` and optionally `key`, `time` and `window` (its start and end); `raw` is a value as text that is not what the
columns say. Values in DELIMITED are lines of text. `errors` are parts of what goes to the processing log, in order.
`session` are properties in force. A query that reads what another wrote is fed with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from streamguard.engine.analysis.metastore import Metastore, Source
from streamguard.engine.execution.topology import Record, Topology
from streamguard.errors import StatementError
from tests.conformance.wire import key_bytes, key_of, value_bytes, value_of
from tests.engine.records import applied

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.yml"))
    for case in yaml.safe_load(path.read_text())
]
KEYS = {"name", "statements", "variables", "session", "inputs", "outputs", "errors", "error", "plan"}


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert case.keys() <= KEYS
    if "error" in case:
        with pytest.raises(StatementError, match=re.escape(case["error"])):
            applied(case["statements"], case.get("variables"), case.get("session"))
        return
    metastore = applied(case["statements"], case.get("variables"), case.get("session"))
    if "plan" in case:
        query = next(iter(metastore.queries.values()))
        assert str(query.plan) == case["plan"].rstrip()
    written, errors = feed(metastore, case.get("inputs", []))
    assert [shown(metastore, *each) for each in written] == [full(each) for each in case.get("outputs", [])]
    expected = case.get("errors", [])
    assert len(errors) == len(expected), errors
    for reason, part in zip(errors, expected, strict=True):
        assert part in reason


def feed(metastore: Metastore, inputs: list[dict[str, Any]]) -> tuple[list[tuple[str, Record]], list[str]]:
    """Everything that the queries write and report, with the records of each topic in the order given."""
    errors: list[str] = []
    plans = {query.id: query.plan for query in metastore.queries.values() if not query.paused}
    topology = Topology(plans, lambda _record, _query, reason: errors.append(reason))
    written: list[tuple[str, Record]] = []
    for offset, each in enumerate(inputs):
        source = _source(metastore, each["topic"])
        window = _window(source, each["window"]) if "window" in each else None
        value = each["raw"].encode() if "raw" in each else value_bytes(source, each["value"])
        key = key_bytes(source, each.get("key"), window)
        waiting = [(each["topic"], Record(value, key, each.get("time", 0), offset))]
        while waiting:
            topic, record = waiting.pop(0)
            if topic in topology.topics:
                made = topology.process(topic, record)
                written += made
                waiting += made
    return written, errors


def _source(metastore: Metastore, topic: str) -> Source:
    return next(source for source in metastore.sources.values() if source.topic == topic)


def _window(source: Source, bounds: list[int]) -> dict[str, Any]:
    assert source.window is not None
    kind = "session" if source.window.type == "SESSION" else "time"
    return {"type": kind, "start": bounds[0], "end": bounds[1]}


def full(expected: dict[str, Any]) -> dict[str, Any]:
    return {"key": None, "time": 0, "window": None, **expected}


def shown(metastore: Metastore, topic: str, record: Record) -> dict[str, Any]:
    """A written record in the words of a case."""
    source = _source(metastore, topic)
    key, window = key_of(source, record.raw_key, exact=False)
    value = value_of(source, record.raw_value, exact=False)
    bounds = None if window is None else [window["start"], window["end"]]
    return {"topic": topic, "key": key, "value": value, "time": record.time, "window": bounds}
