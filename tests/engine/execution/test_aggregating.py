"""What aggregations have written in the end is what a plain computation over all records gives."""

# ruff: noqa: S608  statements are made of numbers that the tests chose

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from streamguard.engine.execution.topology import Record, Topology
from tests.engine.records import applied

STREAM = "CREATE STREAM i (k STRING KEY, g STRING, n INT) WITH (kafka_topic='i', value_format='JSON');"
TABLE = STREAM.replace("STREAM i (k STRING KEY", "TABLE i (k STRING PRIMARY KEY")

EVENTS = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.sampled_from(["x", "y", None]), st.integers(-5, 5), st.integers(0, 60)),
    max_size=25,
)
"""Key, group, number, time in seconds."""


def final(statements: str, records: list[Record]) -> dict[bytes, Any]:
    """The last row of every key that the query left in its table."""
    [query] = applied(statements).queries.values()
    topology = Topology({query.id: query.plan})
    table: dict[bytes, Any] = {}
    for record in records:
        for _, made in topology.process("i", record):
            assert made.raw_key is not None
            if made.raw_value is None:
                assert table.pop(made.raw_key, None) is not None, "a row was taken back that was not there"
            else:
                table[made.raw_key] = orjson.loads(made.raw_value)
    return table


def record(key: str, group: str | None, number: int, seconds: int) -> Record:
    return Record(orjson.dumps({"g": group, "n": number}), key.encode(), seconds * 1000)


def windowed(key: str, start: int, end: int | None = None) -> bytes:
    return key.encode() + (struct.pack(">q", start) if end is None else struct.pack(">qq", end, start))


@given(events=EVENTS, size=st.integers(1, 40), part=st.integers(1, 40))
def test_windows_hold_all_records_of_their_time(
    events: list[tuple[str, str | None, int, int]], size: int, part: int
) -> None:
    advance = min(size, part)
    query = (
        f"CREATE TABLE o AS SELECT k, COUNT(*) AS c, SUM(n) AS s FROM i "
        f"WINDOW HOPPING (SIZE {size} SECONDS, ADVANCE BY {advance} SECONDS) GROUP BY k;"
    )
    wanted: dict[bytes, dict[str, int]] = defaultdict(lambda: {"C": 0, "S": 0})
    for key, _, number, seconds in events:
        for start in range(0, seconds + 1, advance):
            if start + size > seconds:
                row = wanted[windowed(key, start * 1000)]
                row["C"] += 1
                row["S"] += number
    assert final(STREAM + query, [record(*each) for each in events]) == wanted


@given(events=EVENTS, gap=st.integers(1, 20))
def test_sessions_do_not_depend_on_the_order_of_the_records(
    events: list[tuple[str, str | None, int, int]], gap: int
) -> None:
    query = f"CREATE TABLE o AS SELECT k, COUNT(*) AS c FROM i WINDOW SESSION ({gap} SECONDS) GROUP BY k;"
    wanted: dict[bytes, dict[str, int]] = {}
    for key in ("a", "b"):
        times = sorted(seconds for other, _, _, seconds in events if other == key)
        sessions: list[list[int]] = []
        for seconds in times:
            if sessions and seconds - sessions[-1][-1] <= gap:
                sessions[-1].append(seconds)
            else:
                sessions.append([seconds])
        for session in sessions:
            wanted[windowed(key, session[0] * 1000, session[-1] * 1000)] = {"C": len(session)}
    assert final(STREAM + query, [record(*each) for each in events]) == wanted


@given(events=EVENTS, grace=st.integers(0, 30))
def test_a_record_counts_if_its_window_is_open_when_it_comes(
    events: list[tuple[str, str | None, int, int]], grace: int
) -> None:
    query = (
        "CREATE TABLE o AS SELECT k, COUNT(*) AS c FROM i "
        f"WINDOW TUMBLING (SIZE 10 SECONDS, GRACE PERIOD {grace} SECONDS) GROUP BY k;"
    )
    wanted: Counter[bytes] = Counter()
    now = 0
    for key, _, _, seconds in events:
        now = max(now, seconds)
        start = seconds // 10 * 10
        if start + 10 > now - grace:
            wanted[windowed(key, start * 1000)] += 1
    made = final(STREAM + query, [record(*each) for each in events])
    assert {key: row["C"] for key, row in made.items()} == wanted


@given(events=EVENTS, gone=st.sets(st.integers(0, 24)))
def test_groups_of_a_table_are_those_of_its_last_rows(
    events: list[tuple[str, str | None, int, int]], gone: set[int]
) -> None:
    """Records at the places `gone` have no value: they end a row."""
    query = "CREATE TABLE o AS SELECT g, COUNT(*) AS c, SUM(n) AS s FROM i WHERE n <> 3 GROUP BY g HAVING COUNT(*) > 0;"
    rows: dict[str, tuple[str | None, int] | None] = {}
    records = []
    for place, (key, group, number, seconds) in enumerate(events):
        rows[key] = None if place in gone else (group, number)
        records.append(
            Record(None, key.encode(), seconds * 1000) if place in gone else record(key, group, number, seconds)
        )
    wanted: dict[bytes, dict[str, int]] = defaultdict(lambda: {"C": 0, "S": 0})
    for row in rows.values():
        if row is not None and row[0] is not None and row[1] != 3:
            wanted[row[0].encode()]["C"] += 1
            wanted[row[0].encode()]["S"] += row[1]
    assert final(TABLE + query, records) == wanted


@given(events=EVENTS)
def test_a_filtered_table_has_the_rows_that_fit(events: list[tuple[str, str | None, int, int]]) -> None:
    query = "CREATE TABLE o AS SELECT k, n FROM i WHERE n > 0;"
    last = {key: number for key, _, number, _ in events}
    wanted = {key.encode(): {"N": number} for key, number in last.items() if number > 0}
    assert final(TABLE + query, [record(*each) for each in events]) == wanted
