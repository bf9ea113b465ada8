"""The REST API's requests, answers and framing; the statements behind it are played."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from streamguard.engine.execution.rows import Tombstone
from streamguard.engine.server.framing import DELIMITED, ROW_OBJECTS, Heading, RowObjects
from streamguard.engine.server.rejection import NOT_FOUND, Rejection, bad_request, bad_statement
from streamguard.engine.server.request import StatementRequest
from streamguard.engine.server.rest import BODY_LIMIT, application
from streamguard.errors import KafkaUnavailable

HEADING = Heading("transient_A_1", ["ID", "PAIR"], ["BIGINT", "STRUCT<`X` STRING>"])


class PlayedPush:
    """A push query whose batches are given; a Rejection among them is raised."""

    def __init__(self, batches: Sequence[list[Sequence[Any]] | Exception]) -> None:
        self.heading = HEADING
        self.last_words = "Limit Reached"
        self.closed = False
        self._batches = list(batches)

    def poll(self, timeout: float) -> list[Sequence[Any]] | None:
        batch = self._batches.pop(0) if self._batches else None
        if isinstance(batch, Exception):
            raise batch
        return batch

    def close(self) -> None:
        self.closed = True


class PlayedInserts:
    """Takes rows that are numbers; the first that is none is refused."""

    def __init__(self) -> None:
        self.rows: list[int] = []

    def write(self, rows: Sequence[bytes]) -> tuple[int, Rejection | None]:
        for count, row in enumerate(rows):
            if not row.isdigit():
                return count, bad_request("no number")
            self.rows.append(int(row))
        return len(rows), None


class PlayedApi:
    """Answers what it is told to, remembers what it was asked."""

    def __init__(self, answer: Callable[[StatementRequest], Any] = lambda _: []) -> None:
        self.answer = answer
        self.asked: list[StatementRequest] = []
        self.inserted = PlayedInserts()
        self.well = True

    def info(self) -> dict[str, Any]:
        return {"version": "8.1.0", "kafkaClusterId": "k", "ksqlServiceId": "s", "serverStatus": "RUNNING"}

    def health(self) -> dict[str, Any]:
        return {"isHealthy": self.well, "details": {}, "serverState": "READY"}

    def execute(self, request: StatementRequest) -> list[dict[str, Any]]:
        self.asked.append(request)
        return list(self.answer(request))

    def query(self, request: StatementRequest) -> Any:
        self.asked.append(request)
        return self.answer(request)

    def inserts(self, target: str) -> PlayedInserts:
        if target != "events":
            raise bad_request(f"Cannot insert values into an unknown stream: {target}")
        return self.inserted

    def terminate(self, topics: Sequence[str]) -> list[dict[str, Any]]:
        return [{"@type": "currentStatus", "topics": list(topics)}]

    def close_query(self, query_id: str) -> None:
        raise bad_request(f"No query with id {query_id}")

    def status(self, command_id: str) -> dict[str, Any]:
        if command_id != "stream/`A/B`/create":
            raise Rejection(NOT_FOUND, "Command not found")
        return {"status": "SUCCESS", "message": "Stream created", "queryId": None}

    def statuses(self) -> dict[str, str]:
        return {"stream/`A`/create": "SUCCESS"}

    def check_property(self, name: str) -> None:
        if name != "auto.offset.reset":
            raise bad_request(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'")

    def metrics(self) -> bytes:
        return b"streamguard_ksql_restarts_total 0\n"


def client_of(api: PlayedApi) -> TestClient:
    return TestClient(application(api), follow_redirects=False)


@pytest.fixture
def api() -> PlayedApi:
    return PlayedApi()


@pytest.fixture
def client(api: PlayedApi) -> TestClient:
    return client_of(api)


def test_the_root_leads_to_info(client: TestClient) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/info")
    assert client.get("/info").json()["KsqlServerInfo"]["serverStatus"] == "RUNNING"


def test_an_unknown_path_is_plain_text(client: TestClient) -> None:
    answer = client.get("/nothing")
    assert (answer.status_code, answer.text) == (404, "Not Found")


def test_healthcheck_is_200_even_when_unwell_and_health_is_not(api: PlayedApi, client: TestClient) -> None:
    api.well = False
    assert client.get("/healthcheck").status_code == 200
    assert client.get("/health").status_code == 503


def test_a_request_is_read_leniently(api: PlayedApi, client: TestClient) -> None:
    body = {
        "ksql": "SHOW STREAMS;",
        "streamsProperties": {"ksql.streams.auto.offset.reset": "earliest", "n": 1},
        "sessionVariables": {"limit": "3"},
        "commandSequenceNumber": 4,
        "unheardOf": [],
    }
    client.post("/ksql", content=json.dumps(body))
    assert api.asked == [
        StatementRequest("SHOW STREAMS;", {"auto.offset.reset": "earliest", "n": "1"}, {"limit": "3"}, 4)
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", '"ksql" field must be populated'),
        (b"{}", '"ksql" field must be populated'),
        (b'{"ksql": "  "}', '"ksql" field must be populated'),
        (b'{"ksql"', "Invalid JSON in request"),
        (b'{"ksql": "SHOW \\udcff;"}', "Invalid JSON in request"),
        (b"[]", "must be an object"),
        (b"[" * 100_000, "Invalid JSON in request"),
        (b'{"ksql": "x", "streamsProperties": 1}', "streamsProperties must be an object"),
        (b'{"ksql": "x", "commandSequenceNumber": "a"}', "commandSequenceNumber must be a number"),
    ],
)
def test_a_malformed_request_is_a_generic_error(client: TestClient, body: bytes, message: str) -> None:
    answer = client.post("/ksql", content=body)
    assert answer.status_code == 400
    assert answer.json()["@type"] == "generic_error"
    assert answer.json()["error_code"] == 40000
    assert message in answer.json()["message"]


def test_a_body_over_the_limit_is_refused(client: TestClient) -> None:
    assert client.post("/ksql", content=b" " * (BODY_LIMIT + 1)).status_code == 413


def test_a_bad_statement_is_a_statement_error() -> None:
    def refuse(_: StatementRequest) -> Any:
        raise bad_statement("line 1, column 8: no", "SELECT nope;")

    answer = client_of(PlayedApi(refuse)).post("/ksql", json={"ksql": "SELECT nope;"})
    assert answer.status_code == 400
    assert answer.json() == {
        "@type": "statement_error",
        "error_code": 40001,
        "message": "line 1, column 8: no",
        "statementText": "SELECT nope;",
        "entities": [],
    }


def test_a_failure_of_the_server_is_answered_without_its_details() -> None:
    def fail(_: StatementRequest) -> Any:
        raise RuntimeError("secret")

    answer = client_of(PlayedApi(fail)).post("/ksql", json={"ksql": "x"})
    assert (answer.status_code, answer.json()["error_code"]) == (500, 50000)
    assert "secret" not in answer.text


ROWS: list[Sequence[Any]] = [[1, {"X": "a"}], [Decimal("2.50"), None]]
HEADER = {"queryId": "transient_A_1", "columnNames": ["ID", "PAIR"], "columnTypes": ["BIGINT", "STRUCT<`X` STRING>"]}


def rows_of(path: str, accept: str | None, batches: Sequence[Any]) -> tuple[str, str]:
    push = PlayedPush(batches)
    field = "ksql" if path == "/query" else "sql"
    headers = {"accept": accept} if accept else {"accept": ""}
    answer = client_of(PlayedApi(lambda _: push)).post(
        path, json={field: "SELECT * FROM a EMIT CHANGES;"}, headers=headers
    )
    assert answer.status_code == 200
    assert push.closed
    return answer.text, answer.headers["content-type"].split(";")[0]


def test_query_stream_sends_lines_by_default() -> None:
    text, media_type = rows_of("/query-stream", None, [[], ROWS])
    assert media_type == DELIMITED
    assert text.endswith('[1,{"X":"a"}]\n[2.50,null]\n')
    assert json.loads(text.splitlines()[0]) == HEADER


def test_query_stream_sends_one_array_as_json() -> None:
    text, _ = rows_of("/query-stream", "application/json", [ROWS, ROWS])
    assert json.loads(text) == [HEADER, [1, {"X": "a"}], [2.5, None], [1, {"X": "a"}], [2.5, None]]


@pytest.mark.parametrize(
    ("path", "accept"),
    [("/query", None), ("/query", "application/json"), ("/query-stream", f"{DELIMITED};q=0.1, {ROW_OBJECTS}")],
)
def test_row_objects_can_be_read_line_by_line(path: str, accept: str | None) -> None:
    text, _ = rows_of(path, accept, [ROWS])
    assert json.loads(text)[0]["header"]["schema"] == "`ID` BIGINT, `PAIR` STRUCT<`X` STRING>"
    assert [json.loads(line.strip("[],")) for line in text.splitlines()[1:3]] == [
        {"row": {"columns": [1, {"X": "a"}]}},
        {"row": {"columns": [2.5, None]}},
    ]
    assert json.loads(text)[-1] == {"finalMessage": "Limit Reached"}


def test_a_row_object_is_a_whole_line_as_soon_as_it_is_sent() -> None:
    framing = RowObjects()
    for piece in (framing.head(HEADING), framing.rows([[1, {}]]), framing.finish("Limit Reached")):
        assert piece.endswith(b"\n")
    plain = RowObjects()
    table = plain.head(replace(HEADING, worded=False)) + plain.rows([[1, {}]]) + plain.finish("")
    assert json.loads(table)[1] == {"row": {"columns": [1, {}]}}  # nothing follows the last row


@pytest.mark.parametrize("accept", [DELIMITED, ROW_OBJECTS, "application/json"])
def test_an_error_after_the_first_row_travels_in_the_stream(accept: str) -> None:
    text, _ = rows_of("/query-stream", accept, [ROWS, Rejection(50000, "Kafka went away")])
    assert '"message":"Kafka went away"' in text
    if accept != DELIMITED:
        json.loads(text)


def test_a_query_that_is_refused_has_a_status_of_its_own() -> None:
    def refuse(_: StatementRequest) -> Any:
        raise bad_statement("no stream A", "SELECT 1")

    answer = client_of(PlayedApi(refuse)).post("/query-stream", json={"sql": "SELECT 1"})
    assert answer.status_code == 400


def test_the_small_endpoints(client: TestClient) -> None:
    assert client.get("/is_valid_property/auto.offset.reset").json() is True
    assert client.get("/is_valid_property/nope").status_code == 400
    assert client.post("/close-query", json={"queryId": "x"}).json()["message"] == "No query with id x"
    assert client.post("/close-query", json={}).status_code == 400
    assert client.get("/status").json() == {"commandStatuses": {"stream/`A`/create": "SUCCESS"}}
    assert client.get("/status/stream/`A%2FB`/create").json()["status"] == "SUCCESS"
    assert client.get("/status/stream/x/create").json()["error_code"] == 40400
    assert client.get("/v1/metadata/id").json()["scope"]["clusters"] == {"kafka-cluster": "k", "ksql-cluster": "s"}
    assert client.get("/metrics").text.startswith("streamguard_ksql")


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:3000", 200), ("https://evil.example", 403)])
def test_web_pages_of_other_hosts_may_not_run_statements(client: TestClient, origin: str, status: int) -> None:
    answer = client.post("/ksql", json={"ksql": "SHOW STREAMS;"}, headers={"origin": origin})
    assert answer.status_code == status


async def over_http_2(api: PlayedApi, pieces: Sequence[bytes], accept: str = "") -> tuple[int, bytes]:
    """The answer of /inserts-stream to a body that arrives in pieces."""
    incoming: list[dict[str, Any]] = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"accept", accept.encode())]
    scope = {"type": "http", "method": "POST", "path": "/inserts-stream", "headers": headers, "query_string": b""}
    await application(api)({**scope, "http_version": "2", "scheme": "http", "root_path": ""}, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent[1:])


def inserted(api: PlayedApi, pieces: Sequence[bytes], accept: str = "") -> tuple[int, bytes]:
    return asyncio.run(over_http_2(api, pieces, accept))


def test_inserted_rows_are_acknowledged_in_their_order(api: PlayedApi) -> None:
    status, body = inserted(api, [b'{"target": "events"}\n1\n', b"2\n3", b"4\n", b"5"])
    assert status == 200
    assert api.inserted.rows == [1, 2, 34, 5]
    assert [json.loads(line) for line in body.splitlines()] == [{"status": "ok", "seq": n} for n in range(4)]


def test_nothing_is_inserted_after_a_row_that_is_refused(api: PlayedApi) -> None:
    _, body = inserted(api, [b'{"target": "events"}\n1\nx\n2\n', b"3\n"], "application/json")
    assert api.inserted.rows == [1]
    first, second = json.loads(body)
    assert first == {"status": "ok", "seq": 0}
    assert (second["status"], second["seq"], second["error_code"]) == ("error", 1, 40000)


@pytest.mark.parametrize("accept", ["", "application/json"])
def test_no_rows_are_no_acknowledgements(api: PlayedApi, accept: str) -> None:
    _, body = inserted(api, [b'{"target": "events"}'], accept)
    assert body == (b"[]\n" if accept else b"")


@pytest.mark.parametrize("first", [b"", b"{}", b'{"target": "nothing"}', b"["])
def test_rows_want_a_target(api: PlayedApi, first: bytes) -> None:
    status, body = inserted(api, [first])
    assert (status, json.loads(body)["error_code"]) == (400, 40000)


def test_rows_are_inserted_over_http_2_only(client: TestClient) -> None:
    answer = client.post("/inserts-stream", content=b'{"target": "events"}\n')
    assert (answer.status_code, answer.json()["error_code"]) == (400, 40004)


def test_what_this_server_does_not_do_is_refused_by_code(client: TestClient) -> None:
    assert client.get("/clusterStatus").json()["error_code"] == 40000
    assert client.post("/heartbeat").json()["error_code"] == 40005
    assert client.post("/lag").json()["error_code"] == 40005


def test_a_cluster_is_terminated_with_a_list_of_topics(client: TestClient) -> None:
    assert client.post("/ksql/terminate", json={"deleteTopicList": ["a.*"]}).json()[0]["topics"] == ["a.*"]
    assert client.post("/ksql/terminate").json()[0]["topics"] == []
    assert client.post("/ksql/terminate", json={"deleteTopicList": "a"}).status_code == 400


@pytest.mark.parametrize("accept", [DELIMITED, ROW_OBJECTS, "application/json"])
def test_rows_that_are_gone_are_marked_or_left_out(accept: str) -> None:
    text, _ = rows_of("/query-stream", accept, [[[1, {"X": "a"}], Tombstone([1, None])]])
    assert ('{"row":{"columns":[1,null],"tombstone":true}}' in text) == (accept == ROW_OBJECTS)
    assert text.count("null") == (accept == ROW_OBJECTS)


def test_an_error_of_kafka_after_the_first_row_travels_in_the_stream() -> None:
    text, _ = rows_of("/query", None, [ROWS, KafkaUnavailable("no broker answers")])
    assert json.loads(text)[-1]["errorMessage"]["message"] == "no broker answers"
