"""Runs tests/engine/cases/*.yml: statements, records in, records out, or the error that refuses them.

A case has `statements` and either `error` (a part of the refusal) or `inputs` and `outputs`. A record has `topic`,
`value` and optionally `key`, `time`; `raw` is a value as text that is not what the columns say. `errors` are parts of
what goes to the processing log, in order. A query that reads what another wrote is fed with it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from streamguard.engine.metastore import Metastore
from streamguard.errors import StatementError
from tests.engine.records import Record, Written, applied, key_bytes, run

CASES = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in sorted((Path(__file__).parent / "cases").glob("*.yml"))
    for case in yaml.safe_load(path.read_text())
]


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    assert case.keys() <= {"name", "statements", "variables", "inputs", "outputs", "errors", "error", "plan"}
    if "error" in case:
        with pytest.raises(StatementError, match=re.escape(case["error"])):
            applied(case["statements"], case.get("variables"))
        return
    metastore = applied(case["statements"], case.get("variables"))
    if "plan" in case:
        query = next(iter(metastore.queries.values()))
        assert str(query.plan) == case["plan"].rstrip()
    written = feed(metastore, case.get("inputs", []))
    assert [shown(metastore, *each) for each in written.records] == [full(each) for each in case.get("outputs", [])]
    expected = case.get("errors", [])
    assert len(written.errors) == len(expected), written.errors
    for (_, reason), part in zip(written.errors, expected, strict=True):
        assert part in reason


def feed(metastore: Metastore, inputs: list[dict[str, Any]]) -> Written:
    """Everything that the queries write, with the records of each topic in the order given."""
    written = Written()
    for offset, each in enumerate(inputs):
        source = next(source for source in metastore.sources.values() if source.topic == each["topic"])
        value = each["raw"].encode() if "raw" in each else orjson.dumps(each["value"])
        given = Record(
            None if value == b"null" else value, key_bytes(source, each.get("key")), each.get("time", 0), offset
        )
        made = run(metastore, each["topic"], [given])
        written.errors += made.errors
        waiting = list(made.records)
        while waiting:
            topic, record = waiting.pop(0)
            written.records.append((topic, record))
            further = run(metastore, topic, [record])
            written.errors += further.errors
            waiting += further.records
    return written


def full(expected: dict[str, Any]) -> dict[str, Any]:
    return {"key": None, "time": 0, **expected}


def shown(metastore: Metastore, topic: str, record: Record) -> dict[str, Any]:
    """A written record in the words of a case."""
    source = next(source for source in metastore.sources.values() if source.topic == topic)
    key: Any = record.raw_key
    if record.raw_key is not None and source.keys:
        kind = str(source.keys[0].type)
        if source.key_format == "JSON":
            key = orjson.loads(record.raw_key)
        elif kind in ("INTEGER", "BIGINT"):
            key = int.from_bytes(record.raw_key, "big", signed=True)
        else:
            key = record.raw_key.decode()
    value = None if record.raw_value is None else orjson.loads(record.raw_value)
    return {"topic": topic, "key": key, "value": value, "time": record.time}
