"""The client of ksqlDB's REST API, and the files that are applied through it; the server's answers are played."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from streamguard.engine.client.applying import Applied, apply_files
from streamguard.engine.client.http import KsqlClient
from streamguard.engine.language.parse import parse
from streamguard.engine.language.printing import statement as printed
from streamguard.errors import KsqlUnavailable, StatementError, StatementRefused

KSQLDB = {"KsqlServerInfo": {"version": "8.1.0", "ksqlServiceId": "x"}}
OURS = {"KsqlServerInfo": {"version": "8.1.0-streamguard-0.1.0", "ksqlServiceId": "x"}}


class PlayedServer(ThreadingHTTPServer):
    """Answers each path with the next status and body of its list; remembers the bodies of requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), PlayedAnswers)
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        self.bodies: list[dict[str, Any]] = []

    @property
    def client(self) -> KsqlClient:
        return KsqlClient(f"http://127.0.0.1:{self.server_address[1]}/")

    def play(self, path: str, body: Any, status: int = 200) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.answers.setdefault(path, []).append((status, raw))


class PlayedAnswers(BaseHTTPRequestHandler):
    server: PlayedServer

    def do_GET(self) -> None:
        status, body = self.server.answers[self.path].pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""


@pytest.fixture
def server() -> Iterator[PlayedServer]:
    with PlayedServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def refusal(message: str, statement: str = "") -> dict[str, Any]:
    body = {"@type": "statement_error", "error_code": 40001, "message": message, "statementText": statement}
    return {**body, "entities": []}


def created(name: str, query: str | None = None) -> dict[str, Any]:
    status = {"status": "SUCCESS", "message": f"Created query with ID {query}" if query else "Stream created"}
    command = {"commandId": f"stream/`{name}`/create", "commandStatus": {**status, "queryId": query}}
    return {"@type": "currentStatus", **command, "commandSequenceNumber": 1}


def test_nobody_there_is_one_sentence() -> None:
    with pytest.raises(KsqlUnavailable, match=r"no ksql server answers at http://127\.0\.0\.1:1: `streamguard up`"):
        KsqlClient("http://127.0.0.1:1/").info()


def test_something_else_there_is_said_too(server: PlayedServer) -> None:
    server.play("/info", b"<html>nginx</html>", 404)
    with pytest.raises(KsqlUnavailable, match="answered 404 without a reason: is it a ksql server"):
        server.client.info()
    server.play("/info", {"version": "1"})
    with pytest.raises(KsqlUnavailable, match="is not a ksql server's answer"):
        server.client.info()


def test_another_server_that_knows_no_such_path_is_no_ksql_server(server: PlayedServer) -> None:
    server.play("/info", {"error_code": 404, "message": "HTTP 404 Not Found"}, 404)  # Kafka Connect's
    with pytest.raises(KsqlUnavailable, match="is it a ksql server"):
        server.client.info()


@pytest.mark.parametrize("url", ["nonsense", "ftp://host", "http://", "http://host:99999", "http://host:x"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(KsqlUnavailable, match="is no address of a ksql server: it is like"):
        KsqlClient(url)


def test_a_server_that_starts_is_not_ready(server: PlayedServer) -> None:
    server.play("/info", {"@type": "generic_error", "error_code": 50302, "message": "KSQL is not yet ready"}, 503)
    with pytest.raises(KsqlUnavailable, match="is not ready: KSQL is not yet ready"):
        server.client.info()


def test_a_refused_statement_carries_code_and_text(server: PlayedServer) -> None:
    server.play("/ksql", refusal("line 1:8: no", "SELECT nope;"), 400)
    with pytest.raises(StatementRefused, match="line 1:8: no") as refused:
        server.client.ksql("SELECT nope;", properties={"a": "b"}, variables={"c": "d"})
    assert (refused.value.code, refused.value.statement) == (40001, "SELECT nope;")
    assert server.bodies[0]["streamsProperties"] == {"a": "b"}
    assert server.bodies[0]["sessionVariables"] == {"c": "d"}


def test_a_command_that_failed_later_is_an_error(server: PlayedServer) -> None:
    status = {"status": "ERROR", "message": "it broke", "queryId": None}
    server.play("/ksql", [{"@type": "currentStatus", "commandId": "x", "commandStatus": status}])
    with pytest.raises(StatementRefused, match="it broke"):
        server.client.ksql("CREATE …;")


def test_rows_end_with_the_servers_error(server: PlayedServer) -> None:
    header = {"queryId": "q", "columnNames": ["A"], "columnTypes": ["INTEGER"]}
    lines = [header, [1], "", refusal("Kafka went away")]
    server.play("/query-stream", b"\n".join(json.dumps(line).encode() if line else b"" for line in lines))
    answer = server.client.query("SELECT * FROM a EMIT CHANGES;")
    assert (answer.query_id, answer.names, answer.types) == ("q", ["A"], ["INTEGER"])
    assert next(answer.rows) == [1]
    with pytest.raises(StatementRefused, match="Kafka went away"):
        next(answer.rows)


def test_files_are_sent_in_order_and_told_apart(server: PlayedServer, tmp_path: Path) -> None:
    files = [tmp_path / "1.sql", tmp_path / "2.sql"]
    for path in files:
        path.write_text("CREATE TABLE only_ksqldb_has_this AS SELECT COUNT(*) FROM b GROUP BY x;")
    server.play("/info", KSQLDB)
    server.play("/ksql", [created("A"), created("B", "CSAS_B_3")])
    there = "Cannot add stream `A`: A stream with the same name already exists."
    server.play("/ksql", [{"@type": "warning_entity", "message": there}])
    assert list(apply_files(server.client, files, {"limit": "3"})) == [
        Applied(str(files[0]), "A", "created"),
        Applied(str(files[0]), "B", "created", "CSAS_B_3"),
        Applied(str(files[1]), "A", "there"),
    ]
    assert server.bodies[0]["streamsProperties"] == {"ksql.streams.auto.offset.reset": "earliest"}
    assert server.bodies[0]["sessionVariables"] == {"limit": "3"}


def test_with_our_own_server_all_files_are_parsed_before_one_is_sent(server: PlayedServer, tmp_path: Path) -> None:
    good, bad = tmp_path / "1.sql", tmp_path / "2.sql"
    good.write_text("SHOW STREAMS;")
    bad.write_text("-- a comment\nCREATE STRAM a;\n")
    server.play("/info", OURS)
    with pytest.raises(StatementError) as refused:
        list(apply_files(server.client, [good, bad], {}))
    assert str(refused.value).startswith(f"{bad}, line 2, column 8: ")
    assert server.bodies == []


def files_of(folder: Path, *texts: str) -> list[Path]:
    files = [folder / f"{number}.sql" for number in range(len(texts))]
    for path, text in zip(files, texts, strict=True):
        path.write_text(text)
    return files


def test_our_own_server_gets_all_files_in_one_request(server: PlayedServer, tmp_path: Path) -> None:
    files = files_of(tmp_path, "CREATE STREAM a (x INT) WITH (kafka_topic='a') -- no semicolon", "", "SHOW STREAMS;")
    server.play("/info", OURS)
    server.play("/ksql", [created("A"), {"@type": "streams", "streams": []}])
    assert [(applied.file, applied.name) for applied in apply_files(server.client, files, {})] == [
        (str(files[0]), "A"),
        (str(files[2]), ""),
    ]
    assert len(server.bodies) == 1
    assert len(parse(server.bodies[0]["ksql"])) == 2


def test_nothing_is_sent_when_no_file_holds_a_statement(server: PlayedServer, tmp_path: Path) -> None:
    server.play("/info", OURS)
    assert list(apply_files(server.client, files_of(tmp_path, "", "-- later\n"), {})) == []
    assert server.bodies == []


def test_what_a_file_sets_and_defines_ends_with_it(server: PlayedServer, tmp_path: Path) -> None:
    first = "SET 'auto.offset.reset' = 'latest'; SET 'num.stream.threads' = '2'; DEFINE a = '1'; DEFINE b = '2';"
    server.play("/info", OURS)
    server.play("/ksql", [{"@type": "streams", "streams": []}])
    list(apply_files(server.client, files_of(tmp_path, first, "SHOW STREAMS;"), {"A": "0"}))
    assert [printed(each) for each in parse(server.bodies[0]["ksql"])[4:]] == [
        "SET 'auto.offset.reset' = 'earliest'",
        "UNSET 'num.stream.threads'",
        "DEFINE A = '0'",
        "UNDEFINE B",
        "SHOW STREAMS",
    ]


@pytest.mark.parametrize(
    ("message", "statement", "told"),
    [
        (
            "line 4, column 8: no column Y in A\n    SELECT y\n           ^",
            "",
            "1.sql, line 2, column 8: no column Y in A\n",
        ),
        ("line 1, column 3: no", "", "0.sql, line 1, column 3: no"),
        ("Cannot drop A.", "DROP STREAM a;", "2.sql, line 1: Cannot drop A."),
    ],
)
def test_a_refusal_of_our_own_server_is_placed_in_its_file(
    server: PlayedServer, tmp_path: Path, message: str, statement: str, told: str
) -> None:
    files = files_of(tmp_path, "SHOW STREAMS;", "CREATE STREAM b AS\nSELECT y FROM a;", "DROP STREAM a;")
    server.play("/info", OURS)
    server.play("/ksql", refusal(message, statement), 400)
    with pytest.raises(StatementError) as refused:
        list(apply_files(server.client, files, {}))
    assert str(refused.value).startswith(f"{tmp_path}/{told}")


TEXT = "-- two statements\nCREATE STREAM a (x INT) WITH (…);\n\nCREATE STREAM b AS\n  SELECT y FROM a;\n"


@pytest.mark.parametrize(
    ("message", "statement", "told"),
    [
        ("line 5:10: Column 'Y' cannot be resolved.", "", "line 5, column 10: Column 'Y' cannot be resolved."),
        ("Column 'Y' cannot be resolved.", "CREATE STREAM B AS SELECT y FROM a;", "line 4: Column 'Y'"),
        ("Column 'Y' cannot be resolved.", "create stream\nb as", "line 4: Column 'Y'"),
        ("something else", "", "something else"),
    ],
)
def test_a_refusal_of_ksqldb_is_placed_in_the_file(
    server: PlayedServer, tmp_path: Path, message: str, statement: str, told: str
) -> None:
    path = tmp_path / "a.sql"
    path.write_text(TEXT)
    server.play("/info", KSQLDB)
    server.play("/ksql", refusal(message, statement), 400)
    with pytest.raises(StatementError) as refused:
        list(apply_files(server.client, [path], {}))
    assert told in str(refused.value)
    if "column" in told:
        assert str(refused.value).endswith("      SELECT y FROM a;\n             ^")
