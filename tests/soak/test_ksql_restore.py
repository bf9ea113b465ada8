"""Half a million groups: a server says how far it has restored them, and ends in time whenever it is told to."""

# ruff: noqa: S608  statements are made of names that the test chose

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable

import pytest
import requests

from tests.stack.ksql_process import KsqlProcess, Topics, wait_for
from tests.stack.test_ksql_state import DECLARE, ksql, topics

__all__ = ["ksql", "topics"]  # fixtures

GROUPS = 500_000
STOP_SECONDS = 5.0


def groups(numbers: Iterable[int]) -> list[tuple[str, dict[str, object]]]:
    """An event of each group; event times are a millisecond apart."""
    return [(f"k{n % 13}", {"id": n, "kind": f"kind {n}"}) for n in numbers]


@pytest.mark.timeout(600)
def test_a_server_with_much_state_tells_how_far_it_is_and_stops_in_time(ksql: KsqlProcess, topics: Topics) -> None:
    topic, table = topics.make("events", 2), f"{topics.prefix}-t"
    ksql.run(DECLARE.format(topic=topic))
    ksql.run(f"CREATE TABLE t WITH (KAFKA_TOPIC='{table}') AS SELECT kind, COUNT(*) AS n FROM events GROUP BY kind;")
    for first in range(0, GROUPS, 50_000):
        topics.send(topic, groups(range(first, first + 50_000)))
    wait_for(lambda: rows(ksql) == GROUPS, 180, "all groups")
    stops = {"with much state": stopped(ksql)}
    ksql.start()
    told = wait_for(lambda: restoring(ksql), 20, "the restoring to be told")
    [state] = [row["state"] for row in ksql.run("SHOW QUERIES;")[0]["queries"]]
    assert state == "RESTORING"
    assert "streamguard_ksql_restoring_records{" in metrics(ksql)
    stops["while restoring"] = stopped(ksql)
    began = time.monotonic()
    ksql.start()
    ready = time.monotonic() - began
    wait_for(lambda: rows(ksql) == GROUPS and not restoring(ksql), 120, "all groups again")
    restored = time.monotonic() - began
    topics.send(topic, groups(range(0, GROUPS, 50)))
    wait_for(lambda: counts(topics, table)[2] == GROUPS // 50, 60, "the second event of some groups")
    assert counts(topics, table) == Counter({1: GROUPS, 2: GROUPS // 50})
    assert '"event": "restoring CTAS_T_' in ksql.log.read_text()
    print(f"{told}; stops in s: {stops}; ready after {ready:.1f} s, {GROUPS} groups restored after {restored:.1f} s")
    assert max(stops.values()) < STOP_SECONDS
    [size] = [float(line.split()[-1]) for line in metrics(ksql).splitlines() if line.startswith(BYTES)][:1]
    print(f"{size / 1e6:.0f} MB in one partition")


BYTES = "streamguard_ksql_state_bytes{"


def metrics(ksql: KsqlProcess) -> str:
    return requests.get(f"{ksql.client.url}/metrics", timeout=10).text


def rows(ksql: KsqlProcess) -> int:
    """The rows of state in all partitions."""
    found = [line for line in metrics(ksql).splitlines() if line.startswith("streamguard_ksql_state_rows{")]
    return int(sum(float(line.split()[-1]) for line in found))


def restoring(ksql: KsqlProcess) -> dict[str, str]:
    """What the health check says about it."""
    answer = requests.get(f"{ksql.client.url}/healthcheck", timeout=10).json()
    found: dict[str, str] = answer["details"]["queries"].get("restoring", {})
    return found


def stopped(ksql: KsqlProcess) -> float:
    """Stop it with SIGTERM; the seconds that it took."""
    began = time.monotonic()
    assert ksql.stop(STOP_SECONDS) == 0
    return time.monotonic() - began


def counts(topics: Topics, topic: str) -> Counter[int]:
    """How many rows were written with each count."""
    return Counter(json.loads(message.value() or b"{}").get("N") for message in topics.raw(topic))
