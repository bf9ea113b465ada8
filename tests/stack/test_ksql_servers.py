"""Two ksql servers that share a service id: partitions are divided, statements sent to one appear on the other."""

# ruff: noqa: S608  statements are made of names that the tests chose

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from streamguard.engine.server.commands import topic_name
from streamguard.errors import StreamguardError
from streamguard.settings import Settings
from tests.stack.ksql_process import KsqlProcess, Topics, wait_for
from tests.stack.test_ksql_state import DECLARE, KINDS, counts, events, updates

WINDOW_MS = 10_000


class Service:
    """Two servers, and queries over one topic: one copies, one counts in windows, one through an internal topic."""

    def __init__(self, settings: Settings, topics: Topics, folder: Path) -> None:
        self.topics = topics
        self.id = f"{topics.prefix}s"
        self.servers = [KsqlProcess(settings, self.id, folder / f"ksql-{name}.log") for name in "ab"]
        for server in self.servers:
            server.start(wait=False)
        for server in self.servers:
            wait_for(server.answers, 20, "the ksql servers")
        self.sent = 0
        self.copied, self.by_key, self.by_kind = (f"{topics.prefix}-{name}" for name in ("copied", "by-key", "by-kind"))

    def declare(self) -> None:
        """The statements, some by one server and some by the other."""
        one, two = self.servers
        self.source = self.topics.make("events", 4)
        one.run(DECLARE.format(topic=self.source))
        one.run(f"CREATE STREAM plain (id BIGINT) WITH (KAFKA_TOPIC='{self.source}', VALUE_FORMAT='JSON');")
        two.run(f"CREATE STREAM copied WITH (KAFKA_TOPIC='{self.copied}') AS SELECT id FROM plain;")
        one.run(
            f"CREATE TABLE by_key WITH (KAFKA_TOPIC='{self.by_key}') AS SELECT k, COUNT(*) AS n FROM events "
            "WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY k;"
        )
        two.run(
            f"CREATE TABLE by_kind WITH (KAFKA_TOPIC='{self.by_kind}') AS SELECT kind, COUNT(*) AS n FROM events "
            "GROUP BY kind;"
        )

    def send(self, count: int) -> None:
        """The next events."""
        self.topics.send(self.source, events(self.sent, count))
        self.sent += count

    def written(self) -> int:
        """Records of one of the results, markers of transactions included."""
        return sum(self.topics.ends(self.by_key).values())

    def unfinished(self) -> bool:
        """Whether records wait to be read, or a transaction is open."""
        group = f"sg.ksql.{self.id}.{self.source}"
        return self.topics.lag(self.source, group) > 0 or any(map(self.topics.is_open, (self.copied, self.by_kind)))

    def wait_until_read(self, seconds: float) -> None:
        """Return when the queries have read every event."""
        group = f"sg.ksql.{self.id}.{self.source}"
        wait_for(lambda: self.topics.lag(self.source, group) == 0, seconds, "everything to be read")

    def check(self, seconds: float = 60.0) -> None:
        """Everything was written exactly once, as computed here."""
        end = time.monotonic() + seconds
        wanted = self.wanted()
        while (found := self.found()) != wanted and time.monotonic() < end:
            time.sleep(0.1)
        for name, rows in wanted.items():
            missing, too_many = rows - found[name], found[name] - rows
            assert (missing, too_many) == (Counter(), Counter()), (
                f"{name}: {len(missing)}, {len(too_many)} of {len(rows)}"
            )

    def wanted(self) -> dict[str, Counter[Any]]:
        """What the queries must have written."""
        windows = Counter(
            f"k{n % 13}".encode() + (n // WINDOW_MS * WINDOW_MS).to_bytes(8, "big") for n in range(self.sent)
        )
        kinds = Counter(KINDS[n % len(KINDS)].encode() for n in range(self.sent))
        copies: Counter[Any] = Counter(range(self.sent))
        return {self.copied: copies, self.by_key: updates(windows), self.by_kind: updates(kinds)}

    def found(self) -> dict[str, Counter[Any]]:
        """What they have written."""
        copies: Counter[Any] = Counter(row["ID"] for _, row in self.topics.read(self.copied))
        tables = (self.by_key, self.by_kind)
        return {self.copied: copies} | {name: counts(self.topics, name) for name in tables}

    def end(self) -> None:
        """Remove everything."""
        for server in self.servers:
            server.end()
        self.topics.delete([topic_name(self.id)])


@pytest.fixture
def topics(settings: Settings) -> Iterator[Topics]:
    topics = Topics(settings, f"kp{uuid.uuid4().hex[:8]}")
    yield topics
    internal = f"_streamguard-ksql-{topics.prefix}"
    topics.delete([name for name in topics.admin.list_topics(timeout=10).topics if name.startswith(internal)])


@pytest.fixture(scope="module")
def service(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    topics = Topics(settings, f"kp{uuid.uuid4().hex[:8]}")
    service = Service(settings, topics, tmp_path_factory.mktemp("ksql"))
    service.declare()
    yield service
    service.servers[0].run("TERMINATE ALL;")
    service.end()


def partitions(server: KsqlProcess, topic: str) -> set[int]:
    """Those of a topic that a server reads."""
    lines = requests.get(f"{server.client.url}/metrics", timeout=5).text.splitlines()
    words = [line.split('"') for line in lines if line.startswith("streamguard_ksql_lag_records{")]
    return {int(found[1]) for found in words if found[3] == topic}


def test_partitions_are_divided_and_a_server_that_ends_hands_over_at_once(service: Service) -> None:
    one, two = service.servers
    wait_for(
        lambda: [len(partitions(server, service.source)) for server in (one, two)] == [2, 2], 10, "two partitions each"
    )
    service.send(2000)
    assert two.stop() == 0
    wait_for(lambda: len(partitions(one, service.source)) == 4, 3, "the partitions of the one that ended")
    two.start()


def test_a_statement_sent_to_one_server_is_carried_out_by_both(service: Service) -> None:
    one, two = service.servers
    sink = f"{service.topics.prefix}-odd"
    one.run(f"CREATE STREAM odd WITH (KAFKA_TOPIC='{sink}') AS SELECT k, id FROM events WHERE id % 2 = 1;")
    wait_for(lambda: two.query_ids() == one.query_ids(), 5, "the other server")
    [query_id] = [each for each in one.query_ids() if "_ODD_" in each]
    service.topics.wait_for(sink, service.sent // 2)
    two.run(f"TERMINATE {query_id};")
    wait_for(lambda: query_id not in one.query_ids(), 5, "the first server")
    service.send(100)
    service.wait_until_read(10)
    assert len(service.topics.raw(sink)) == (service.sent - 100) // 2


def test_a_query_that_is_paused_by_one_goes_on_where_it_was_when_the_other_resumes_it(service: Service) -> None:
    """Its siblings over the same topic go on meanwhile, and a server that starts again knows it to be paused."""
    one, two = service.servers
    [query_id] = [each for each in one.query_ids() if "_COPIED_" in each]
    one.run(f"PAUSE {query_id};")
    wait_for(lambda: states(two)[query_id] == "PAUSED", 5, "the other server")
    before = len(service.topics.raw(service.copied))
    service.send(100)
    service.wait_until_read(10)
    one.kill()
    one.start()
    assert states(one)[query_id] == "PAUSED"
    assert len(service.topics.raw(service.copied)) == before
    two.run(f"RESUME {query_id};")
    service.topics.wait_for(service.copied, service.sent)
    assert states(two)[query_id] == "RUNNING"


def states(server: KsqlProcess) -> dict[str, str]:
    """The states of the queries, by id."""
    return {row["id"]: row["state"] for row in server.run("SHOW QUERIES;")[0]["queries"]}


def test_both_answer_for_the_whole_table(service: Service) -> None:
    wait_for(lambda: len(service.topics.raw(service.by_kind)) == service.sent, 10, "every update")
    for server in service.servers:
        rows = list(server.client.query("SELECT kind, n FROM by_kind;").rows)
        assert {str(kind): n for kind, n in rows} == {kind: service.sent // len(KINDS) for kind in KINDS}


def test_servers_that_write_at_the_same_moment_keep_one_log(service: Service) -> None:
    refused: list[StreamguardError] = []

    def create(server: KsqlProcess, name: str) -> None:
        for number in range(5):
            try:
                server.run(
                    f"CREATE STREAM {name}{number} (id INT) WITH (KAFKA_TOPIC='{service.source}', VALUE_FORMAT='JSON');"
                )
            except StreamguardError as exc:
                refused.append(exc)

    threads = [
        threading.Thread(target=create, args=(server, name))
        for server, name in zip((*service.servers, *service.servers), ("left", "right", "same", "same"), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {str(exc) for exc in refused if "already exists" not in str(exc)} == set()
    assert len(refused) == 5
    wanted = {f"{name}{number}" for name in ("LEFT", "RIGHT", "SAME") for number in range(5)}
    for server in service.servers:
        wait_for(lambda: streams(server) >= wanted, 5, f"all streams, there are {streams(server)}")  # noqa: B023
    assert streams(service.servers[0]) == streams(service.servers[1])


def streams(server: KsqlProcess) -> set[str]:
    """The names of all streams, as a server knows them."""
    return {row["name"] for row in server.run("SHOW STREAMS;")[0]["streams"]}


def test_nothing_is_lost_or_repeated_by_killing_one(service: Service) -> None:
    """One that starts again at once; one that is replaced takes longer, and is for the soak tests."""
    one, two = service.servers
    counted = 0
    while not counted:
        before = service.written()
        service.send(5000)
        wait_for(lambda: service.written() > before, 20, "progress before the kill")  # noqa: B023
        two.kill()
        counted += service.unfinished()
        two.start()
    service.check()
    assert "Traceback" not in one.log.read_text() + two.log.read_text()
