"""Bytes and times of records as text for a terminal and for JSON."""

from __future__ import annotations

from datetime import UTC, datetime

YEAR_10000 = 253_402_300_800_000


def time_text(milliseconds: int) -> str:
    """Milliseconds since 1970 as ISO 8601; a number that is no time of ours stays one."""
    if not 0 <= milliseconds < YEAR_10000:
        return str(milliseconds)
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def harmless(text: str) -> str:
    """Control characters as escapes: a record must not move the terminal's cursor."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
