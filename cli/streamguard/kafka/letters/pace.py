"""No more than so many records a second."""

from __future__ import annotations

import time
from collections.abc import Callable


class Pace:
    """Pauses between batches; `rate` None does not. What was late is not made up for."""

    def __init__(
        self,
        rate: float | None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate, self._clock, self._wait = rate, clock, wait
        self._due = clock()

    def pause_after(self, records: int) -> None:
        """Wait until the next batch may begin, after one of so many records."""
        if self._rate is None:
            return
        self._due += records / self._rate
        pause = self._due - self._clock()
        if pause > 0:
            self._wait(pause)
        else:
            self._due = self._clock()
