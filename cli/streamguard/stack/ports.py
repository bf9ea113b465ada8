"""Who holds a port."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Iterable

from streamguard.errors import PortTaken
from streamguard.settings import LOOPBACK

PATIENCE = 2.0  # seconds in which a process that is just ending lets go of its ports
PAUSE = 0.05


def require_free(ports: Iterable[tuple[int, str]]) -> None:
    """PortTaken for the first of these ports (with the name of its server) that another process holds."""
    for port, name in ports:
        deadline = time.monotonic() + PATIENCE
        while not is_free(port):
            who = holder(port)
            if who or time.monotonic() > deadline:
                raise PortTaken(
                    f"port {port}, which {name} needs, is taken by {who or 'a process of another user'}: "
                    "end that process, or move all ports with STREAMGUARD_PORT_OFFSET=100"
                )
            time.sleep(PAUSE)


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


def free_ports(count: int) -> list[int]:
    """As many ports that nobody listens on; nothing keeps them free."""
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(socket.socket()) for _ in range(count)]
        for listener in listeners:
            listener.bind((LOOPBACK, 0))
        return [int(listener.getsockname()[1]) for listener in listeners]


def holder(port: int) -> str:
    """The process that listens on a port, for a person; "" when none is seen."""
    import psutil

    try:
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                process = psutil.Process(connection.pid)
                return f"{process.name()} (process {connection.pid})"
    except psutil.Error:
        pass
    return ""
