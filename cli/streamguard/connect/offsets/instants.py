"""Times that a person writes: ISO 8601 with a zone, or so long ago. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)")
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_instant(text: str, now: datetime) -> int:
    """Milliseconds since 1970 of ``2026-11-22T10:00:00Z`` or ``2h`` (two hours before `now`).

    `ValueError` with a sentence for anything else, for a time without a zone and for one that is yet to come.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        try:
            found = now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        except OverflowError:
            raise ValueError(f"{text} ago is before the year 1") from None
    else:
        try:
            found = datetime.fromisoformat(text.strip())
        except ValueError:
            raise ValueError(
                f"{text!r} is no time: write it like 2026-11-22T10:00:00Z, or 2h for two hours ago"
            ) from None
        if found.tzinfo is None:
            raise ValueError(f"{text} says no time zone: add Z for UTC, or an offset like +02:00")
    if found > now:
        raise ValueError(f"{text} is yet to come: `offsets reset --to latest` goes to the end")
    return max(0, int(found.timestamp() * 1000))
