"""Whether the API is away, as far as the calls tell.

Closed: calls are made. Open, after several failures with no answer in between: no call is made until `retry_at`, and
then a single one (half open): if it is answered the breaker closes, if it fails it stays open for longer.
"""

from __future__ import annotations

import math
from enum import Enum

from streamguard.services.validation import backoff

FAILURES = 5
"""Failed calls in a row that open it."""


class State(Enum):
    """As metrics show it."""

    CLOSED = "closed"
    HALF_OPEN = "half_open"
    OPEN = "open"


class Breaker:
    """Times are seconds of one clock; chances are from 0 to 1."""

    def __init__(self) -> None:
        self.state = State.CLOSED
        self.retry_at = -math.inf
        self.reason = ""
        """Of the last failure."""
        self.since = math.inf
        """When the first of the failures in a row was."""
        self._failures = 0
        self._probes = 0

    @property
    def is_closed(self) -> bool:
        return self.state is State.CLOSED

    def probe(self) -> None:
        """The single call is being made."""
        self.state = State.HALF_OPEN

    def answered(self) -> bool:
        """A call was answered, whatever it said: whether the API was away until now."""
        was_away = not self.is_closed
        self.state = State.CLOSED
        self._failures = self._probes = 0
        self.since = math.inf
        return was_away

    def failed(self, reason: str, now: float, chance: float, retry_after: float = 0.0) -> bool:
        """A call failed: whether the API counts as away from now on. Late failures of calls made before do nothing."""
        self.reason = reason
        self._failures += 1
        self.since = min(self.since, now)
        if self.state is State.OPEN or (self.is_closed and self._failures < FAILURES):
            return False
        opened = self.is_closed
        self.state = State.OPEN
        self._probes += 1
        self.retry_at = now + max(backoff.delay(self._probes, chance), retry_after)
        return opened
