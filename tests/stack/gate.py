"""A TCP proxy before a server, which can be shut as if the server were not there."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import urlsplit


@dataclass
class Gate:
    """`shut` ends what goes through it, and refuses what comes; `open` again is on the same port."""

    target: tuple[str, int]
    port: int = 0
    accepted: int = 0
    """Connections so far."""
    _open: list[socket.socket] = field(default_factory=list)
    _listening: socket.socket | None = None

    @classmethod
    def before(cls, url: str, default_port: int) -> Self:
        """An open one before the server of an address."""
        parts = urlsplit(url)
        assert parts.hostname
        made = cls((parts.hostname, parts.port or default_port))
        made.open()
        return made

    def through(self, url: str) -> str:
        """The address that leads here in place of the server."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        return url.replace(host, f"127.0.0.1:{self.port}", 1)

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        assert self._listening is not None
        for part in (self._listening, *self._open):
            with contextlib.suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)
            part.close()
        self._open.clear()

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                self.accepted += 1
                far = socket.create_connection(self.target)
                self._open += [near, far]
                for one, other in ((near, far), (far, near)):
                    threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def heard(self, data: bytes) -> None:
        """What goes through, either way."""

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                self.heard(data)
                other.sendall(data)
        for part in (one, other):
            with contextlib.suppress(OSError):
                part.shutdown(socket.SHUT_RDWR)
            part.close()
