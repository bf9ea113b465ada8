"""A file that people edit while a service runs: what it says, and why its newest version does not count.

A look reads the whole file and compares it with the version that was judged last: a save by rename, a time stamp put
back, a file of the same length, all are seen. A version counts only if the next look finds the same bytes: half of a
file that is being written may well be a right one, with half of what it is to say.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from streamguard.errors import ProjectError

LOOK_SECONDS = 0.25

T = TypeVar("T")
Read = Callable[["bytes | None"], T]
"""What a file says, by its bytes, None if it can not be read, as while an editor replaces it. Raises ProjectError."""


class Watched(Generic[T]):
    """`value` is what the file said when it was right the last time; `ProjectError` if it is wrong from the start.

    `trouble` says why the file as it is now is not in force, "" if it is; `taken` and `refused` count the versions that
    came later. `what` names what is in the file, for the log.
    """

    def __init__(self, path: Path, read: Read[T], *, what: str, log: logging.Logger) -> None:
        self.path = path
        self._read = read
        self._what = what
        self._log = log
        self._judged = self._content()
        self._seen = self._judged
        self.value = read(self._judged)
        self.trouble = ""
        self.taken = 0
        self.refused = 0

    def refresh(self) -> bool:
        """Look at the file: what two looks in a row found is taken if it is right; else it is told why not. Whether it
        was taken."""
        content = self._content()
        if content == self._judged or content != self._seen:
            self._seen = content
            return False
        self._judged = content
        try:
            self.value = self._read(content)
        except ProjectError as exc:
            first, *more = str(exc).splitlines()
            self.trouble = f"{first} (and {len(more)} more)" if more else first
            self.refused += 1
            self._log.error(
                "changed %s are refused, those from before stay in force", self._what, extra={"reason": self.trouble}
            )
            return False
        self.trouble = ""
        self.taken += 1
        self._log.info("changed %s are in force", self._what, extra=self.facts())
        return True

    def watch(self, stop: threading.Event, on_taken: Callable[[T], None] | None = None) -> None:
        """Refresh until `stop` is set; `on_taken` is given every version that is taken."""
        while not stop.wait(LOOK_SECONDS):
            if self.refresh() and on_taken is not None:
                on_taken(self.value)

    def facts(self) -> dict[str, str]:
        """What the log says of a version that is taken."""
        return {"file": str(self.path)}

    def _content(self) -> bytes | None:
        try:
            return self.path.read_bytes()
        except OSError:
            return None
