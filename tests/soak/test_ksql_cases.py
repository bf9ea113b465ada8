"""Cases of statements on a live server: judged as in memory, and nothing of them is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.engine.testing.case_files import case_files, read_cases
from streamguard.engine.testing.cases import Case, Given, Script
from streamguard.engine.testing.differences import Wanted
from streamguard.engine.testing.live_cases import LiveCases
from streamguard.kafka.cluster import Cluster
from tests.stack.ksql_process import REPOSITORY, KsqlProcess, server

__all__ = ["server"]  # a fixture

SQL = """
CREATE TYPE pay AS STRUCT<amount DOUBLE>;
CREATE STREAM tx (card STRING KEY, p PAY) WITH (kafka_topic='tx', value_format='JSON');
CREATE TABLE spend AS SELECT tx.card AS card, SUM(p->amount) AS total FROM tx
  WINDOW TUMBLING (SIZE 30 SECONDS) GROUP BY card EMIT CHANGES;
"""


def paid(amount: float) -> Given:
    return Given("tx", "c1", {"p": {"amount": amount}}, time=1_000_000)


@pytest.mark.timeout(600)
def test_the_shipped_cases_pass_on_a_server_and_leave_nothing(server: KsqlProcess) -> None:
    live = LiveCases(server.client, server.settings)
    for path in case_files([Path(REPOSITORY) / "ksql"]):
        assert {case.name: live.judge(case) for case in read_cases(path)} == {
            case.name: [] for case in read_cases(path)
        }
    assert [server.run(f"SHOW {what};")[0][what.lower()] for what in ("STREAMS", "TABLES", "QUERIES")] == [[], [], []]
    assert not [topic for topic in Cluster(server.settings).partitions() if topic.startswith("users_")]


def test_what_differs_on_a_server_is_told_as_in_memory(server: KsqlProcess) -> None:
    outputs = {"SPEND": (Wanted("c1", {"TOTAL": 10}, window=(990_000, 1_020_000)), Wanted("c1", {"TOTAL": 16}))}
    case = Case("x", (Script("x.sql", SQL),), inputs=(paid(10), paid(5)), outputs=outputs)
    [told] = LiveCases(server.client, server.settings).judge(case)
    expected = "SPEND, record 2: the window is 990000 to 1020000, not none; TOTAL is 15.0, not 16"
    assert told.splitlines()[0] == expected


def test_a_refusal_of_the_server_can_be_what_is_expected(server: KsqlProcess) -> None:
    scripts = (Script("x.sql", SQL), Script("y.sql", "CREATE STREAM o AS SELECT nope FROM tx;"))
    live = LiveCases(server.client, server.settings)
    assert live.judge(Case("x", scripts, error="NOPE")) == []
    assert live.judge(Case("x", scripts[:1], error="NOPE")) == [
        "all statements were taken, none was refused with 'NOPE'"
    ]
