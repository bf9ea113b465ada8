"""``python -m streamguard.stack.secantusd …``: SecantusDB's server, which ends at once when it is told to.

It closes its socket and then waits for the thread that accepts connections: on Linux that thread does not hear of it,
and every end takes two seconds more. A socket that is shut down wakes it.
"""

from __future__ import annotations

import contextlib
import socket
import sys

from secantus import cli  # type: ignore[import-untyped]
from secantus.server import SecantusDBServer  # type: ignore[import-untyped]


class Server(SecantusDBServer):  # type: ignore[misc]
    """The server as it comes, but for its end."""

    def stop(self) -> None:
        """End it."""
        listener: socket.socket | None = getattr(self, "_socket", None)
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
        super().stop()


if __name__ == "__main__":
    cli.SecantusDBServer = Server
    sys.exit(cli.main())
