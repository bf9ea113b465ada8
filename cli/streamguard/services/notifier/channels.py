"""A channel, as init/NAME/notifications.yml says. It holds references to secrets, never a secret."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamguard.services.decider.outcomes import SEVERITIES
from streamguard.services.notifier.decision import Decision

REFERENCE = r"\$\{env:[A-Za-z_][A-Za-z0-9_]*\}"
_REFERENCE = re.compile(REFERENCE)
Lookup = Callable[[str], str]
"""The value of a variable; "" if it is not set."""


@dataclass(frozen=True)
class Filter:
    """Which decisions a channel wants; an empty set of rules or actions is all of them."""

    min_severity: str = SEVERITIES[0]
    rules: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()

    def refuses(self, decision: Decision) -> str:
        """By what a decision is left out; "" if it is wanted."""
        if SEVERITIES.index(decision.severity) < SEVERITIES.index(self.min_severity):
            return "severity"
        if self.rules and not self.rules.intersection(decision.rules):
            return "rule"
        return "action" if self.actions and decision.action not in self.actions else ""


@dataclass(frozen=True)
class Grouping:
    """Decisions that come within `seconds` of the first are grouped; a message has `size` of them at most."""

    by: str = "rule"
    seconds: float = 10.0
    size: int = 50


@dataclass(frozen=True)
class Rate:
    """Messages."""

    per_minute: float = 60.0
    burst: int = 5


@dataclass(frozen=True)
class Channel:
    """One channel. `options` are those of its kind; values may be references `${env:NAME}`."""

    name: str
    kind: str
    options: Mapping[str, Any]
    filter: Filter = field(default_factory=Filter)
    grouping: Grouping = field(default_factory=Grouping)
    rate: Rate = field(default_factory=Rate)
    mask: bool = True
    start: str = "now"
    template: str = ""

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that it refers to."""
        return tuple(dict.fromkeys(found.group()[6:-1] for found in _REFERENCE.finditer(json.dumps(self.options))))

    def missing(self, lookup: Lookup) -> list[str]:
        """Those that are not set."""
        return [name for name in self.variables if not lookup(name)]


def resolved(text: str, lookup: Lookup) -> str:
    """A value with its references replaced by what they stand for."""
    return _REFERENCE.sub(lambda found: lookup(found.group()[6:-1]), text)
