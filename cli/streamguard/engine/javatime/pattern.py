"""A compiled pattern."""

from __future__ import annotations

import re
from functools import lru_cache

from streamguard.engine.javatime import fields as f
from streamguard.engine.javatime.calendar import MS_OF_DAY, TimeError
from streamguard.engine.javatime.elements import Element, Found
from streamguard.engine.javatime.letters import elements
from streamguard.engine.javatime.quick import quick_reader
from streamguard.engine.javatime.resolve import partial_date, partial_time, resolve_date, resolve_time
from streamguard.engine.javatime.zones import UTC, Zone


class Pattern:
    """A Java date and time pattern. Letters of texts (months, AM) are read in any case, as ksqlDB does.

    Every method raises `TimeError`: a text does not fit the pattern, or the pattern wants what the value has not.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.elements = elements(text)
        compiled = _compiled(_regex(self.elements))
        self.fullmatch, self.match = compiled.fullmatch, compiled.match
        self.readers = [read for element in self.elements for read in element.readers()]
        self.quick = quick_reader(self.elements)

    def timestamp(self, text: str, zone: Zone = UTC) -> int:
        """Milliseconds since 1970 of a text; what it lacks is taken from 1970-01-01 00:00 in `zone`."""
        if self.quick is not None and (match := self.fullmatch(text)) is not None:
            ms = self.quick(match.groups(), zone)
            if ms is not None:
                return ms
        found = self._found(text)
        nanos, more = resolve_time(found)
        days = resolve_date(found)
        if days is None:
            days = partial_date(found)
        else:
            days += more
        if nanos is None:
            nanos = partial_time(found)
        where = found.zone or zone
        local = days * MS_OF_DAY + nanos // 1_000_000
        return local - where.at_local(local) * 1000

    def date(self, text: str) -> int:
        """Days since 1970 of a text that gives a whole date; a time in it is not used."""
        found = self._found(text)
        _, more = resolve_time(found)
        days = resolve_date(found)
        if days is None:
            raise TimeError("Text could not be parsed: Unable to obtain LocalDate from TemporalAccessor")
        return days + more

    def leading_date(self, text: str) -> int:
        """Days since 1970 of the date that a text begins with; what the pattern lacks is taken from 1970-01-01.

        This is how Java's older `SimpleDateFormat` reads. A time of the day is refused.
        """
        match = self.match(text)
        if match is None:
            raise TimeError(self._reason(text))
        days, time = divmod(self.timestamp(match[0]), MS_OF_DAY)
        if time:
            raise TimeError("Date format contains time field.")
        return days

    def time(self, text: str) -> int:
        """Milliseconds of the day of a text that gives at least an hour; a date in it is not used."""
        nanos, _ = resolve_time(self._found(text))
        if nanos is None:
            raise TimeError("Text could not be parsed: Unable to obtain LocalTime from TemporalAccessor")
        return nanos // 1_000_000

    def of_timestamp(self, ms: int, zone: Zone = UTC) -> str:
        """Milliseconds since 1970 as text."""
        local = ms + zone.at(ms) * 1000
        days, rest = divmod(local, MS_OF_DAY)
        return self._written(f.Moment(days, rest * 1_000_000, zone, ms))

    def of_date(self, days: int) -> str:
        """Days since 1970 as text."""
        return self._written(f.Moment(days=days))

    def of_time(self, ms: int) -> str:
        """Milliseconds of the day as text."""
        return self._written(f.Moment(nanos=ms * 1_000_000))

    def _written(self, moment: f.Moment) -> str:
        return "".join([element.write(moment) for element in self.elements])

    def _found(self, text: str) -> Found:
        match = self.fullmatch(text)
        if match is None:
            raise TimeError(self._reason(text))
        found = Found()
        for read, part in zip(self.readers, match.groups(), strict=True):
            if part is not None:
                read(found, part)
        return found

    def _reason(self, text: str) -> str:
        """Java's words for where a text stops fitting."""
        at = 0
        for element in self.elements:
            match = _compiled(element.regex()).match(text, at)
            if match is None:
                return f"Text could not be parsed at index {at}"
            at = match.end()
        return f"Text could not be parsed, unparsed text found at index {at}"


@lru_cache(maxsize=1024)
def pattern(text: str) -> Pattern:
    """The compiled pattern.

    Raises:
        TimeError: Java refuses it too.
    """
    return Pattern(text)


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression, re.ASCII | re.IGNORECASE | re.DOTALL)


def _regex(parts: list[Element]) -> str:
    return "".join(part.regex() for part in parts)
