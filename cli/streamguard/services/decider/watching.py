"""The rules in force, and their successors when somebody edits the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from streamguard.errors import ProjectError
from streamguard.services.decider.rules import Rules, read_rules, rules_of
from streamguard.services.watched import Watched

LOG = logging.getLogger("streamguard.services.decider")


class Rulebook(Watched[Rules], Collector):
    """`rules` are those in force, as `Watched` says; `ProjectError` if the file is wrong from the start."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, partial(_read, path), what="rules", log=LOG)

    @property
    def rules(self) -> Rules:
        return self.value

    def facts(self) -> dict[str, str]:
        """With the version that decisions name."""
        return {**super().facts(), "version": self.rules.version}

    def collect(self) -> Iterator[Metric]:
        """For prometheus_client."""
        valid = "Whether the file of rules as it is now is in force."
        yield GaugeMetricFamily("streamguard_rules_valid", valid, value=0 if self.trouble else 1)
        reloads = CounterMetricFamily("streamguard_rules_reloads", "Changed files of rules.", labels=("result",))
        reloads.add_metric(("taken",), self.taken)
        reloads.add_metric(("refused",), self.refused)
        yield reloads
        yield InfoMetricFamily("streamguard_rules", "The rules in force.", value={"version": self.rules.version})


def _read(path: Path, content: bytes | None) -> Rules:
    if content is None:
        return read_rules(path)  # which says why not
    try:
        return rules_of(path, content.decode())
    except UnicodeDecodeError as exc:
        raise ProjectError(f"{path} is not UTF-8 text") from exc
