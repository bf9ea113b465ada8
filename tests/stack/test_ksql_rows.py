"""Pull queries, INSERT VALUES, PRINT and ASSERT on a real Kafka."""

# ruff: noqa: S608  statements are made of names that the tests chose

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import requests
from confluent_kafka.admin import ConfigResource, ResourceType

from streamguard.errors import StatementRefused
from streamguard.settings import Settings
from tests.stack.ksql_process import KsqlProcess, Topics, server, wait_for

__all__ = ["server"]  # a fixture


@pytest.fixture
def topics(settings: Settings, server: KsqlProcess) -> Iterator[Topics]:
    """Topics of one test; its streams and tables go with them."""
    topics = Topics(settings, f"{server.settings.ksql_service_id}-{uuid.uuid4().hex[:6]}")
    yield topics
    requests.post(f"{server.client.url}/ksql/terminate", json={}, timeout=30).raise_for_status()
    topics.delete()


@pytest.fixture
def events(server: KsqlProcess, topics: Topics) -> str:
    """A topic of two partitions and the stream EVENTS over it."""
    topic = topics.make("events")
    server.run(f"CREATE STREAM events (k STRING KEY, n INT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');")
    return topic


def rows(server: KsqlProcess, sql: str, **properties: str) -> list[list[Any]]:
    return list(server.client.query(sql, properties=properties).rows)


def send(topics: Topics, topic: str, count: int) -> None:
    topics.send(topic, [(f"k{number % 3}", {"n": number}) for number in range(count)])


def test_a_table_is_pulled_by_key_and_whole_and_follows_its_stream(
    server: KsqlProcess, topics: Topics, events: str
) -> None:
    server.run(
        f"CREATE TABLE c WITH (KAFKA_TOPIC='{topics.prefix}-c') AS SELECT k, COUNT(*) AS c FROM events GROUP BY k;"
    )
    send(topics, events, 30)
    wait_for(lambda: rows(server, "SELECT * FROM c WHERE k = 'k1';") == [["k1", 10]], 10, "the count")
    assert sorted(rows(server, "SELECT * FROM c;")) == [["k0", 10], ["k1", 10], ["k2", 10]]
    assert rows(server, "SELECT c FROM c WHERE k IN ('k0', 'nobody') AND c > 5;") == [[10]]
    assert rows(server, "SELECT * FROM c WHERE c > 10;") == []
    send(topics, events, 3)
    wait_for(lambda: rows(server, "SELECT c FROM c WHERE k = 'k1';") == [[11]], 10, "the next count")
    with pytest.raises(StatementRefused, match="missing key column"):
        rows(server, "SELECT * FROM c WHERE c > 10;", **{"ksql.query.pull.table.scan.enabled": "false"})


def test_a_table_is_there_at_once_after_a_restart(server: KsqlProcess, topics: Topics, events: str) -> None:
    server.run(
        f"CREATE TABLE c WITH (KAFKA_TOPIC='{topics.prefix}-c') AS SELECT k, SUM(n) AS s FROM events GROUP BY k;"
    )
    send(topics, events, 3)
    wait_for(lambda: len(rows(server, "SELECT * FROM c;")) == 3, 10, "the sums")
    assert server.stop() == 0
    server.start()
    assert sorted(rows(server, "SELECT * FROM c;")) == [["k0", 0], ["k1", 1], ["k2", 2]]


def test_a_table_of_the_same_name_has_rows_of_its_own(server: KsqlProcess, topics: Topics, events: str) -> None:
    send(topics, events, 3)
    for name in ("one", "two"):
        where = "WHERE k = 'k0'" if name == "two" else ""
        made = f"CREATE TABLE c WITH (KAFKA_TOPIC='{topics.prefix}-{name}') AS"
        server.run(f"{made} SELECT k, COUNT(*) AS c FROM events {where} GROUP BY k;")
        count = 1 if where else 3
        wait_for(lambda: len(rows(server, "SELECT * FROM c;")) == count, 10, "the counts")  # noqa: B023
        server.run("DROP TABLE c;")


def test_a_stream_is_pulled_from_its_first_record_to_its_last(server: KsqlProcess, topics: Topics, events: str) -> None:
    assert rows(server, "SELECT * FROM events;") == []
    send(topics, events, 1000)
    assert sorted(rows(server, "SELECT n FROM events WHERE n < 3;")) == [[0], [1], [2]]
    assert len(rows(server, "SELECT n FROM events;")) == 1000
    answer = requests.post(
        f"{server.client.url}/query", json={"ksql": "SELECT n FROM events LIMIT 2;"}, timeout=10
    ).json()
    assert len(answer) == 4
    assert answer[-1] == {"finalMessage": "Limit Reached"}
    answer = requests.post(
        f"{server.client.url}/query", json={"ksql": "SELECT n FROM events WHERE n < 0;"}, timeout=10
    ).json()
    assert answer[1:] == [{"finalMessage": "Query Completed"}]


def test_inserted_values_are_records(server: KsqlProcess, topics: Topics, events: str) -> None:
    entities = server.run(
        "INSERT INTO events (k, n) VALUES ('a', 1); INSERT INTO events (ROWTIME, n) VALUES (7, 1 + 1);"
    )
    assert entities == []
    assert sorted(topics.read(events), key=str) == [("a", {"N": 1}), (None, {"N": 2})]
    assert 7 in [record.timestamp()[1] for record in topics.raw(events)]
    with pytest.raises(StatementRefused, match="does not exist"):
        server.run("INSERT INTO events (k, nope) VALUES ('a', 1);")
    assert len(topics.raw(events)) == 2


def test_nothing_is_inserted_by_a_request_with_a_bad_statement(
    server: KsqlProcess, topics: Topics, events: str
) -> None:
    with pytest.raises(StatementRefused):
        server.run("INSERT INTO events (k, n) VALUES ('a', 1); DESCRIBE nothing;")
    assert topics.raw(events) == []


def test_rows_are_inserted_over_http_2(server: KsqlProcess, topics: Topics, events: str) -> None:
    body = "\n".join([json.dumps({"target": "events"}), '{"K": "a", "n": 1}', '{"k": "b", "N": "x"}', '{"K": "c"}'])
    with httpx2.Client(http1=False, http2=True) as client:
        answer = client.post(f"{server.client.url}/inserts-stream", content=body)
    acks = [json.loads(line) for line in answer.text.splitlines()]
    assert acks[0] == {"status": "ok", "seq": 0}
    assert [acks[1][name] for name in ("status", "seq", "error_code")] == ["error", 1, 40000]
    assert topics.read(events) == [("a", {"N": 1})]


def test_a_row_that_is_gone_is_told_to_a_push_query(server: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("t", 1)
    server.run(f"CREATE TABLE t (k STRING PRIMARY KEY, n INT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');")
    server.run("INSERT INTO t (k, n) VALUES ('a', 1);")
    topics.producer.produce(topic, None, b"a")
    assert topics.producer.flush(10) == 0
    body = {"ksql": "SELECT * FROM t EMIT CHANGES LIMIT 2;", "streamsProperties": {"auto.offset.reset": "earliest"}}
    answer = requests.post(f"{server.client.url}/query", json=body, timeout=10).json()
    assert answer[1:3] == [
        {"row": {"columns": ["a", 1]}},
        {"row": {"columns": ["a", None], "tombstone": True}},
    ]


def test_dates_and_times_are_shown_as_iso_writes_them(server: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("d", 1)
    columns = "d DATE, t TIME, ts TIMESTAMP, x DECIMAL(5, 2), l ARRAY<DATE>"
    server.run(f"CREATE STREAM d ({columns}) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');")
    values = "'2021-06-01', '10:11:12', '2021-06-01T10:11:12.345', 1.50"
    server.run(f"INSERT INTO d (d, t, ts, x) VALUES ({values});")
    answer = requests.post(f"{server.client.url}/query", json={"ksql": "SELECT * FROM d;"}, timeout=10)
    assert '["2021-06-01","10:11:12","2021-06-01T10:11:12.345",1.50,null]' in answer.text


def test_a_topic_is_printed(server: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("p", 1)
    topics.send(topic, [("a", {"n": 1}), (None, b"plain"), ("c", {"n": 3})])
    text = f"PRINT '{topic}' FROM BEGINNING LIMIT 2;"
    answer = requests.post(f"{server.client.url}/query", json={"ksql": text}, timeout=10)
    lines = answer.text.splitlines()
    assert lines[:2] == ["Key format: KAFKA_STRING", "Value format: JSON or KAFKA_STRING"]
    assert [line.partition(" Z, ")[2] for line in lines[2:]] == [
        'key: a, value: {"n": 1}, partition: 0',
        "key: <null>, value: plain, partition: 0",
    ]
    nowhere = requests.post(f"{server.client.url}/query", json={"ksql": "PRINT nowhere;"}, timeout=10)
    assert (nowhere.status_code, nowhere.json()["error_code"]) == (400, 40000)


def test_topics_are_asserted(server: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("a", 2)
    [entity] = server.run(f"ASSERT TOPIC '{topic}' WITH (PARTITIONS=2);")
    assert (entity["@type"], entity["exists"]) == ("assert_topic", True)
    with pytest.raises(StatementRefused, match="expected 3 got 2") as refused:
        server.run(f"ASSERT TOPIC '{topic}' WITH (PARTITIONS=3) TIMEOUT 100 MILLISECONDS;")
    assert refused.value.code == 41700
    with pytest.raises(StatementRefused, match="exists"):
        server.run(f"ASSERT NOT EXISTS TOPIC '{topic}' TIMEOUT 100 MILLISECONDS;")


@pytest.mark.usefixtures("events")
def test_the_topic_of_a_table_keeps_the_last_record_of_each_key(server: KsqlProcess, topics: Topics) -> None:
    for name, window in (("plain", ""), ("windowed", "WINDOW TUMBLING (SIZE 1 DAY)")):
        made = f"CREATE TABLE {name} WITH (KAFKA_TOPIC='{topics.prefix}-{name}') AS"
        server.run(f"{made} SELECT k, COUNT(*) AS c FROM events {window} GROUP BY k;")
    assert config(topics, f"{topics.prefix}-plain", "cleanup.policy") == "compact"
    assert config(topics, f"{topics.prefix}-windowed", "cleanup.policy") == "compact"


def config(topics: Topics, topic: str, name: str) -> str:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return str(topics.admin.describe_configs([resource])[resource].result(10)[name].value)
