"""Dates, times and timestamps. Patterns are Java's; a zone is a name such as ``Europe/Paris`` or an offset."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from streamguard.engine.functions.registry import category
from streamguard.engine.javatime import UTC, Pattern, Zone, pattern, zone
from streamguard.engine.values.operations import wrap_bigint, wrap_integer

scalar = category("DATE / TIME")
DAY = 86_400_000
UNITS = {
    f"{name}{plural}": milliseconds
    for name, milliseconds in {
        "DAY": DAY,
        "HOUR": 3_600_000,
        "MINUTE": 60_000,
        "SECOND": 1000,
        "MILLISECOND": 1,
    }.items()
    for plural in ("", "S")
}


def now() -> int:
    """Milliseconds since 1970; a seam for tests."""
    return time.time_ns() // 1_000_000


@scalar("UNIX_DATE", "() -> INTEGER", deterministic=False, fails=False)
def unix_date_now() -> int:
    """Days since 1970, of today in UTC or of a date."""
    return now() // DAY


@scalar("UNIX_DATE", "(DATE date) -> INTEGER", inline="{0}", fails=False)
def unix_date(date: int) -> int:
    """Days since 1970 of a date."""
    return date


@scalar("UNIX_TIMESTAMP", "() -> BIGINT", deterministic=False, fails=False)
def unix_timestamp_now() -> int:
    """Milliseconds since 1970, of now or of a timestamp."""
    return now()


@scalar("UNIX_TIMESTAMP", "(TIMESTAMP timestamp) -> BIGINT", inline="{0}", fails=False)
def unix_timestamp(timestamp: int) -> int:
    """Milliseconds since 1970 of a timestamp."""
    return timestamp


@scalar("FROM_DAYS", "(INTEGER days) -> DATE", inline="{0}", fails=False)
def from_days(days: int) -> int:
    """The date of a number of days since 1970."""
    return days


@scalar("FROM_UNIXTIME", "(BIGINT epochMilli) -> TIMESTAMP", inline="{0}", fails=False)
def from_unixtime(milliseconds: int) -> int:
    """The timestamp of a number of milliseconds since 1970."""
    return milliseconds


FORMAT = {1: pattern}
ZONED = {1: pattern, 2: zone}


@scalar("FORMAT_TIMESTAMP", "(TIMESTAMP timestamp, STRING formatPattern) -> STRING", prepare=FORMAT)
@scalar("TIMESTAMPTOSTRING", "(BIGINT epochMilli, STRING formatPattern) -> STRING", prepare=FORMAT)
def format_timestamp(timestamp: int, form: Pattern) -> str:
    """A timestamp as text, in a pattern and optionally a time zone."""
    return form.of_timestamp(timestamp, UTC)


@scalar("FORMAT_TIMESTAMP", "(TIMESTAMP timestamp, STRING formatPattern, STRING timeZone) -> STRING", prepare=ZONED)
@scalar("TIMESTAMPTOSTRING", "(BIGINT epochMilli, STRING formatPattern, STRING timeZone) -> STRING", prepare=ZONED)
def format_timestamp_in(timestamp: int, form: Pattern, where: Zone) -> str:
    """A timestamp as text, in a pattern and a time zone."""
    return form.of_timestamp(timestamp, where)


@scalar("PARSE_TIMESTAMP", "(STRING formattedTimestamp, STRING formatPattern) -> TIMESTAMP", prepare=FORMAT)
@scalar("STRINGTOTIMESTAMP", "(STRING formattedTimestamp, STRING formatPattern) -> BIGINT", prepare=FORMAT)
def parse_timestamp(text: str, form: Pattern) -> int:
    """The timestamp that a text in a pattern is, in UTC or a time zone."""
    return form.timestamp(text, UTC)


@scalar(
    "PARSE_TIMESTAMP", "(STRING formattedTimestamp, STRING formatPattern, STRING timeZone) -> TIMESTAMP", prepare=ZONED
)
@scalar(
    "STRINGTOTIMESTAMP", "(STRING formattedTimestamp, STRING formatPattern, STRING timeZone) -> BIGINT", prepare=ZONED
)
def parse_timestamp_in(text: str, form: Pattern, where: Zone) -> int:
    """The timestamp that a text in a pattern is in a time zone."""
    return form.timestamp(text, where)


@scalar("FORMAT_DATE", "(DATE date, STRING formatPattern) -> STRING", prepare=FORMAT)
@scalar("DATETOSTRING", "(INTEGER epochDays, STRING formatPattern) -> STRING", prepare=FORMAT)
def format_date(days: int, form: Pattern) -> str:
    """A date as text, in a pattern."""
    return form.of_date(days)


@scalar("PARSE_DATE", "(STRING formattedDate, STRING formatPattern) -> DATE", prepare=FORMAT)
def parse_date(text: str, form: Pattern) -> int:
    """The date that a text in a pattern begins with; a day or month that the pattern lacks is the first."""
    return form.leading_date(text)


@scalar("STRINGTODATE", "(STRING formattedDate, STRING formatPattern) -> INTEGER", prepare=FORMAT)
def days_of_text(text: str, form: Pattern) -> int:
    """The days since 1970 of the date that a text in a pattern is."""
    return form.date(text)


@scalar("FORMAT_TIME", "(TIME time, STRING formatPattern) -> STRING", prepare=FORMAT)
def format_time(value: int, form: Pattern) -> str:
    """A time as text, in a pattern."""
    return form.of_time(value)


@scalar("PARSE_TIME", "(STRING formattedTime, STRING formatPattern) -> TIME", prepare=FORMAT)
def parse_time(text: str, form: Pattern) -> int:
    """The time that a text in a pattern is."""
    return form.time(text)


@scalar(
    "CONVERT_TZ",
    "(TIMESTAMP timestamp, STRING fromTimeZone, STRING toTimeZone) -> TIMESTAMP",
    prepare={1: zone, 2: zone},
)
def convert_zone(timestamp: int, source: Zone, target: Zone) -> int:
    """A timestamp that is local in one time zone as one that is local in another."""
    instant = timestamp - source.at_local(timestamp) * 1000
    return instant + target.at(instant) * 1000


def unit(name: str) -> int:
    """Milliseconds of a unit of time."""
    return UNITS[name]


UNIT = {0: unit}


def _moved(name: str, kind: str, parameter: str, move: Callable[[int, int], int], what: str) -> None:
    """Declare XADD and XSUB for a type."""

    def add(milliseconds: int, interval: int, value: int) -> int:
        return move(value, wrap_bigint(interval * milliseconds))

    def subtract(milliseconds: int, interval: int, value: int) -> int:
        return move(value, -wrap_bigint(interval * milliseconds))

    add.__doc__, subtract.__doc__ = f"A {what} later by an interval.", f"A {what} earlier by an interval."
    text = f"(INTERVALUNIT unit, INTEGER interval, {kind} {parameter}) -> {kind}"
    more: dict[str, Any] = {"prepare": UNIT, "fails": False}
    scalar(f"{name}ADD", text, **more)(add)
    scalar(f"{name}SUB", text, **more)(subtract)


def _move_date(days: int, milliseconds: int) -> int:
    moved = days * DAY + milliseconds
    return wrap_integer(moved // DAY if moved >= 0 else -(-moved // DAY))


_moved("TIMESTAMP", "TIMESTAMP", "timestamp", lambda value, by: wrap_bigint(value + by), "timestamp")
_moved("DATE", "DATE", "date", _move_date, "date")
_moved("TIME", "TIME", "time", lambda value, by: (value + by) % DAY, "time")
