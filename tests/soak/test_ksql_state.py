"""200,000 records through queries that remember, while the ksql server is killed twenty times.

A kill counts only if the server had an open transaction or records were waiting. What was written is compared with a
reference that was computed offline: every update of every group, each exactly once.
"""

# ruff: noqa: S608  statements are made of names that the tests chose

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.stack.ksql_process import KsqlProcess, Topics, wait_for
from tests.stack.test_ksql_state import DECLARE, KINDS, counts, events, ksql, topics, updates

__all__ = ["ksql", "topics"]  # fixtures

RECORDS = 200_000
KILLS = 20
PART = RECORDS // KILLS


@pytest.mark.timeout(900)
def test_twenty_kills_lose_and_repeat_no_update(
    ksql: KsqlProcess,
    topics: Topics,
    request: pytest.FixtureRequest,
) -> None:
    seed = request.config.getoption("--seed") or random.randrange(2**32)
    print(f"--seed {seed}")
    chance = random.Random(seed)
    topic = topics.make("events", 4)
    by_key, by_kind = f"{topics.prefix}-by-key", f"{topics.prefix}-by-kind"
    ksql.run(DECLARE.format(topic=topic))
    ksql.run(
        f"CREATE TABLE by_key WITH (KAFKA_TOPIC='{by_key}') AS SELECT k, COUNT(*) AS n FROM events "
        "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k;"
    )
    ksql.run(
        f"CREATE TABLE by_kind WITH (KAFKA_TOPIC='{by_kind}') AS SELECT kind, COUNT(*) AS n FROM events GROUP BY kind;"
    )
    group = f"sg.ksql.{ksql.settings.ksql_service_id}.{topic}"
    sent = counted = 0
    restarts: list[float] = []
    while counted < KILLS:
        assert sent < 2 * RECORDS, "the kills came too late"
        written = sum(topics.ends(by_key).values())
        topics.send(topic, events(sent, PART))
        sent += PART
        wait_for(lambda: sum(topics.ends(by_key).values()) > written, 30, "progress before the kill")  # noqa: B023
        time.sleep(chance.uniform(0, 0.3))  # where in its work the server is hit
        ksql.kill()
        counted += topics.lag(topic, group) > 0
        began = time.monotonic()
        ksql.start()
        restarts.append(time.monotonic() - began)
    windows = Counter(f"k{n % 13}".encode() + (n // 10_000 * 10_000).to_bytes(8, "big") for n in range(sent))
    kinds = Counter(KINDS[n % len(KINDS)].encode() for n in range(sent))
    for name, groups in ((by_key, windows), (by_kind, kinds)):
        wait_for(lambda: counts(topics, name).total() >= sent, 180, f"{sent} updates in {name}")  # noqa: B023
        assert counts(topics, name) == updates(groups)
    half = sorted(restarts)[len(restarts) // 2]
    print(f"{sent} records, {counted} kills that counted, ready after {half:.1f} s, at most {max(restarts):.1f} s")
