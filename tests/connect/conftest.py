"""A scripted Connect worker: answers from a list, in order, and keeps what was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streamguard.connect.client import ConnectClient


@dataclass(frozen=True)
class Answer:
    """One answer. A `body` that is text is sent as HTML; `drop`: the connection is closed without one; `hold`: it
    comes after so many seconds."""

    status: int = 200
    body: Any = None
    drop: bool = False
    hold: float = 0.0


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any
    authorization: str | None = None


@dataclass
class Script:
    """`answers` are given in order; when they have run out, `rest` answers."""

    url: str = ""
    answers: list[Answer] = field(default_factory=list)
    rest: Answer = field(default_factory=lambda: Answer(500, {"error_code": 500, "message": "the script has ended"}))
    asked: list[Asked] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)

    def client(self, **options: Any) -> ConnectClient:
        return ConnectClient(self.url, **{"sleep": lambda _seconds: None, **options})

    @property
    def calls(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


def error(status: int, message: str) -> Answer:
    return Answer(status, {"error_code": status, "message": message})


@contextmanager
def playing(tls: ssl.SSLContext | None = None) -> Iterator[Script]:
    """A worker of its own that answers until the block ends."""
    played = Script()

    class Worker(BaseHTTPRequestHandler):
        def _play(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            played.asked.append(Asked(self.command, self.path, body, self.headers.get("Authorization")))
            answer = played.answers.pop(0) if played.answers else played.rest
            if answer.hold:
                played.stopping.wait(answer.hold)
            if answer.drop or played.stopping.is_set():
                self.close_connection = True
                return
            is_html = isinstance(answer.body, str)
            content = b"" if answer.body is None else (answer.body if is_html else json.dumps(answer.body)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/html" if is_html else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _play  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that has gone is no news."""

    server = Server(("127.0.0.1", 0), Worker)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    played.url = f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    try:
        yield played
    finally:
        played.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def script() -> Iterator[Script]:
    with playing() as played:
        yield played


@pytest.fixture
def second() -> Iterator[Script]:
    """Another worker of the same cluster."""
    with playing() as played:
        yield played
