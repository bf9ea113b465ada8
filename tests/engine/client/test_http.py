"""The client of ksqlDB's REST API; the server's answers are played."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streamguard.engine.client.http import KsqlClient
from streamguard.errors import KsqlUnavailable, StatementRefused


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
