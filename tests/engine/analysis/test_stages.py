"""A query in two stages writes what it writes in one."""

from __future__ import annotations

import orjson
import pytest

from streamguard.engine.analysis import stages
from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.execution.topology import Record, Topology
from tests.engine.records import applied

SOURCE = "CREATE STREAM i (k STRING KEY, a STRING, n INT, d DECIMAL(6, 2)) WITH (kafka_topic='i', format='JSON');"
QUERIES = [
    "SELECT a, COUNT(*) AS c FROM i GROUP BY a",
    "SELECT UCASE(a) AS big, SUM(n + 1) AS s, SUM(n + 1) * COUNT(*) AS p FROM i WHERE n <> 4 GROUP BY UCASE(a)",
    "SELECT a, n % 2 AS odd, MAX(d) AS most, AS_VALUE(a) AS copy FROM i GROUP BY a, n % 2 HAVING COUNT(*) > 1",
    "SELECT a, COUNT(*) AS c, WINDOWSTART AS since FROM i WINDOW TUMBLING (SIZE 3 SECONDS) GROUP BY a",
    "SELECT a, COLLECT_LIST(n) AS l FROM i WINDOW SESSION (2 SECONDS) GROUP BY a",
    "SELECT 1 AS one, COUNT(n) AS c FROM i GROUP BY 1",
]
RECORDS = [
    Record(None if n == 9 else orjson.dumps({"a": "xyz"[n % 3] if n % 5 else None, "n": n, "d": n}), b'"k"', n * 1000)
    for n in range(20)
]


def plan_of(query: str) -> QueryPlan:
    [found] = applied(f"{SOURCE} CREATE TABLE o AS {query};").queries.values()
    return found.plan


def through(topology: Topology, records: list[tuple[str, Record]]) -> list[tuple[str, Record]]:
    return [made for topic, record in records for made in topology.process(topic, record)]


@pytest.mark.parametrize("query", QUERIES)
def test_two_stages_write_what_one_does(query: str) -> None:
    plan = plan_of(query)
    whole = through(Topology({"Q": plan}), [("i", record) for record in RECORDS])
    first, second = stages.split(plan, "between")
    halves = through(Topology({"Q": second}), through(Topology({"Q": first}), [("i", record) for record in RECORDS]))
    assert whole
    assert halves == whole


def test_only_groups_that_are_not_the_key_need_two_stages() -> None:
    assert stages.needed(plan_of(QUERIES[0]), 2)
    assert not stages.needed(plan_of(QUERIES[0]), 1)
    assert not stages.needed(plan_of("SELECT k, COUNT(*) AS c FROM i GROUP BY k"), 2)


TABLE = "CREATE TABLE i (k STRING PRIMARY KEY, a STRING, n INT, d DOUBLE) WITH (kafka_topic='i', value_format='JSON');"
OF_TABLES = [
    "SELECT a, COUNT(*) AS c FROM i GROUP BY a",
    "SELECT n % 2 AS odd, a, SUM(n + 1) AS s, AVG(d) AS m FROM i WHERE n <> 4 GROUP BY n % 2, a HAVING COUNT(*) > 1",
    "SELECT UCASE(a) AS big, COLLECT_LIST(n) AS l, AS_VALUE(UCASE(a)) AS copy FROM i GROUP BY UCASE(a)",
]
ROWS = [
    Record(
        None if n % 7 == 6 else orjson.dumps({"a": "xyz"[n % 3] if n % 5 else None, "n": n, "d": n / 4}),
        b"klmnopqrs"[n * n % 9 :][:1],
        n * 1000,
    )
    for n in range(60)
]


@pytest.mark.parametrize("query", OF_TABLES)
def test_of_a_table_what_a_row_gave_before_is_taken_back_elsewhere(query: str) -> None:
    [found] = applied(f"{TABLE} CREATE TABLE o WITH (key_format='JSON') AS {query};").queries.values()
    records = [("i", record) for record in ROWS]
    whole = through(Topology({"Q": found.plan}), records)
    first, second = stages.split(found.plan, "between")
    halves = through(Topology({"Q": second}), through(Topology({"Q": first}), records))
    assert whole
    assert halves == whole
