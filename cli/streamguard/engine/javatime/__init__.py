"""Dates, times and zones as Java's ``java.time`` reads and writes them: what ksqlDB's patterns mean.

``pattern(text)`` compiles a pattern once; it reads and writes timestamps (milliseconds since 1970), dates (days since
1970) and times (milliseconds of the day). ``simple_pattern`` is the older, lenient kind for dates. ``zone(name)`` is
Java's ``ZoneId.of``. Everything that does not work is a `TimeError`, whose words are Java's but never hold the text
that was read.
"""

from streamguard.engine.javatime.calendar import MS_OF_DAY, TimeError, civil, days_of
from streamguard.engine.javatime.pattern import Pattern, pattern
from streamguard.engine.javatime.simple import simple_pattern
from streamguard.engine.javatime.zones import UTC, Zone, zone

__all__ = ["MS_OF_DAY", "UTC", "Pattern", "TimeError", "Zone", "civil", "days_of", "pattern", "simple_pattern", "zone"]
