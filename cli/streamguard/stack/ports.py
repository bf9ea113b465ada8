"""Who holds a port."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable

from streamguard.errors import PortTaken
from streamguard.settings import LOOPBACK


def require_free(ports: Iterable[tuple[int, str]]) -> None:
    """PortTaken for the first of these ports (with the name of its server) that another process holds."""
    for port, name in ports:
        if not is_free(port):
            raise PortTaken(
                f"port {port}, which {name} needs, is taken by {holder(port)}: "
                "end that process, or move all ports with STREAMGUARD_PORT_OFFSET=100"
            )


def is_free(port: int) -> bool:
    """Whether a server can listen there, as the servers of the stack do (a closing connection does not count)."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
            listener.listen()
        except OSError as exc:
            if exc.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def holder(port: int) -> str:
    """The process that listens on a port, for a person."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return "a process of another user"
