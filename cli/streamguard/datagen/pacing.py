"""When records are due: a schedule without drift, and without a burst after a stall. Time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass

CATCH_UP = 1.5
"""How much faster than the rate a generator may go that has fallen behind."""

AT_ONE_TIME = 0.05
"""At most this many seconds' worth of records at one time; with `CATCH_UP`, no 100 ms see twice their share."""

SHORTEST_WAIT = 0.002
ROUND = 1024


@dataclass
class Pace:
    """Record i is due at i / rate seconds; `due` grants what is due, later grants make up for a stall slowly."""

    rate: float
    granted: int = 0
    _credit: float = 1.0
    _last: float = 0.0

    def due(self, elapsed: float) -> int:
        """How many records to send now, `elapsed` seconds after the start."""
        most = max(1.0, self.rate * AT_ONE_TIME)
        self._credit = min(most, self._credit + CATCH_UP * self.rate * (elapsed - self._last))
        self._last = elapsed
        behind = math.floor(elapsed * self.rate) + 1 - self.granted
        number = max(0, min(behind, math.floor(self._credit)))
        self._credit -= number
        self.granted += number
        return number

    def wait(self, elapsed: float) -> float:
        """Seconds until the next record is due."""
        return max(SHORTEST_WAIT, self.granted / self.rate - elapsed)


class FullSpeed:
    """Everything is due at once, a block at a time."""

    def due(self, elapsed: float) -> int:
        return ROUND

    def wait(self, elapsed: float) -> float:
        return 0.0
