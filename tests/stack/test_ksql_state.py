"""Queries that remember, on a real Kafka: their state moves with the commits, whatever is killed when."""

# ruff: noqa: S608  statements are made of names that the tests chose

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
import requests

from streamguard.engine.analysis import stages
from streamguard.engine.execution import changelog
from streamguard.engine.runtime import processing_log
from streamguard.engine.server.commands import topic_name
from streamguard.settings import Settings
from tests.stack.ksql_process import KsqlProcess, Topics, wait_for

DECLARE = (
    "CREATE STREAM events (k STRING KEY, id BIGINT, kind STRING) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON', "
    "TIMESTAMP='id');"
)
KINDS = ("red", "green", "blue", "black", "white")


@pytest.fixture
def topics(settings: Settings) -> Iterator[Topics]:
    topics = Topics(settings, f"ks{uuid.uuid4().hex[:8]}")
    yield topics
    topics.delete()


@pytest.fixture
def ksql(settings: Settings, topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KsqlProcess]:
    """A server of the test's own, whose topics go with the test's."""
    service_id = f"{topics.prefix}s"
    process = KsqlProcess(settings, service_id, tmp_path_factory.mktemp("ksql") / "ksql.log")
    process.start()
    yield process
    if process.runs():
        process.run("TERMINATE ALL;")
        assert process.stop() == 0
    topics.delete([topic_name(service_id)])


def events(first: int, count: int) -> list[tuple[str, dict[str, object]]]:
    """Event times are a millisecond apart."""
    return [(f"k{n % 13}", {"id": n, "kind": KINDS[n % len(KINDS)]}) for n in range(first, first + count)]


def counts(topics: Topics, topic: str) -> Counter[tuple[bytes, int]]:
    """How often a group's row was written with each of its counts."""
    found: Counter[tuple[bytes, int]] = Counter()
    for message in topics.raw(topic):
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        assert value is not None
        found[key, json.loads(value)["N"]] += 1
    return found


def updates(groups: Counter[bytes]) -> Counter[tuple[bytes, int]]:
    """Every update of every group, once: what groups of these sizes must have written."""
    return Counter((key, n) for key, size in groups.items() for n in range(1, size + 1))


def test_every_update_of_every_group_is_written_once_whatever_is_killed_when(ksql: KsqlProcess, topics: Topics) -> None:
    """By key in windows, and by a column through an internal topic; a kill counts when records were waiting."""
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
    while counted < 2:
        assert sent < 200_000, "the kills came too late"
        written = sum(topics.ends(by_key).values())
        topics.send(topic, events(sent, 10_000))
        sent += 10_000
        wait_for(lambda: sum(topics.ends(by_key).values()) > written, 20, "progress before the kill")  # noqa: B023
        ksql.kill()
        counted += topics.lag(topic, group) > 0
        ksql.start(wait=False)
    wait_for(ksql.answers, 20, "the server")
    windows = Counter(f"k{n % 13}".encode() + (n // 10_000 * 10_000).to_bytes(8, "big") for n in range(sent))
    kinds = Counter(KINDS[n % len(KINDS)].encode() for n in range(sent))
    for name, groups in ((by_key, windows), (by_kind, kinds)):
        wait_for(lambda: counts(topics, name).total() >= sent, 60, f"{sent} updates in {name}")  # noqa: B023
        assert counts(topics, name) == updates(groups)


def test_a_query_that_remembers_has_a_changelog_that_goes_with_it(ksql: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("events", 2)
    service = ksql.settings.ksql_service_id
    ksql.run(DECLARE.format(topic=topic))
    ksql.run(
        f"CREATE TABLE t WITH (KAFKA_TOPIC='{topics.prefix}-t') AS SELECT kind, COUNT(*) AS n FROM events "
        "GROUP BY kind;"
    )
    [query_id] = ksql.query_ids()
    internal = [changelog.topic(service, query_id), stages.topic(service, query_id)]
    topics.send(topic, events(0, 10))
    topics.wait_for(f"{topics.prefix}-t", 10)
    assert [topics.exists(name) for name in internal] == [True, True]
    metrics = requests.get(f"{ksql.client.url}/metrics", timeout=5).text
    counted = re.findall(rf'streamguard_ksql_state_rows{{partition="\d",query="{query_id}"}} (\S+)', metrics)
    assert sum(map(float, counted)) == len(KINDS)
    ksql.run(f"TERMINATE {query_id};")
    wait_for(lambda: not any(topics.exists(name) for name in internal), 10, "the end of the internal topics")


def test_a_table_remembers_which_rows_it_let_pass(ksql: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("users", 1)
    out = f"{topics.prefix}-adults"
    ksql.run(f"CREATE TABLE users (id STRING PRIMARY KEY, age INT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');")
    ksql.run(f"CREATE TABLE adults WITH (KAFKA_TOPIC='{out}') AS SELECT id, age FROM users WHERE age >= 18;")
    topics.send(topic, [("ann", {"age": 20}), ("bob", {"age": 3})])
    wait_for(lambda: len(topics.raw(out)) == 1, 10, "Ann")
    ksql.kill()
    ksql.start()
    topics.send(topic, [("bob", {"age": 4}), ("ann", {"age": 5})])
    wait_for(lambda: len(topics.raw(out)) == 2, 10, "the end of Ann's row")
    assert [(message.key(), message.value()) for message in topics.raw(out)] == [
        (b"ann", b'{"AGE":20}'),
        (b"ann", None),
    ]


def test_groups_of_a_table_in_several_partitions_follow_its_rows(ksql: KsqlProcess, topics: Topics) -> None:
    """What a row gave to its former group is taken back in that group's partition, whatever is killed when."""
    topic = topics.make("users", 3)
    out = f"{topics.prefix}-by-city"
    ksql.run(f"CREATE TABLE users (id STRING PRIMARY KEY, city STRING) WITH (KAFKA_TOPIC='{topic}', FORMAT='JSON');")
    ksql.run(f"CREATE TABLE by_city WITH (KAFKA_TOPIC='{out}') AS SELECT city, COUNT(*) AS n FROM users GROUP BY city;")
    moves = [(f"u{n * n % 97}", f"city {n % 7}") for n in range(4000)]
    for part in (moves[:2000], moves[2000:]):
        topics.send(topic, [(json.dumps(user), {"city": city}) for user, city in part])
        wait_for(lambda: sum(topics.ends(out).values()) > 100, 20, "progress before the kill")
        ksql.kill()
        ksql.start()
    wanted = Counter(dict(moves).values())

    def found() -> dict[str, int]:
        return {str(city): int(str(n)) for city, n in ksql.client.query("SELECT city, n FROM by_city;").rows if n}

    wait_for(lambda: found() == wanted, 20, f"{wanted}")


def test_bad_records_are_told_in_the_processing_log(ksql: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("events", 1)
    ksql.run(DECLARE.format(topic=topic))
    ksql.run(f"CREATE STREAM o WITH (KAFKA_TOPIC='{topics.prefix}-o') AS SELECT k, id FROM events;")
    topics.send(topic, [("k", b"hunter2 {"), *events(0, 1)])
    topics.wait_for(f"{topics.prefix}-o", 1)
    [(_, told)] = topics.read(processing_log.topic(ksql.settings.ksql_service_id))
    assert told["message"]["deserializationError"]["topic"] == topic
    assert told["message"]["deserializationError"]["offset"] == 0
    assert "hunter2" not in json.dumps(told)
