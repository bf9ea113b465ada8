"""The rules in force, and their successors when somebody edits the file.

A look reads the whole file and compares it with the version that was judged last: a save by rename, a time stamp put
back, a file of the same length, all are seen. A version counts only if the next look finds the same bytes: half of a
file that is being written may well be a file of rules, with a shorter blacklist.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from streamguard.errors import ProjectError
from streamguard.services.decider.rules import Rules, read_rules, rules_of

LOG = logging.getLogger("streamguard.services.decider")
LOOK_SECONDS = 0.25


class Rulebook(Collector):
    """`rules` are those in force; `ProjectError` if the file is wrong from the start.

    `trouble` says why the file as it is now is not in force, "" if it is; `taken` and `refused` count the versions that
    came later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._judged = self._content()
        self._seen = self._judged
        self.rules = self._read(self._judged)
        self.trouble = ""
        self.taken = 0
        self.refused = 0

    def refresh(self) -> None:
        """Look at the file: what two looks in a row found is taken if it is right; else it is told why not."""
        content = self._content()
        if content == self._judged or content != self._seen:
            self._seen = content
            return
        self._judged = content
        try:
            self.rules = self._read(content)
        except ProjectError as exc:
            first, *more = str(exc).splitlines()
            self.trouble = f"{first} (and {len(more)} more)" if more else first
            self.refused += 1
            LOG.error("changed rules are refused, those from before stay in force", extra={"reason": self.trouble})
        else:
            self.trouble = ""
            self.taken += 1
            LOG.info("changed rules are in force", extra={"file": str(self._path), "version": self.rules.version})

    def watch(self, stop: threading.Event) -> None:
        """Refresh until `stop` is set."""
        while not stop.wait(LOOK_SECONDS):
            self.refresh()

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        valid = "Whether the file of rules as it is now is in force."
        yield GaugeMetricFamily("streamguard_rules_valid", valid, value=0 if self.trouble else 1)
        reloads = CounterMetricFamily("streamguard_rules_reloads", "Changed files of rules.", labels=("result",))
        reloads.add_metric(("taken",), self.taken)
        reloads.add_metric(("refused",), self.refused)
        yield reloads
        yield InfoMetricFamily("streamguard_rules", "The rules in force.", value={"version": self.rules.version})

    def _content(self) -> bytes | None:
        """The bytes of the file; None if it can not be read, as while an editor replaces it."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def _read(self, content: bytes | None) -> Rules:
        if content is None:
            return read_rules(self._path)  # which says why not
        try:
            return rules_of(self._path, content.decode())
        except UnicodeDecodeError as exc:
            raise ProjectError(f"{self._path} is not UTF-8 text") from exc
