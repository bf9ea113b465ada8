"""The judge in force, and its successor when somebody edits the rules or the blacklist."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TypeAlias

from streamguard.errors import ProjectError
from streamguard.services.validator.judgement import Judge, judge_by
from streamguard.services.validator.rules import BLACKLIST_FILE, RULES_FILE, load_blacklist, load_rules

LOG = logging.getLogger("streamguard.services.validator")
LOOK_SECONDS = 0.5
"""How often somebody looks whether a file has changed."""

Stamp: TypeAlias = "tuple[int, int, int] | None"
"""Tells two versions of a file apart; None: it can not be seen."""


class Rulebook:
    """`judge` judges by the files of `folder`; `ProjectError` if they are wrong from the start.

    `trouble` says why the files as they are now are not in force, "" if they are; `taken` and `refused` count the
    versions that came later.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamps = self._look()
        self.judge: Judge = self._read()
        self.trouble = ""
        self.taken = 0
        self.refused = 0

    def refresh(self) -> None:
        """Judge by the files as they are now if they have changed and are right; else go on as before, and say so."""
        stamps = self._look()
        if stamps == self._stamps:
            return
        self._stamps = stamps  # as before the reading: a change meanwhile is seen the next time
        try:
            self.judge = self._read()
        except ProjectError as exc:
            self.trouble = str(exc)
            self.refused += 1
            LOG.error("changed rules are refused, those before stay in force", extra={"reason": str(exc)})
        else:
            self.trouble = ""
            self.taken += 1
            LOG.info("changed rules are in force", extra={"folder": str(self._folder)})

    def watch(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            self.refresh()

    def _read(self) -> Judge:
        return judge_by(load_rules(self._folder), load_blacklist(self._folder))

    def _look(self) -> tuple[Stamp, ...]:
        return tuple(_stamp(self._folder / name) for name in (RULES_FILE, BLACKLIST_FILE))


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
