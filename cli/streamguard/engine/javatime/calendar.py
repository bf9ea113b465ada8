"""The proleptic ISO calendar on plain integers, for any year; days are counted from 1970-01-01."""

from __future__ import annotations

from typing import NamedTuple

MS_OF_DAY = 86_400_000
NS_OF_DAY = 86_400_000_000_000
DAYS_BEFORE = (0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)  # of a month, in a common year


class TimeError(ValueError):
    """A pattern, zone or text can not be understood, or a value has no such field."""


class Week(NamedTuple):
    """How weeks are counted: the day a week starts with (Monday 1), and its days that make it the first of a year."""

    first: int
    minimal: int


US = Week(first=7, minimal=1)
"""The weeks of Java's default locale on most servers, en_US."""


def is_leap(year: int) -> bool:
    """Whether the year has a 29 February."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def length_of_month(year: int, month: int) -> int:
    """28 to 31."""
    if month == 2:
        return 29 if is_leap(year) else 28
    return 30 if month in (4, 6, 9, 11) else 31


def days_of(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date that exists."""
    before = year - 1
    leap = 1 if month > 2 and is_leap(year) else 0
    return before * 365 + before // 4 - before // 100 + before // 400 + DAYS_BEFORE[month] + leap + day - 719_163


def civil(days: int) -> tuple[int, int, int]:
    """Year, month and day of a count of days since 1970-01-01."""
    shifted = days + 719_468
    era, of_era = divmod(shifted, 146_097)
    year = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    month = month + 3 if month < 10 else month - 9
    return year + era * 400 + (1 if month <= 2 else 0), month, day


def day_of_week(days: int) -> int:
    """Monday 1 to Sunday 7."""
    return (days + 3) % 7 + 1


def day_of_year(days: int) -> int:
    """1 to 366."""
    return days - days_of(civil(days)[0], 1, 1) + 1


def first_week(year: int, week: Week = US) -> int:
    """The day that starts week 1 of a week-based year."""
    return _start(days_of(year, 1, 1), week)


def week_of_year(days: int, week: Week = US) -> tuple[int, int]:
    """The week-based year, and the week in it."""
    year = civil(days)[0]
    if days >= first_week(year + 1, week):
        year += 1
    elif days < first_week(year, week):
        year -= 1
    return year, (days - first_week(year, week)) // 7 + 1


def start_of_month_weeks(year: int, month: int, week: Week = US) -> int:
    """The day that starts week 1 of a month."""
    return _start(days_of(year, month, 1), week)


def _start(first: int, week: Week) -> int:
    """The day that starts the first week of a year or month that begins with the day `first`."""
    into = (day_of_week(first) - week.first) % 7
    return first - into if 7 - into >= week.minimal else first + 7 - into
