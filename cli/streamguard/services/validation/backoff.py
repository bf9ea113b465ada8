"""How long to wait before the next try."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST, LONGEST = 0.1, 5.0
LONGEST_ASKED = 60.0
"""Seconds for which a `Retry-After` is obeyed."""


def delay(failures: int, chance: float) -> float:
    """Seconds after that many failures in a row; `chance` is from 0 to 1.

    The whole delay is by chance ("full jitter"): callers that failed together do not come back together.
    """
    return chance * min(LONGEST, SHORTEST * 2.0 ** min(failures - 1, 30))


def retry_after(header: str | None, now: datetime) -> float:
    """The seconds that a `Retry-After` asks for, as a number or a date; 0 if it asks for nothing that makes sense."""
    if not header:
        return 0.0
    if header.isascii() and header.isdigit():
        seconds = float(header[:9])
    else:
        try:
            when = parsedate_to_datetime(header)
        except ValueError:
            return 0.0
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_ASKED)
