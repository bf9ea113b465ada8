"""State written as records and read back is the same state, and goes on in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.changelog import Changelog, topic
from streamguard.engine.execution.compile import compile_source, new_state
from streamguard.engine.execution.state import State
from streamguard.engine.execution.topology import Record
from tests.engine.records import Written, applied

EVENTS = "STREAM e (k STRING KEY"
ROWS = "TABLE e (k STRING PRIMARY KEY"
AGGREGATES = "COUNT(*) AS n, SUM(d) AS d, MAX(s) AS m, COLLECT_LIST(s) AS l, AVG(x) AS v, LATEST_BY_OFFSET(a) AS b"
QUERIES = {
    "groups": (EVENTS, f"s, {AGGREGATES} FROM e GROUP BY s"),
    "having": (EVENTS, "k, COUNT(*) AS n FROM e GROUP BY k HAVING COUNT(*) < 3"),
    "tumbling": (
        EVENTS,
        f"k, {AGGREGATES} FROM e "
        "WINDOW TUMBLING (SIZE 10 SECONDS, RETENTION 40 SECONDS, GRACE PERIOD 5 SECONDS) GROUP BY k",
    ),
    "hopping": (
        EVENTS,
        "k, COUNT(*) AS n FROM e "
        "WINDOW HOPPING (SIZE 10 SECONDS, ADVANCE BY 5 SECONDS, GRACE PERIOD 0 SECONDS) GROUP BY k",
    ),
    "session": (EVENTS, f"k, {AGGREGATES} FROM e WINDOW SESSION (5 SECONDS) GROUP BY k"),
    "table": (ROWS, "s, a, COUNT(*) AS n, SUM(d) AS d, AVG(x) AS v FROM e GROUP BY s, a"),
    "filtered table": (ROWS, "* FROM e WHERE a > 1"),
}
VALUES = st.none() | st.fixed_dictionaries(
    {
        "a": st.integers(0, 3),
        "d": st.sampled_from([1.25, 2, None, -3.5]),
        "x": st.sampled_from([0.5, None, 1e300, "NaN"]),
        "s": st.sampled_from(["u", "v", "ä", None]),
    }
)
RECORDS = st.builds(
    lambda key, value, time, partition: Record(
        None if value is None else orjson.dumps(value), orjson.dumps(key), time, in_partition=partition
    ),
    st.sampled_from(["k", "l"]),
    VALUES,
    st.integers(0, 60_000),
    st.integers(0, 1),
)


@cache
def planned(name: str) -> QueryPlan:
    source, select = QUERIES[name]
    columns = ", a INT, d DECIMAL(6, 2), x DOUBLE, s STRING) WITH (kafka_topic='e', format='JSON');"
    (query,) = applied(f"CREATE {source}{columns} CREATE TABLE o AS SELECT {select};").queries.values()
    return query.plan


def worked(plan: QueryPlan, state: State, records: Sequence[Record]) -> list[tuple[str, Record]]:
    written = Written()
    compile_source({"q": plan}, {"q": state})(records, written.produce, written.on_error)
    return written.records


def restored(plan: QueryPlan, logs: dict[int, dict[bytes, bytes | None]]) -> State:
    state, changelog = new_state(plan), Changelog(plan)
    for partition, log in logs.items():
        for key, value in log.items():
            changelog.restore(state, partition, key, value)
    return state


def logged(changelog: Changelog, state: State, logs: dict[int, dict[bytes, bytes | None]]) -> None:
    """What a compacted topic would keep: of each key the last record, in its place."""
    for partition in (0, 1):
        for key, value in changelog.entries(state, partition):
            logs[partition].pop(key, None)
            logs[partition][key] = value


@pytest.mark.parametrize("name", QUERIES)
@settings(max_examples=25)
@given(data=st.data())
def test_a_query_goes_on_from_its_changelog_as_if_nothing_had_happened(name: str, data: st.DataObject) -> None:
    plan = planned(name)
    state, changelog = new_state(plan), Changelog(plan)
    logs: dict[int, dict[bytes, bytes | None]] = {0: {}, 1: {}}
    for batch in data.draw(st.lists(st.lists(RECORDS, max_size=5), max_size=3)):
        worked(plan, state, batch)
        logged(changelog, state, logs)
    again = restored(plan, logs)
    further = data.draw(st.lists(RECORDS, min_size=1, max_size=6))
    assert worked(plan, again, further) == worked(plan, state, further)


def test_a_batch_that_changes_nothing_writes_nothing() -> None:
    plan = planned("groups")
    state, changelog = new_state(plan), Changelog(plan)
    worked(plan, state, [Record(b'{"s": "u"}', b'"k"', 5)])
    first = list(changelog.entries(state, 0))
    assert len(first) == 1
    assert list(changelog.entries(state, 0)) == []


def test_the_records_say_what_they_are() -> None:
    plan = planned("hopping")
    state, changelog = new_state(plan), Changelog(plan)
    worked(plan, state, [Record(b"{}", b'"k"', 7_000)])
    made = dict(changelog.entries(state, 0))
    starts = [(0).to_bytes(8, "big"), (5_000).to_bytes(8, "big")]
    assert made == {
        b"w" + starts[0] + b'"k"': b"[7000,false,1]",
        b"w" + starts[1] + b'"k"': b"[7000,false,1]",
        b"t": b"7000",
    }
    assert topic("bank", "CTAS_O_3") == "_streamguard-ksql-bank-CTAS_O_3-changelog"


FOREIGN: list[tuple[bytes, Any]] = [(b"", b"[]"), (b"z", b"[]"), (b"w", b"[]"), (b"rk", b"[1,false]"), (b"s12", b"[]")]


@pytest.mark.parametrize(("key", "value"), FOREIGN)
def test_a_record_of_another_kind_is_refused(key: bytes, value: bytes) -> None:
    plan = planned("tumbling")
    with pytest.raises(ValueError, match=r"changelog|JSON"):
        Changelog(plan).restore(new_state(plan), 0, key, value)
