"""The embedded ksql server on a real Kafka."""

# ruff: noqa: S608  statements are made of names that the tests chose

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import requests
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streamguard.engine.client.applying import apply_files
from streamguard.engine.server.commands import topic_name
from streamguard.errors import KsqlUnavailable, StatementError, StatementRefused
from streamguard.settings import Settings
from tests.commands.terminal import Terminal
from tests.stack.ksql_process import REPOSITORY, KsqlProcess, Topics, server, wait_for

__all__ = ["server"]  # a fixture

DECLARE = "CREATE STREAM {name} (k STRING KEY, id INT, kind STRING) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');"


@pytest.fixture
def prefix() -> str:
    return f"kt{uuid.uuid4().hex[:8]}"


@pytest.fixture
def topics(settings: Settings, prefix: str) -> Iterator[Topics]:
    topics = Topics(settings, prefix)
    yield topics
    topics.delete()


@pytest.fixture
def ksql(server: KsqlProcess, topics: Topics) -> Iterator[KsqlProcess]:
    """The server, running and empty before and after each test. `topics` outlive the queries."""
    assert topics
    if not server.runs():
        server.start()
    yield server
    if server.runs():
        server.empty()


def stream(topics: Topics, ksql: KsqlProcess, name: str = "events", partitions: int = 2) -> str:
    """A topic and a stream over it."""
    topic = topics.make(name, partitions)
    ksql.run(DECLARE.format(name=name, topic=topic))
    return topic


def events(first: int, count: int) -> list[tuple[str, dict[str, object]]]:
    return [(f"k{n % 7}", {"id": n, "kind": "even" if n % 2 == 0 else "odd"}) for n in range(first, first + count)]


def bank_project(prefix: str, folder: Path) -> list[Path]:
    """The shipped statements with topics of the test's own."""
    shutil.copytree(REPOSITORY / "ksql" / "bank", folder)
    files = sorted(folder.glob("*.sql"))
    for path in files:
        path.write_text(path.read_text().replace("KAFKA_TOPIC = '", f"KAFKA_TOPIC = '{prefix}-"))
    return files


def test_applying_the_bank_pipeline_twice_changes_nothing(
    ksql: KsqlProcess, topics: Topics, prefix: str, tmp_path: Path
) -> None:
    for name in ("fraudulent-transactions", "fraudulent-transactions-result", "users"):
        topics.make(name, 4)
    files = bank_project(prefix, tmp_path / "bank")
    log = topic_name(ksql.settings.ksql_service_id)
    commands = len(topics.read(log))
    first = list(apply_files(ksql.client, files, {}))
    queries = ksql.query_ids()
    again = list(apply_files(ksql.client, files, {}))
    assert [applied.outcome for applied in first] == ["created"] * 4
    assert [applied.outcome for applied in again] == ["unchanged"] * 4
    assert len(queries) == 3
    assert ksql.query_ids() == queries
    assert len(topics.read(log)) == commands + 4


def test_a_changed_filter_takes_the_place_of_the_one_that_runs(
    ksql: KsqlProcess, topics: Topics, prefix: str, tmp_path: Path
) -> None:
    topic = topics.make("events")
    text = DECLARE.format(name="events", topic=topic)
    text += f"CREATE STREAM IF NOT EXISTS a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events WHERE id < 3;"
    path = tmp_path / "1.sql"
    path.write_text(text)
    list(apply_files(ksql.client, [path], {}))
    topics.send(topic, events(0, 5))
    topics.wait_for(f"{prefix}-a", 3)
    path.write_text(text.replace("id < 3", "id > 7"))
    assert [applied.outcome for applied in apply_files(ksql.client, [path], {})] == ["unchanged", "replaced"]
    assert [applied.outcome for applied in apply_files(ksql.client, [path], {})] == ["unchanged", "unchanged"]
    topics.send(topic, events(5, 5))
    assert sorted(value["ID"] for _, value in topics.wait_for(f"{prefix}-a", 5)) == [0, 1, 2, 8, 9]


def test_in_the_shell_rows_come_as_they_are_made_and_ctrl_c_ends_their_query(
    ksql: KsqlProcess, topics: Topics, tmp_path: Path
) -> None:
    stream(topics, ksql)
    terminal = Terminal(ksql.client.url, tmp_path)
    terminal.type("SELECT id, kind FROM events EMIT CHANGES;")
    wait_for(lambda: len(ksql.run("SHOW QUERIES;")[0]["queries"]) == 1, 10, "the push query")
    ksql.run("INSERT INTO events (id, kind) VALUES (7, 'odd');")
    terminal.child.expect("7 +odd")
    terminal.child.sendintr()
    terminal.child.expect("The query was ended")
    wait_for(lambda: not ksql.run("SHOW QUERIES;")[0]["queries"], 10, "the end of the push query")
    assert terminal.end() == 0


def test_a_refusal_names_the_file_and_the_line_in_it(ksql: KsqlProcess, topics: Topics, tmp_path: Path) -> None:
    topic = topics.make("events")
    path = tmp_path / "01-wrong.sql"
    path.write_text(DECLARE.format(name="events", topic=topic) + "\n\nCREATE STREAM b AS\nSELECT k, idd FROM events;\n")
    with pytest.raises(StatementError) as refused:
        list(apply_files(ksql.client, [path], {}))
    assert str(refused.value).splitlines() == [
        f"{path}, line 4, column 11: SELECT column 'IDD' cannot be resolved. (did you mean ID?)",
        "    SELECT k, idd FROM events",
        "              ^^^",
    ]


def test_a_bad_statement_in_the_third_place_leaves_nothing_behind(ksql: KsqlProcess, topics: Topics) -> None:
    topic = topics.make("events")
    text = DECLARE.format(name="events", topic=topic) + "CREATE STREAM a AS SELECT * FROM events;\nSELECT FROM WHERE;"
    with pytest.raises(StatementRefused, match="line 2:8: Syntax Error") as refused:
        ksql.run(text)
    assert refused.value.code == 40001
    text = text.replace("SELECT FROM WHERE", "CREATE STREAM b AS SELECT nope FROM a")
    with pytest.raises(StatementRefused, match="SELECT column 'NOPE' cannot be resolved"):
        ksql.run(text)
    assert ksql.run("SHOW STREAMS;")[0]["streams"] == []
    assert ksql.query_ids() == []
    assert not topics.exists("A")


def test_topics_are_checked_and_made(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    with pytest.raises(
        StatementRefused, match=f"Topic '{prefix}-none' does not exist. If you want to create a new topic"
    ):
        ksql.run(DECLARE.format(name="events", topic=f"{prefix}-none"))
    stream(topics, ksql, partitions=3)
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    ksql.run(f"CREATE STREAM b WITH (KAFKA_TOPIC='{prefix}-b', PARTITIONS=1) AS SELECT * FROM events;")
    partitions = {name: len(topic.partitions) for name, topic in topics.admin.list_topics(timeout=10).topics.items()}
    assert partitions[f"{prefix}-a"] == 3
    assert partitions[f"{prefix}-b"] == 1
    with pytest.raises(
        StatementRefused, match=r"already exists, with different .* expects 5 partitions \(topic has 1\)"
    ):
        ksql.run(f"CREATE STREAM c WITH (KAFKA_TOPIC='{prefix}-b', PARTITIONS=5) AS SELECT * FROM events;")


def test_a_used_stream_is_not_dropped(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    stream(topics, ksql)
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    [query_id] = ksql.query_ids()
    with pytest.raises(StatementRefused, match=r"(?s)Cannot drop EVENTS\..*read from this source: \[A\]"):
        ksql.run("DROP STREAM events;")
    ksql.run(f"TERMINATE {query_id}; DROP STREAM a DELETE TOPIC; DROP STREAM events;")
    assert ksql.run("SHOW STREAMS;")[0]["streams"] == []
    wait_for(lambda: not topics.exists(f"{prefix}-a"), 5, "the topic to go")


def test_a_restart_keeps_streams_and_queries(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    topic = stream(topics, ksql)
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    ksql.run(f"CREATE STREAM b WITH (KAFKA_TOPIC='{prefix}-b') AS SELECT * FROM events;")
    ksql.run("TERMINATE " + ksql.query_ids()[0] + ";")
    before = ksql.run("SHOW STREAMS; SHOW QUERIES;")
    answer = ksql.client.query("SELECT id FROM events EMIT CHANGES;")
    assert ksql.stop() == 0
    assert list(answer.rows) == []
    ksql.start()
    assert ksql.run("SHOW STREAMS; SHOW QUERIES;") == before
    topics.send(topic, events(0, 10))
    topics.wait_for(f"{prefix}-b", 10)
    assert topics.read(f"{prefix}-a") == []


def test_a_later_query_sees_everything_and_the_older_one_repeats_nothing(
    ksql: KsqlProcess, topics: Topics, prefix: str
) -> None:
    topic = stream(topics, ksql)
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    topics.send(topic, events(0, 500))
    topics.wait_for(f"{prefix}-a", 500)
    ksql.run(f"CREATE STREAM b WITH (KAFKA_TOPIC='{prefix}-b') AS SELECT * FROM events WHERE kind = 'even';")
    ksql.run(
        f"CREATE STREAM c WITH (KAFKA_TOPIC='{prefix}-c') AS SELECT * FROM events;", **{"auto.offset.reset": "latest"}
    )
    topics.send(topic, events(500, 100))
    ids = {name: [row["ID"] for _, row in topics.wait_for(f"{prefix}-{name}", count)] for name, count in WANTED.items()}
    assert sorted(ids["a"]) == list(range(600))
    assert sorted(ids["b"]) == list(range(0, 600, 2))
    assert sorted(ids["c"]) == list(range(500, 600))


WANTED = {"a": 600, "b": 300, "c": 100}


def test_a_query_that_is_paused_and_replaced_goes_on_where_it_stood(
    ksql: KsqlProcess, topics: Topics, prefix: str
) -> None:
    topic = stream(topics, ksql)
    create = f"STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT k, id"
    ksql.run(f"CREATE {create} FROM events;")
    topics.send(topic, events(0, 10))
    topics.wait_for(f"{prefix}-a", 10)
    [query_id] = ksql.query_ids()
    ksql.run(f"PAUSE {query_id};")
    topics.send(topic, events(10, 10))
    ksql.run(f"CREATE OR REPLACE {create}, kind FROM events WHERE id <> 15;")
    assert ksql.run("SHOW QUERIES;")[0]["queries"][0]["state"] == "PAUSED"
    assert ksql.stop() == 0
    ksql.start()
    assert (ksql.query_ids(), len(topics.read(f"{prefix}-a"))) == ([query_id], 10)
    ksql.run(f"RESUME {query_id};")
    rows = [row for _, row in topics.wait_for(f"{prefix}-a", 19)]
    assert sorted(row["ID"] for row in rows) == [number for number in range(20) if number != 15]
    assert {row["ID"] for row in rows if "KIND" in row} == {10, 11, 12, 13, 14, 16, 17, 18, 19}
    wait_for(lambda: consumed(ksql, "a") == (20, 20), 5, "the query to tell where it stands")


def consumed(ksql: KsqlProcess, name: str) -> tuple[int, int]:
    """How far the one query of a stream has read, and how far it could, over all partitions."""
    [described] = ksql.run(f"DESCRIBE {name} EXTENDED;")
    [summary] = described["sourceDescription"]["queryOffsetSummaries"]
    offsets = summary["topicSummaries"][0]["offsets"]
    return sum(each["consumerOffset"] for each in offsets), sum(each["logEndOffset"] for each in offsets)


def test_an_insert_joins_another_source_into_a_stream(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    one, two = stream(topics, ksql, "one"), stream(topics, ksql, "two")
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM one;")
    ksql.run("INSERT INTO a SELECT * FROM two;")
    topics.send(one, events(0, 3))
    topics.send(two, events(3, 3))
    assert sorted(row["ID"] for _, row in topics.wait_for(f"{prefix}-a", 6)) == list(range(6))
    with pytest.raises(StatementRefused, match=r"write into this source: \[INSERTQUERY_"):
        ksql.run("DROP STREAM a;")


def test_nothing_is_lost_or_repeated_by_killing_the_server(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    """Three queries over one topic; a kill counts when records were waiting at that moment."""
    topic = stream(topics, ksql, partitions=4)
    for name, where in (("a", ""), ("b", "WHERE kind = 'even'"), ("c", "WHERE kind = 'odd'")):
        query = f"SELECT id AS key, AS_VALUE(id) AS id, kind FROM events {where} PARTITION BY id"
        ksql.run(f"CREATE STREAM {name} WITH (KAFKA_TOPIC='{prefix}-{name}', KEY_FORMAT='JSON') AS {query};")
    group = f"sg.ksql.{ksql.settings.ksql_service_id}.{topic}"
    sent = counted = 0
    while counted < 4:
        assert sent < 400_000, "the kills came too late"
        written = sum(topics.ends(f"{prefix}-a").values())
        topics.send(topic, events(sent, 20_000))
        sent += 20_000
        wait_for(lambda: sum(topics.ends(f"{prefix}-a").values()) > written, 20, "progress before the kill")  # noqa: B023
        ksql.kill()
        counted += topics.lag(topic, group) > 0
        ksql.start(wait=False)
    for name, wanted in (("a", range(sent)), ("b", range(0, sent, 2)), ("c", range(1, sent, 2))):
        found = Counter(row["ID"] for _, row in topics.wait_for(f"{prefix}-{name}", len(wanted)))
        assert found == Counter(wanted)
    wait_for(ksql.answers, 10, "the server")


def test_bad_records_are_skipped_counted_and_logged_without_their_content(
    ksql: KsqlProcess, topics: Topics, prefix: str
) -> None:
    topic = stream(topics, ksql)
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    topics.send(topic, [("k", b"hunter2 {"), ("k", b'{"id": "hunter2"}'), *events(0, 2)])
    topics.wait_for(f"{prefix}-a", 2)
    [query_id] = ksql.query_ids()
    wait_for(lambda: f'errors_total{{query="{query_id}"}} 2.0' in metrics(ksql), 5, "two errors")
    log = ksql.log.read_text()
    assert '"offset": 0' in log
    assert query_id in log
    assert "hunter2" not in log


def metrics(ksql: KsqlProcess) -> str:
    return requests.get(f"{ksql.client.url}/metrics", timeout=5).text


def test_a_push_query_ends_at_its_limit(ksql: KsqlProcess, topics: Topics) -> None:
    topic = stream(topics, ksql, partitions=1)
    topics.send(topic, events(0, 10))
    answer = ksql.client.query(
        "SELECT id, kind FROM events WHERE kind = 'odd' EMIT CHANGES LIMIT 3;",
        properties={"auto.offset.reset": "earliest"},
    )
    assert (answer.names, answer.types) == (["ID", "KIND"], ["INTEGER", "STRING"])
    assert list(answer.rows) == [[1, "odd"], [3, "odd"], [5, "odd"]]


def test_a_push_query_ends_with_its_client(ksql: KsqlProcess, topics: Topics) -> None:
    topic = stream(topics, ksql, partitions=1)
    answer = ksql.client.query("SELECT id FROM events EMIT CHANGES;")
    other = ksql.client.query("SELECT id FROM events EMIT CHANGES;")
    topics.send(topic, events(7, 1))
    assert next(answer.rows) == [7]
    assert "push_queries 2.0" in metrics(ksql)
    answer.rows.close()  # type: ignore[attr-defined]  # it is a generator
    wait_for(lambda: "push_queries 1.0" in metrics(ksql), 5, "the end of the first")
    ksql.client.close_query(other.query_id)
    assert list(other.rows) == [[7]]
    wait_for(lambda: "push_queries 0.0" in metrics(ksql), 5, "the end of the second")


def test_a_taken_port_is_told_before_the_running_server_is_disturbed(
    ksql: KsqlProcess, settings: Settings, prefix: str, tmp_path: Path
) -> None:
    second = KsqlProcess(settings, prefix, tmp_path / "second.log")
    second.settings = ksql.settings
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(10) == 1
    assert f"can not listen on 127.0.0.1:{ksql.settings.ksql_port}" in second.log.read_text()
    assert ksql.answers()


def test_a_query_may_read_what_another_one_writes(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    topic = stream(topics, ksql)
    topics.send(topic, events(0, 10))
    ksql.run(
        f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events WHERE id > 2;"
        f"CREATE STREAM b WITH (KAFKA_TOPIC='{prefix}-b') AS SELECT * FROM a WHERE kind = 'even';"
    )
    assert sorted(row["ID"] for _, row in topics.wait_for(f"{prefix}-b", 3)) == [4, 6, 8]


def test_rows_come_over_http_2_without_tls_as_well(ksql: KsqlProcess, topics: Topics) -> None:
    topic = stream(topics, ksql, partitions=1)
    topics.send(topic, events(0, 2))
    properties = {"ksql.streams.auto.offset.reset": "earliest"}
    body = {"sql": "SELECT id FROM events EMIT CHANGES LIMIT 2;", "properties": properties}
    with httpx2.Client(http1=False, http2=True) as client:
        answer = client.post(f"{ksql.client.url}/query-stream", json=body)
    assert answer.http_version == "HTTP/2"
    assert [json.loads(line) for line in answer.text.splitlines()[1:]] == [[0], [1]]


def test_a_classic_query_sends_row_objects(ksql: KsqlProcess, topics: Topics) -> None:
    topic = stream(topics, ksql, partitions=1)
    topics.send(topic, events(0, 2))
    text = "SET 'auto.offset.reset'='earliest'; SELECT id, k FROM events EMIT CHANGES LIMIT 1;"
    answer = requests.post(f"{ksql.client.url}/query", json={"ksql": text}, timeout=10).json()
    assert answer[0]["header"]["schema"] == "`ID` INTEGER, `K` STRING"
    assert answer[1:] == [{"row": {"columns": [0, "k0"]}}, {"finalMessage": "Limit Reached"}]


def test_a_push_query_can_be_terminated(ksql: KsqlProcess, topics: Topics) -> None:
    stream(topics, ksql)
    answer = ksql.client.query("SELECT id FROM events EMIT CHANGES;")
    [entity] = ksql.run("SHOW QUERIES;")
    assert [row["queryType"] for row in entity["queries"]] == ["PUSH"]
    [entity] = ksql.run(f"TERMINATE {answer.query_id};")
    assert entity["@type"] == "terminate_query"
    assert list(answer.rows) == []


def test_a_command_of_the_future_is_not_waited_for(ksql: KsqlProcess, topics: Topics) -> None:
    stream(topics, ksql)
    with pytest.raises(KsqlUnavailable, match="Timed out while waiting for a previous command"):
        ksql.client.ksql("SHOW STREAMS;", after=10_000_000)


def test_the_command_line_prints_tables_rows_and_plans(ksql: KsqlProcess, topics: Topics, prefix: str) -> None:
    topic = stream(topics, ksql, partitions=1)
    topics.send(topic, events(0, 3))
    ksql.run(f"CREATE STREAM a WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events;")
    [query_id] = ksql.query_ids()
    assert f"EVENTS  {topic}" in command(ksql, "exec", "SHOW STREAMS;")
    rows = command(ksql, "exec", "-s", "auto.offset.reset=earliest", SELECT, "--output", "ndjson")
    assert [json.loads(line) for line in rows.splitlines()] == [{"ID": 0, "KIND": "even"}, {"ID": 1, "KIND": "odd"}]
    plan = command(ksql, "explain", query_id)
    assert plan.startswith(" 1. Read stream `EVENTS`")
    assert plan == command(
        ksql, "explain", f"CREATE STREAM c WITH (KAFKA_TOPIC='{prefix}-a') AS SELECT * FROM events"
    ).replace("`C`", "`A`")
    assert "did you mean EVENTS?" in command(ksql, "exec", "DESCRIBE event;", code=1)


SELECT = "SELECT id, kind FROM events EMIT CHANGES LIMIT 2;"


def command(ksql: KsqlProcess, *arguments: str, code: int = 0) -> str:
    """Run `streamguard ksql …`; what it printed."""
    line = [
        sys.executable,
        "-m",
        "streamguard",
        "--project",
        str(REPOSITORY),
        "ksql",
        *arguments,
        "--url",
        ksql.client.url,
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == code, done
    return done.stderr if code else done.stdout


def test_a_query_that_does_not_get_on_is_said_and_goes_on_once_it_can(ksql: KsqlProcess, topics: Topics) -> None:
    topic, sink = stream(topics, ksql), topics.make("sink")
    limit(topics, sink, "100")
    ksql.run(
        f"CREATE STREAM copied WITH (KAFKA_TOPIC='{sink}') AS SELECT k, id, kind + '{'x' * 200}' AS kind FROM events;"
    )
    assert health(ksql) == {"isHealthy": True, "queries": True}
    topics.send(topic, events(0, 10))
    wait_for(lambda: health(ksql) == {"isHealthy": False, "queries": False}, 20.0, "the query fails")
    [entity] = ksql.run("SHOW QUERIES;")
    assert [row["state"] for row in entity["queries"]] == ["ERROR"]
    limit(topics, sink, "1000000")
    topics.wait_for(sink, 10)
    assert health(ksql) == {"isHealthy": True, "queries": True}


def limit(topics: Topics, topic: str, size: str) -> None:
    """Have Kafka refuse records of more bytes than that."""
    entry = ConfigEntry("max.message.bytes", size, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    topics.admin.incremental_alter_configs([resource])[resource].result(10)


def health(ksql: KsqlProcess) -> dict[str, bool]:
    answer = requests.get(f"{ksql.client.url}/healthcheck", timeout=5).json()
    return {"isHealthy": answer["isHealthy"], "queries": answer["details"]["queries"]["isHealthy"]}
