"""A ksql server over HTTP that plays without Kafka: statements work, push queries give rows until they are ended."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from streamguard.engine.server.session import EDITABLE
from streamguard.errors import StatementRefused
from tests.engine.client.served import Served

COLUMNS = {"queryId": "transient_1", "columnNames": ["ID", "NAME"], "columnTypes": ["BIGINT", "STRING"]}
ROWS = [[1, "alice"], [2, "bob"], [3, None]]


class KsqlServer(ThreadingHTTPServer):
    """`bodies`: what was asked; `closed`: ids of queries that clients ended; `gone`: a client went in the middle;
    `named`: one has got the names for its completion."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        self.allow_reuse_address = True
        super().__init__(("127.0.0.1", port), _Answers)
        self.served = Served(ours=True)
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.closed: list[str] = []
        self.gone = threading.Event()
        self.named = threading.Event()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> KsqlServer:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.shutdown()
        self.server_close()


class _Answers(BaseHTTPRequestHandler):
    server: KsqlServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        if self.path == "/info":
            self._json({"KsqlServerInfo": {**self.server.served.info(), "ksqlServiceId": "trial"}})
            return
        name = unquote(self.path.rpartition("/")[2])
        known = name in EDITABLE
        refused = {"@type": "generic_error", "error_code": 40000, "message": f"Not recognizable as property: '{name}'"}
        self._json(True if known else refused, 200 if known else 400)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.paths.append(self.path)
        self.server.bodies.append(body)
        if self.path == "/ksql":
            self._statements(body)
        elif self.path == "/query-stream":
            self._rows(body["sql"])
        elif self.path == "/query":
            self._lines()
        elif self.path == "/close-query":
            self.server.closed.append(body["queryId"])
            self._json({})

    def _statements(self, body: dict[str, Any]) -> None:
        served = self.server.served
        try:
            options = {"properties": body["streamsProperties"], "variables": body["sessionVariables"]}
            self._json(served.ksql(body["ksql"], **options))
            if "SHOW FUNCTIONS" in body["ksql"]:
                self.server.named.set()
        except StatementRefused as exc:
            refused = {"@type": "statement_error", "error_code": 40001, "message": str(exc), "statementText": ""}
            self._json({**refused, "entities": []}, 400)

    def _rows(self, sql: str) -> None:
        """Some rows; then the end, or after EMIT CHANGES without a LIMIT nothing more until the client goes."""
        self._begin()
        self._line(COLUMNS)
        for row in ROWS:
            self._line(row)
        endless = "EMIT CHANGES" in sql.upper() and "LIMIT" not in sql.upper()
        while endless and not self.server.ending.wait(0.02):
            try:
                self._line([4, "again"])
            except OSError:
                self.server.gone.set()
                return
        self._chunk(b"")

    def _lines(self) -> None:
        self._begin()
        for line in (
            "Key format: KAFKA_STRING",
            "Value format: JSON or KAFKA_STRING",
            "rowtime: now, key: k, value: v",
        ):
            self._chunk(f"{line}\n".encode())
        self._chunk(b"")

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _line(self, document: Any) -> None:
        self._chunk(json.dumps(document).encode() + b"\n")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, document: Any, status: int = 200) -> None:
        raw = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""
