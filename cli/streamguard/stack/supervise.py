"""``python -m streamguard.stack.supervise -c FILE``: supervisord, with two changes.

A server that died is started again at once (supervisord as it comes may take a second to notice, and another second
before it acts), and every start is counted, for the restarts that `status` shows.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections import Counter
from typing import Any

from supervisor import events, states, supervisord  # type: ignore[import-untyped]
from supervisor.options import ServerOptions  # type: ignore[import-untyped]

STARTS: Counter[str] = Counter()


class Wakeup:
    """A dispatcher of supervisord's loop that is readable after a signal: no waiting for the next tick."""

    closed = False

    def __init__(self) -> None:
        self.fd, writer = os.pipe()
        os.set_blocking(self.fd, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def handle_read_event(self) -> None:
        os.read(self.fd, 4096)

    def handle_error(self) -> None:
        """Nothing to read after all."""


class Supervisor(supervisord.Supervisor):  # type: ignore[misc]
    """supervisord that reacts to a dead child in milliseconds."""

    def __init__(self, options: Any) -> None:
        super().__init__(options)
        self.wakeup = Wakeup()

    def runforever(self) -> None:
        count = lambda event: STARTS.update([event.process.config.name])  # noqa: E731
        events.subscribe(events.ProcessStateStartingEvent, count)
        super().runforever()

    def get_process_map(self) -> dict[int, Any]:
        return {**super().get_process_map(), self.wakeup.fd: self.wakeup}

    def reap(self, *, once: bool = False, recursionguard: int = 0) -> None:
        super().reap(once=once, recursionguard=recursionguard)
        if self.options.mood > states.SupervisorStates.RESTARTING:
            for group in list(self.process_groups.values()):
                group.transition()


class Starts:
    """The XML-RPC namespace `streamguard`."""

    def starts(self) -> dict[str, int]:
        """How often each program was started since the supervisor itself was."""
        return dict(STARTS)


def make_interface(_supervisord: Any) -> Starts:
    """What supervisord calls for the namespace `streamguard`."""
    return Starts()


def main(arguments: list[str]) -> None:
    """Run until told to stop."""
    options = ServerOptions()
    options.realize(arguments)
    options.first, options.test = True, False
    with contextlib.suppress(supervisord.asyncore.ExitNow):
        Supervisor(options).main()
    options.close_httpservers()
    options.close_logger()


if __name__ == "__main__":
    sys.modules["streamguard.stack.supervise"] = sys.modules["__main__"]  # one counter, however it is imported
    main(sys.argv[1:])
