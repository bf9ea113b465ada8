"""DATE, TIME and TIMESTAMP as text and back, in ISO form with parts left out; patterns of users are in `javatime`.

A DATE is days and a TIMESTAMP milliseconds since 1970-01-01 UTC, a TIME milliseconds of the day.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAY = 86_400_000
EPOCH = date(1970, 1, 1).toordinal()
DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?", re.ASCII)
CLOCK = re.compile(r"(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?", re.ASCII)
MIDNIGHT = re.compile(r"24(:00?(:00?(\.0+)?)?)?")
OFFSET = re.compile(r"([+-])(\d{2}):?(\d{2})?", re.ASCII)
TIMESTAMP = re.compile(r"([^T+Z]+)(?:T([\d:.]*))?(.*)", re.ASCII)


def date_of_text(text: str) -> int:
    """Days of ``2020-01-31``, ``2020-01`` or ``2020``; what follows a T is ignored.

    Raises:
        ValueError: the text is no date.
    """
    found = DATE.fullmatch(text.strip().partition("T")[0])
    if not found:
        raise ValueError('a text is not a date; the format is "yyyy-MM-dd"')
    year, month, day = (int(part or 1) for part in found.groups())
    try:
        return date(year, month, day).toordinal() - EPOCH
    except ValueError:
        raise ValueError("a text names a day that no calendar has") from None


def time_of_text(text: str) -> int:
    """Milliseconds of ``10:11:12.013``, ``10:11:12``, ``10:11`` or ``10``.

    Raises:
        ValueError: the text is no time.
    """
    found = CLOCK.fullmatch(text.strip())
    if not found:
        raise ValueError('a text is not a time; the format is "HH:mm:ss.SSS"')
    hour, minute, second = (int(part or 0) for part in found.groups()[:3])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("a text names a time that no day has")
    milliseconds = int((found.group(4) or "0").ljust(9, "0")[:3])
    return (hour * 3600 + minute * 60 + second) * 1000 + milliseconds


def timestamp_of_text(text: str) -> int:
    """Milliseconds of ``2020-01-31T10:11:12.013+0100`` with any parts left out from the right; UTC without a zone.

    Raises:
        ValueError: the text is no timestamp.
    """
    found = TIMESTAMP.fullmatch(text.strip())
    if not found:
        raise ValueError("a text is not a timestamp; the format is \"yyyy-MM-dd'T'HH:mm:ss.SSS\"")
    day, clock, zone = found.groups()
    if clock is None and zone:
        raise ValueError("a text is not a timestamp: a zone needs a time before it")
    local = date_of_text(day) * DAY + _clock(clock)
    return local - offset_of(zone, local)


def _clock(text: str | None) -> int:
    """The time of a timestamp, where 24:00 is the next midnight."""
    if not text:
        return 0
    return DAY if MIDNIGHT.fullmatch(text) else time_of_text(text)


def offset_of(zone: str, local: int) -> int:
    """How many milliseconds the zone is before UTC at that local time; ``Z``, ``+0100``, ``+01:00`` or a name.

    Raises:
        ValueError: there is no such zone.
    """
    if zone in ("", "Z", "UTC"):
        return 0
    found = OFFSET.fullmatch(zone)
    if found:
        minutes = int(found.group(2)) * 60 + int(found.group(3) or 0)
        return (-minutes if found.group(1) == "-" else minutes) * 60_000
    try:
        wall = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=ZoneInfo(zone)) + timedelta(milliseconds=local)
    except (ZoneInfoNotFoundError, ValueError, OverflowError):
        raise ValueError("a text names a time zone that does not exist") from None
    offset = wall.utcoffset()
    return 0 if offset is None else round(offset.total_seconds() * 1000)


def text_of_date(days: int) -> str:
    """``2020-01-31``. Raises ValueError outside the years 1 to 9999."""
    try:
        return date.fromordinal(days + EPOCH).isoformat()
    except OverflowError:
        raise ValueError("a date is not in the years 1 to 9999") from None


def text_of_time(value: int) -> str:
    """``10:11``, ``10:11:12`` or ``10:11:12.013``: as short as it can be."""
    seconds, milliseconds = divmod(value, 1000)
    minutes, second = divmod(seconds, 60)
    text = f"{minutes // 60:02}:{minutes % 60:02}"
    if milliseconds:
        return f"{text}:{second:02}.{milliseconds:03}"
    return f"{text}:{second:02}" if second else text


def text_of_timestamp(value: int) -> str:
    """``2020-01-31T10:11:12.013``, in UTC. Raises ValueError outside the years 1 to 9999."""
    days, time = divmod(value, DAY)
    seconds, milliseconds = divmod(time, 1000)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{milliseconds:03}"
    return f"{text_of_date(days)}T{clock}"
