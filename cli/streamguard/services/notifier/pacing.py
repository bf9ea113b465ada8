"""When the next message may go: a token bucket, and the pause after a failure. Pure: the time is an argument."""

from __future__ import annotations

SHORTEST, LONGEST = 0.1, 5.0
"""Seconds of the first and of the longest pause after failures."""


class Bucket:
    """`burst` messages at once, and `per_minute` in the long run. Times are seconds of one clock."""

    def __init__(self, per_minute: float, burst: int, now: float) -> None:
        self._each = 60.0 / per_minute
        self._burst = burst
        self._full_at = now
        """When it has, or had, all of its tokens again."""

    def wait(self, now: float) -> float:
        """Seconds until a message may go."""
        return max(0.0, self._full_at - (self._burst - 1) * self._each - now)

    def take(self, now: float) -> None:
        """A message goes."""
        self._full_at = max(self._full_at, now) + self._each


def pause(failures: int, chance: float) -> float:
    """Seconds after so many failures in a row; `chance` is from 0 to 1.

    Half of it is by chance, so that channels that failed together do not come back together, and half is not: a server
    in trouble is left alone for a while.
    """
    longest = min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 30))
    return longest * (1 + chance) / 2
