"""The fields of dates and times: their names in Java, their ranges, and how a moment has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamguard.engine.javatime import calendar
from streamguard.engine.javatime.calendar import NS_OF_DAY, TimeError
from streamguard.engine.javatime.zones import Zone


@dataclass(slots=True)
class Moment:
    """What is written: a date, a time, or both with a zone. `days` since 1970, `nanos` of the day, both local."""

    days: int | None = None
    nanos: int | None = None
    zone: Zone | None = None
    ms: int = 0
    date: tuple[int, int, int] | None = None

    def civil(self) -> tuple[int, int, int]:
        """Year, month, day."""
        if self.date is None:
            self.date = calendar.civil(self.day())
        return self.date

    def day(self) -> int:
        """Days since 1970. Raises `Unsupported` for a time."""
        if self.days is None:
            raise Unsupported
        return self.days

    def time(self) -> int:
        """Nanoseconds of the day. Raises `Unsupported` for a date."""
        if self.nanos is None:
            raise Unsupported
        return self.nanos


class Unsupported(TimeError):
    """The moment has no such field: an optional section is left out, anything else fails."""


@dataclass(frozen=True, eq=False)
class Field:
    """A field: Java's name, the smallest and largest value, and how to get it."""

    name: str
    low: int
    high: int
    get: Callable[[Moment], int]

    def checked(self, value: int) -> int:
        """The value; raises `TimeError` when it is out of range."""
        if not self.low <= value <= self.high:
            raise TimeError(f"Invalid value for {self.name} (valid values {self.low} - {self.high}): {value}")
        return value

    def of(self, moment: Moment) -> int:
        """The value; raises `Unsupported`."""
        try:
            return self.get(moment)
        except Unsupported:
            raise Unsupported(f"Unsupported field: {self.name}") from None


SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE

LAST_YEAR = 999_999_999
YEAR = Field("Year", -LAST_YEAR, LAST_YEAR, lambda m: m.civil()[0])
YEAR_OF_ERA = Field("YearOfEra", 1, LAST_YEAR + 1, lambda m: y if (y := m.civil()[0]) > 0 else 1 - y)
ERA = Field("Era", 0, 1, lambda m: int(m.civil()[0] > 0))
QUARTER = Field("QuarterOfYear", 1, 4, lambda m: (m.civil()[1] + 2) // 3)
MONTH = Field("MonthOfYear", 1, 12, lambda m: m.civil()[1])
DAY_OF_MONTH = Field("DayOfMonth", 1, 31, lambda m: m.civil()[2])
DAY_OF_YEAR = Field("DayOfYear", 1, 366, lambda m: calendar.day_of_year(m.day()))
DAY_OF_WEEK = Field("DayOfWeek", 1, 7, lambda m: calendar.day_of_week(m.day()))
ALIGNED_WEEK = Field("AlignedWeekOfMonth", 1, 5, lambda m: (m.civil()[2] - 1) // 7 + 1)
JULIAN_DAY = Field("ModifiedJulianDay", -(10**9), 10**9, lambda m: m.day() + 40_587)
WEEK_YEAR = Field("WeekBasedYear", -LAST_YEAR, LAST_YEAR, lambda m: calendar.week_of_year(m.day())[0])
WEEK_OF_YEAR = Field("WeekOfWeekBasedYear", 1, 53, lambda m: calendar.week_of_year(m.day())[1])
WEEK_OF_MONTH = Field(
    "WeekOfMonth", 0, 6, lambda m: (m.day() - calendar.start_of_month_weeks(m.civil()[0], m.civil()[1])) // 7 + 1
)
LOCAL_DAY = Field("LocalizedDayOfWeek", 1, 7, lambda m: (calendar.day_of_week(m.day()) - calendar.US.first) % 7 + 1)
AMPM = Field("AmPmOfDay", 0, 1, lambda m: m.time() // (12 * HOUR))
HOUR_OF_DAY = Field("HourOfDay", 0, 23, lambda m: m.time() // HOUR)
CLOCK_HOUR = Field("ClockHourOfDay", 1, 24, lambda m: m.time() // HOUR or 24)
HOUR_OF_HALF = Field("HourOfAmPm", 0, 11, lambda m: m.time() // HOUR % 12)
CLOCK_HOUR_OF_HALF = Field("ClockHourOfAmPm", 1, 12, lambda m: m.time() // HOUR % 12 or 12)
MINUTE_OF_HOUR = Field("MinuteOfHour", 0, 59, lambda m: m.time() // MINUTE % 60)
SECOND_OF_MINUTE = Field("SecondOfMinute", 0, 59, lambda m: m.time() // SECOND % 60)
MILLI_OF_DAY = Field("MilliOfDay", 0, 86_399_999, lambda m: m.time() // 1_000_000)
NANO_OF_SECOND = Field("NanoOfSecond", 0, SECOND - 1, lambda m: m.time() % SECOND)
NANO_OF_DAY = Field("NanoOfDay", 0, NS_OF_DAY - 1, lambda m: m.time())
