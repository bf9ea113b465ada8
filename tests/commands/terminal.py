"""`streamguard ksql shell` on a terminal of its own, a pty."""

from __future__ import annotations

import sys
from pathlib import Path

import pexpect

from streamguard.settings import inherited_environment

COMMAND = [sys.executable, "-m", "streamguard", "ksql", "shell"]
SECONDS = 20


class Terminal:
    """A shell on a pty. A prompt may be painted more than once, so what is waited for is what a statement shows."""

    def __init__(self, url: str, home: Path, *, width: int = 80) -> None:
        environment = {**inherited_environment(), "XDG_STATE_HOME": str(home), "TERM": "xterm-256color"}
        environment |= {"PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1"}
        self.child = pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], "--url", url],
            env=environment,
            dimensions=(40, width),
            timeout=SECONDS,
            encoding="utf-8",
        )
        self.child.expect("ksql>")

    def type(self, text: str, *shown: str) -> None:
        """Type a line, and wait for each of the patterns in turn."""
        self.child.send(text + "\r")
        for pattern in shown:
            self.child.expect(pattern)

    def end(self) -> int | None:
        """Ctrl-D; the exit code."""
        self.child.expect("ksql>")
        self.child.sendeof()
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus
