"""Whether the queries over a topic get on: pure, the time is an argument.

A failure counts until something is committed. A topic without new records commits nothing, so a failure is also over
once the loop has worked for a while without another. A loop that begins again and again and never commits fails too:
a transaction that is aborted each time raises nothing, and is tried for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

PROVEN_SECONDS = 10.0
"""Longer than the longest pause between two attempts of a loop."""
ATTEMPTS = 4
STUCK = "it begins again and again and commits nothing; see `streamguard logs ksql`"


@dataclass
class Health:
    """Told by the loop of a topic. `since` is when it began last, None while it does not run."""

    failure: str = ""
    attempts: int = 0
    since: float | None = None

    def began(self, now: float) -> None:
        """The loop starts from the committed offsets: at first, and after each abort."""
        if not self.failure and self.since is not None and now - self.since > PROVEN_SECONDS:
            self.attempts = 0
        self.attempts += 1
        self.since = now

    def assigned(self) -> None:
        """Other partitions than before: a reason to start that is no failure."""
        self.attempts = 0

    def committed(self) -> None:
        """A transaction was committed."""
        self.failure, self.attempts = "", 0

    def failed(self, why: str) -> None:
        """The loop ended."""
        self.failure, self.since = why, None

    def error(self, now: float) -> str:
        """What is wrong, or nothing."""
        if self.since is not None and now - self.since > PROVEN_SECONDS:
            return ""
        return self.failure or (STUCK if self.attempts >= ATTEMPTS else "")
