"""A pseudo-terminal with a program in it: what it shows, and keys to press."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _control() -> None:
    """In the new process: its standard input is the terminal that sends it Ctrl-C."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """A program on a terminal of so many columns and lines."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, columns: int = 80, lines: int = 24
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        environment = {"TERM": "xterm-256color", **environment}
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
            preexec_fn=_control,  # noqa: PLW1509  nothing else runs in this process meanwhile
        )
        os.close(slave)
        self.raw = ""

    @property
    def shown(self) -> str:
        """Everything that was ever shown, without colours and movements."""
        return ESCAPES.sub("", self.raw).replace("\r", "")

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._master, keys.encode())

    def wait_for(self, text: str, within: float = 30.0) -> str:
        """Everything shown up to here, once it has `text`."""
        end = time.monotonic() + within
        while text not in self.shown:
            if not self._read(end - time.monotonic()):
                raise AssertionError(f"{text!r} is not on the terminal:\n{self.shown}")
        return self.shown

    def wait(self, within: float = 30.0) -> int:
        """The exit code, once the program has ended."""
        end = time.monotonic() + within
        while self._read(end - time.monotonic()):
            pass
        return self.process.wait(max(0.1, end - time.monotonic()))

    def _read(self, seconds: float) -> bool:
        """Take what is there; False when nothing comes any more."""
        ready, _, _ = select.select([self._master], [], [], max(0.0, seconds))
        if not ready:
            return False
        try:
            more = os.read(self._master, 65536)
        except OSError:  # the program has ended
            return False
        self.raw += more.decode(errors="replace")
        return bool(more)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
