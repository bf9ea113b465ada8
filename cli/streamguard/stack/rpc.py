"""The supervisor's XML-RPC over its unix socket."""

from __future__ import annotations

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

TIMEOUT = 10.0  # seconds for one answer

Fault = xmlrpc.client.Fault
ALREADY_STARTED = 60
NOT_RUNNING = 70
NO_ANSWER = (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError)


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__()
        self.path = path
        self.timeout = timeout

    def make_connection(self, host: Any) -> UnixConnection:
        connection = UnixConnection(self.path, self.timeout)
        self._connection = host, connection  # what `close` closes
        return connection


def call(path: Path, method: str, *arguments: Any, timeout: float = TIMEOUT) -> Any:
    """Call a method, as in ``call(path, "supervisor.getState")``; one connection for one call."""
    with xmlrpc.client.ServerProxy("http://localhost", transport=UnixTransport(path, timeout)) as server:
        return getattr(server, method)(*arguments)
