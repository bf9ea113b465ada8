"""An HTTP server of a test's own, that answers as a function says."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    body: Any
    authorization: str | None = None


def encoded(body: Any) -> bytes:
    """As it is sent: nothing, HTML if it is text, JSON otherwise."""
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body)).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no news."""


@contextmanager
def serving(
    answer: Callable[[Asked], tuple[int, Any] | None],
    *,
    protocol: str = "HTTP/1.0",
    tls: ssl.SSLContext | None = None,
) -> Iterator[str]:
    """The address, while it serves. `answer` gives status and body, or None: the connection is closed without any."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = protocol

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            answered = answer(Asked(self.command, self.path, body, self.headers.get("Authorization")))
            if answered is None:
                self.close_connection = True
                return
            status, body = answered
            content = encoded(body)
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
