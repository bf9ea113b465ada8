"""A proxy before a worker that counts requests, and is gone while the worker is."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Passed:
    """A request and what the worker answered; 0: it did not."""

    method: str
    path: str
    name: str
    status: int

    @property
    def is_write(self) -> bool:
        """Does it change a connector? Validation is a PUT that changes nothing."""
        return self.method != "GET" and not self.path.endswith("/validate")


@dataclass
class Proxy:
    """`url` is where it listens. While it is `shut`, connections are refused as by a process that is not there."""

    target: str
    passed: list[Passed] = field(default_factory=list)
    port: int = 0
    _server: ThreadingHTTPServer | None = None
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def writes(self) -> list[Passed]:
        return [one for one in list(self.passed) if one.is_write]

    def open(self) -> None:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                proxy.pass_on(self, self.rfile.read(length) if length else None)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _pass  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request: Any, client_address: Any) -> None:
                """The client is gone: nobody needs to know."""

        self._server = Server(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, name="proxy", daemon=True
        )
        self._thread.start()

    def shut(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = self._thread = None

    def pass_on(self, client: BaseHTTPRequestHandler, body: bytes | None) -> None:
        """Ask the worker; if it does not answer, the connection ends as its own would."""
        parts = urlsplit(self.target)
        backend = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=120)
        try:
            headers = {name: value for name, value in client.headers.items() if name.lower() != "host"}
            backend.request(client.command, client.path, body, headers)
            answer = backend.getresponse()
            content = answer.read()
        except OSError:
            self._note(client, body, 0)
            client.close_connection = True
            return
        except http.client.HTTPException:
            self._note(client, body, 0)
            client.close_connection = True
            return
        finally:
            backend.close()
        self._note(client, body, answer.status)
        client.send_response_only(answer.status)
        for name in ("Content-Type", "Server"):
            if answer.getheader(name):
                client.send_header(name, str(answer.getheader(name)))
        client.send_header("Content-Length", str(len(content)))
        client.end_headers()
        client.wfile.write(content)

    def _note(self, client: BaseHTTPRequestHandler, body: bytes | None, status: int) -> None:
        path = urlsplit(client.path).path
        steps = path.split("/")
        name = steps[2] if len(steps) > 2 else ""
        if client.command == "POST" and path == "/connectors" and body:
            name = json.loads(body)["name"]
        with self._lock:
            self.passed.append(Passed(client.command, path, name, status))


@contextmanager
def counting(target: str) -> Iterator[Proxy]:
    """A proxy before the worker at `target`."""
    proxy = Proxy(target)
    proxy.open()
    try:
        yield proxy
    finally:
        proxy.shut()
