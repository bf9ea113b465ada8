"""From the fields that a text gave to a date and a time: Java's resolution in its SMART style."""

from __future__ import annotations

from streamguard.engine.javatime import fields as f
from streamguard.engine.javatime.calendar import (
    US,
    TimeError,
    civil,
    day_of_week,
    days_of,
    first_week,
    is_leap,
    length_of_month,
    start_of_month_weeks,
)
from streamguard.engine.javatime.elements import Found

NOON = 12 * f.HOUR


def resolve_time(found: Found) -> tuple[int | None, int]:
    """Nanoseconds of the day and days to add (24:00), or None when there is no hour. Takes what it uses out."""
    _merge_hours(found)
    for field in (f.MILLI_OF_DAY, f.NANO_OF_DAY):
        if field in found:
            value = field.checked(found.pop(field))
            return value * (1_000_000 if field is f.MILLI_OF_DAY else 1), 0
    hour, minute = found.get(f.HOUR_OF_DAY), found.get(f.MINUTE_OF_HOUR)
    second, nano = found.get(f.SECOND_OF_MINUTE), found.get(f.NANO_OF_SECOND)
    incomplete = (minute is None and (second is not None or nano is not None)) or (second is None and nano is not None)
    if hour is None or incomplete:
        for field, value in found.items():
            field.checked(value)
        return None, 0
    for field in (f.HOUR_OF_DAY, f.MINUTE_OF_HOUR, f.SECOND_OF_MINUTE, f.NANO_OF_SECOND):
        found.pop(field, None)
    minute, second, nano = minute or 0, second or 0, nano or 0
    if hour == 24 and not (minute or second or nano):
        return 0, 1
    f.MINUTE_OF_HOUR.checked(minute)
    f.HOUR_OF_DAY.checked(hour)
    f.SECOND_OF_MINUTE.checked(second)
    return hour * f.HOUR + minute * f.MINUTE + second * f.SECOND + nano, 0


def _merge_hours(found: Found) -> None:
    """Hours of a clock, and of half a day, become hours of the day."""
    clock = found.pop(f.CLOCK_HOUR, None)
    if clock is not None:
        found.give(f.HOUR_OF_DAY, (f.CLOCK_HOUR.checked(clock) if clock else 0) % 24)
    clock = found.pop(f.CLOCK_HOUR_OF_HALF, None)
    if clock is not None:
        found.give(f.HOUR_OF_HALF, (f.CLOCK_HOUR_OF_HALF.checked(clock) if clock else 0) % 12)
    if f.AMPM in found and f.HOUR_OF_HALF in found:
        hour = f.HOUR_OF_HALF.checked(found.pop(f.HOUR_OF_HALF))
        found.give(f.HOUR_OF_DAY, found.pop(f.AMPM) * 12 + hour)


def resolve_date(found: Found) -> int | None:
    """Days since 1970, or None when the fields are no whole date. Takes what it uses out."""
    _merge_era(found)
    days = _date(found)
    if days is not None:
        _check_others(found, days)
    return days


def _merge_era(found: Found) -> None:
    """A year of an era becomes a year; without an era it is one already, as long as it counts from 1."""
    if f.YEAR_OF_ERA in found:
        of_era = f.YEAR_OF_ERA.checked(found.pop(f.YEAR_OF_ERA))
        if f.ERA in found:
            found.give(f.YEAR, of_era if found.pop(f.ERA) else 1 - of_era)
        else:
            found.give(f.YEAR, of_era if found.get(f.YEAR, 1) > 0 else 1 - of_era)


def _date(found: Found) -> int | None:
    if f.JULIAN_DAY in found:
        return found.pop(f.JULIAN_DAY) - 40_587
    year, month = found.get(f.YEAR), found.get(f.MONTH)
    weekday = _weekday(found)
    if year is not None:
        if month is not None and f.DAY_OF_MONTH in found:
            del found[f.YEAR], found[f.MONTH]
            return _year_month_day(year, month, found.pop(f.DAY_OF_MONTH))
        if f.DAY_OF_YEAR in found:
            del found[f.YEAR]
            return _year_day(year, found.pop(f.DAY_OF_YEAR))
        if month is not None and weekday is not None and f.WEEK_OF_MONTH in found:
            f.MONTH.checked(month)
            return start_of_month_weeks(year, month) + _into(found.pop(f.WEEK_OF_MONTH), weekday)
        if month is not None and weekday is not None and f.ALIGNED_WEEK in found:
            week = f.ALIGNED_WEEK.checked(found.pop(f.ALIGNED_WEEK))
            start = days_of(f.YEAR.checked(year), f.MONTH.checked(month), 1) + 7 * (week - 1)
            return start + (weekday - day_of_week(start)) % 7
    if f.WEEK_YEAR in found and f.WEEK_OF_YEAR in found and weekday is not None:
        week = f.WEEK_OF_YEAR.checked(found.pop(f.WEEK_OF_YEAR))
        return first_week(found.pop(f.WEEK_YEAR)) + _into(week, weekday)
    return None


def _weekday(found: Found) -> int | None:
    """Monday 1, from either field for it."""
    if f.LOCAL_DAY in found:
        local = f.LOCAL_DAY.checked(found.pop(f.LOCAL_DAY))
        found.give(f.DAY_OF_WEEK, (local + US.first - 2) % 7 + 1)
    return found.get(f.DAY_OF_WEEK)


def _into(week: int, weekday: int) -> int:
    """Days from the start of week 1 to a day of a week."""
    return 7 * (week - 1) + (weekday - US.first) % 7


def _year_month_day(year: int, month: int, day: int) -> int:
    f.YEAR.checked(year)
    f.MONTH.checked(month)
    f.DAY_OF_MONTH.checked(day)
    return days_of(year, month, min(day, length_of_month(year, month)))


def _year_day(year: int, day: int) -> int:
    f.YEAR.checked(year)
    if f.DAY_OF_YEAR.checked(day) == 366 and not is_leap(year):
        raise TimeError(f"Text could not be parsed: Invalid date 'DayOfYear 366' as '{year}' is not a leap year")
    return days_of(year, 1, 1) + day - 1


def _check_others(found: Found, days: int) -> None:
    """What the text also said must agree with the date."""
    moment = f.Moment(days=days)
    for field in (f.YEAR, f.MONTH, f.DAY_OF_MONTH, f.DAY_OF_YEAR, f.DAY_OF_WEEK, f.ERA, f.QUARTER):
        if field in found and found.pop(field) != field.of(moment):
            raise TimeError(f"Text could not be parsed: {field.name} differs from the one of the date")


def partial_date(found: Found) -> int:
    """The first of 1970 with the date fields that are there, set one by one as ksqlDB does."""
    days = 0
    if f.DAY_OF_WEEK in found:
        days += f.DAY_OF_WEEK.checked(found[f.DAY_OF_WEEK]) - day_of_week(days)
    if f.DAY_OF_MONTH in found:
        year, month, _ = civil(days)
        day = f.DAY_OF_MONTH.checked(found[f.DAY_OF_MONTH])
        if day > length_of_month(year, month):
            raise TimeError(f"Invalid date: the month has no day {day}")
        days = days_of(year, month, day)
    if f.DAY_OF_YEAR in found:
        if found[f.DAY_OF_YEAR] == 366:
            raise TimeError("Leap day cannot be parsed without supplying the year field")
        days = days_of(civil(days)[0], 1, 1) + f.DAY_OF_YEAR.checked(found[f.DAY_OF_YEAR]) - 1
    for field in (f.MONTH, f.YEAR):
        if field in found:
            year, month, day = civil(days)
            value = field.checked(found[field])
            year, month = (year, value) if field is f.MONTH else (value, month)
            days = days_of(year, month, min(day, length_of_month(year, month)))
    return days


def partial_time(found: Found) -> int:
    """Midnight with the time fields that are there, set one by one as ksqlDB does."""
    minute, second = found.get(f.MINUTE_OF_HOUR, 0), found.get(f.SECOND_OF_MINUTE, 0)
    hour = found.get(f.HOUR_OF_DAY, found.get(f.HOUR_OF_HALF, 0))
    nanos = hour * f.HOUR + minute * f.MINUTE + second * f.SECOND + found.get(f.NANO_OF_SECOND, 0)
    return nanos % NOON + found[f.AMPM] * NOON if f.AMPM in found else nanos
