"""Time zones under the names that Java's ``ZoneId.of`` takes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC as PYTHON_UTC
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from streamguard.engine.javatime.calendar import MS_OF_DAY, TimeError, civil

OFFSET = re.compile(r"([+-])([0-9]{1,2})(?::?([0-9]{2})(?::?([0-9]{2}))?)?", re.ASCII)
REGION = re.compile(r"[A-Za-z][A-Za-z0-9/._+-]+", re.ASCII)
SHORT = {"EST": -5, "MST": -7, "HST": -10}  # the region ids that are fixed offsets
LARGEST = 18 * 3600
EPOCH = datetime(1970, 1, 1, tzinfo=PYTHON_UTC)


@dataclass(frozen=True)
class Zone:
    """A zone id; with `region` None its offset in seconds never changes."""

    id: str
    offset: int = 0
    region: ZoneInfo | None = None

    def at(self, ms: int) -> int:
        """The offset, in seconds, at an instant."""
        if self.region is None:
            return self.offset
        return self._seconds(self._instant(ms).astimezone(self.region).utcoffset())

    def at_local(self, ms: int) -> int:
        """The offset at a local time (milliseconds as if it were UTC); the earlier one where there are two."""
        if self.region is None:
            return self.offset
        return self._seconds(self._instant(ms).replace(tzinfo=self.region).utcoffset())

    def short_name(self, ms: int) -> str:
        """``UTC``, ``PDT``, or the id where there is none."""
        if self.region is None:
            return self.id
        name = self._instant(ms).astimezone(self.region).tzname() or self.id
        return name if name[0].isalpha() else f"GMT{offset_text(self.at(ms))}"

    @staticmethod
    def _seconds(offset: timedelta | None) -> int:
        return 0 if offset is None else offset.days * 86_400 + offset.seconds

    @staticmethod
    def _instant(ms: int) -> datetime:
        """The instant, in years that Python knows: rules repeat every 400 years."""
        year = civil(ms // MS_OF_DAY)[0]
        if not 2 <= year <= 9998:
            ms -= (year // 400 - 5) * 146_097 * MS_OF_DAY
        return EPOCH + timedelta(milliseconds=ms)


UTC = Zone("UTC")
Z = Zone("Z")


@lru_cache(maxsize=1024)
def zone(name: str) -> Zone:
    """Java's ``ZoneId.of``.

    Raises:
        TimeError: no such zone.
    """
    if name == "Z":
        return Z
    prefix = next((prefix for prefix in ("UTC", "GMT", "UT") if name.startswith(prefix)), "")
    rest = name[len(prefix) :]
    if prefix and not rest:
        return Zone(name)
    if rest[:1] in ("+", "-"):
        seconds = offset_of(rest)
        if not prefix:
            return fixed(seconds)
        return Zone(prefix + (offset_text(seconds) if seconds else ""), seconds)
    if name in SHORT:
        return Zone(name, SHORT[name] * 3600)
    if not REGION.fullmatch(name):
        raise TimeError(f"Invalid ID for region-based ZoneId, invalid format: {name}")
    try:
        return Zone(name, region=ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise TimeError(f"Unknown time-zone ID: {name}") from None


def fixed(seconds: int) -> Zone:
    """The zone of an offset: ``+02:00``, or ``Z``."""
    return Zone(offset_text(seconds), seconds) if seconds else Z


def offset_of(text: str) -> int:
    """Seconds of ``+2``, ``+02``, ``+0230``, ``+02:30``, ``+02:30:15``.

    Raises:
        TimeError: anything else.
    """
    found = OFFSET.fullmatch(text)
    if found is None:
        raise TimeError(f"Invalid ID for ZoneOffset, invalid format: {text}")
    sign, hours, minutes, seconds = found.groups()
    if int(minutes or 0) > 59 or int(seconds or 0) > 59:
        raise TimeError("Zone offset minutes or seconds not in valid range: not in the range -59 to +59")
    total = int(hours) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    if total > LARGEST:
        raise TimeError("Zone offset not in valid range: -18:00 to +18:00")
    return -total if sign == "-" else total


def offset_text(seconds: int) -> str:
    """``+02:00``, ``-00:30:15``."""
    minutes, second = divmod(abs(seconds), 60)
    text = f"{'-' if seconds < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{second:02}" if second else text
