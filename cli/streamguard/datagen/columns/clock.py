"""Event time: when record i happens, and how many records have happened by an instant; in whole numbers, both ways.

A rate is a function of time that stands still between knots, so the number of records is straight between them, and so
is its inverse. Record i is *due* when i records' worth of rate have passed since the start (record 0 at once). Its
event time is drawn between the record before it and its own: never later than it is due, and never before the record
before.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from streamguard.datagen.columns.arithmetic import Floats
from streamguard.datagen.columns.draws import BLOCK, Draws32, Whole
from streamguard.datagen.world.streams import Rate, Season

SECOND = 1_000_000
DAY = 86_400 * SECOND
FINE = 1 << 10
"""Parts of a record in which progress is counted; knots lie on whole parts."""

_LATEST = 400_000 * DAY  # a thousand years: whoever asks for more has no rate left


class Clock:
    """The dates of a stream's records. All times are microseconds, those called offsets since the start."""

    def __init__(self, rate: Rate, start: int) -> None:
        """`start`: microseconds since 1970."""
        self.start = start
        self._rate = rate
        self._plain = _plain(rate)
        self._times = self._parts = np.zeros(1, dtype=np.int64)  # at these offsets, so many parts have happened
        self._exact = 0.0  # parts, before they are rounded
        self._days = 0
        self._mean = mean_rate(rate)

    def instants(self, first: int, draws: Draws32) -> Whole:
        """The event times (since 1970) of the `BLOCK` records from `first` on; never falling."""
        begin = max(0, first - 1) * FINE
        at, (span, parts), base, rest = self._at(begin)
        ahead = np.arange(first * FINE - begin, first * FINE - begin + BLOCK * FINE, FINE, dtype=np.int64)
        ahead -= (draws >> np.uint32(22)).astype(np.int64)
        if first == 0:
            ahead[0] = 0
        result = ahead * span
        result += rest
        result //= parts
        result += base
        if self._plain is None:
            self._later(result, ahead, begin, at)
        result += self.start
        return result

    def due_at(self, index: int) -> int:
        """The offset at which record `index` is due."""
        return self._at(index * FINE)[2]

    def count_until(self, offset: int) -> int:
        """How many records are due before an offset: the number of the first that is not."""
        if offset <= 0:
            return 0
        if self._plain is not None:
            span, parts = self._plain
            return _up(_up(offset * parts, span), FINE)
        while self._times[-1] < offset and self._extend():
            pass
        at = min(int(np.searchsorted(self._times, offset)), len(self._times) - 1) - 1
        since, happened, span, parts = self._knot(at)
        return _up(happened + _up(min(offset - since, span) * parts, span), FINE)

    def offsets_of(self, indexes: Floats) -> Floats:
        """About when these records are due; before the first one, at the mean rate."""
        if self._plain is not None:
            span, parts = self._plain
            return np.asarray(indexes * FINE * span / parts, dtype=np.float64)
        self._reach(int(max(0.0, indexes.max(initial=0.0))) * FINE)
        parts_ = np.maximum(0.0, indexes) * FINE
        at = np.minimum(np.searchsorted(self._parts, parts_, side="right"), len(self._parts) - 1) - 1
        counts = np.maximum(1, self._parts.take(at + 1) - self._parts.take(at))
        spans = self._times.take(at + 1) - self._times.take(at)
        found = self._times.take(at) + (parts_ - self._parts.take(at)) * spans / counts
        return np.where(indexes < 0, indexes * (SECOND / self._mean), found)

    def indexes_of(self, offsets: Floats) -> Whole:
        """The records that are about to happen at these offsets; before the start, at the mean rate."""
        if self._plain is not None:
            span, parts = self._plain
            return np.floor(offsets * parts / span / FINE).astype(np.int64)
        while self._times[-1] <= offsets.max(initial=0.0) and self._extend():
            pass
        ahead = np.minimum(np.maximum(0.0, offsets), self._times[-1])
        at = np.minimum(np.searchsorted(self._times, ahead, side="right"), len(self._times) - 1) - 1
        counts = self._parts.take(at + 1) - self._parts.take(at)
        spans = self._times.take(at + 1) - self._times.take(at)
        found = (self._parts.take(at) + (ahead - self._times.take(at)) * counts / spans) / FINE
        return np.floor(np.where(offsets < 0, offsets * (self._mean / SECOND), found)).astype(np.int64)

    def _knot(self, at: int) -> tuple[int, int, int, int]:
        """The offset of a knot and the parts until then; the µs and the parts from there to the next."""
        times, parts = self._times[at : at + 2].tolist(), self._parts[at : at + 2].tolist()
        return times[0], parts[0], times[1] - times[0], parts[1] - parts[0]

    def _at(self, parts: int) -> tuple[int, tuple[int, int], int, int]:
        """The knot before a number of parts, µs per part from there on, the offset of that number, what is left of it
        after the point."""
        if self._plain is not None:
            span, count = self._plain
            return 0, self._plain, parts * span // count, parts * span % count
        self._reach(parts)
        at = int(np.searchsorted(self._parts, parts, side="right")) - 1
        since, happened, span, count = self._knot(at)
        base, rest = divmod((parts - happened) * span, count)
        return at, (span, count), since + base, rest

    def _later(self, result: Whole, ahead: Whole, begin: int, at: int) -> None:
        """Replace the offsets of those records of a block that lie behind the next knot."""
        self._reach(begin + int(ahead[-1]))
        last = int(np.searchsorted(self._parts, begin + int(ahead[-1]), side="right"))
        if last - at < 2:
            return
        times, parts = self._times[at + 1 : last + 1], self._parts[at + 1 : last + 1] - begin
        behind = int(np.searchsorted(ahead, parts[0]))
        late = ahead[behind:]
        knot = np.searchsorted(parts, late, side="right") - 1
        spans, counts = np.diff(times), np.maximum(1, np.diff(parts))
        result[behind:] = times.take(knot) + (late - parts.take(knot)) * spans.take(knot) // counts.take(knot)

    def _reach(self, parts: int) -> None:
        """Make knots until more than `parts` have happened."""
        while self._parts[-1] <= parts:
            if not self._extend():
                raise OverflowError("the rate of this stream is too low for so many records")

    def _extend(self) -> bool:
        """More knots; False when time is over."""
        if self._days * DAY >= _LATEST:
            return False
        days = max(1, self._days)  # twice as many each time
        times, rates = _stretch(self._rate, self.start, self._days * DAY, (self._days + days) * DAY)
        sums = self._exact + np.cumsum(np.diff(times) * rates * (FINE / SECOND))
        self._exact = float(sums[-1])
        self._times = np.concatenate([self._times, times[1:]])
        self._parts = np.concatenate([self._parts, np.floor(sums + 0.5).astype(np.int64)])
        self._days += days
        return True


def mean_rate(rate: Rate) -> float:
    """Records a second on a plain day, or over all steps alike."""
    return max(1e-9, sum(step.rate for step in rate.steps) / len(rate.steps) if rate.steps else rate.mean)


def constant(per_second: float) -> Rate:
    """A rate that never changes."""
    return Rate(mean=per_second)


def _plain(rate: Rate) -> tuple[int, int] | None:
    """µs and parts of a rate that never changes, in lowest terms; None for others."""
    if rate.steps or rate.bursts or rate.seasons or rate.month_days or len({*rate.day}) > 1 or len({*rate.week}) > 1:
        return None
    pace = Fraction(max(1, round(rate.mean * 1_000_000)) * FINE, 1_000_000 * SECOND)
    return pace.denominator, pace.numerator


def _stretch(rate: Rate, start: int, first: int, last: int) -> tuple[Whole, Floats]:
    """The knots from offset `first` to `last` (both are knots), and the rate (records a second) after each but the
    last."""
    part = DAY // len(rate.day)
    day = (start + first) // DAY * DAY
    knots = [
        np.array([first, last, *(round(step.at * SECOND) for step in rate.steps)], dtype=np.int64),
        day - start + np.arange((start + last - day) // part + 1, dtype=np.int64) * part,
    ]
    if rate.bursts:
        every, length = round(rate.bursts.every * SECOND), round(rate.bursts.length * SECOND)
        begins = np.arange(first // every, last // every + 1, dtype=np.int64) * every
        knots += [begins, begins + min(length, every)]
    times = np.unique(np.concatenate(knots))
    times = times[(times >= first) & (times <= last)]
    return times, _rates(rate, start, times[:-1])


def _rates(rate: Rate, start: int, offsets: Whole) -> Floats:
    """The rates from these knots on, in records a second."""
    if rate.steps:
        begins = np.array([round(step.at * SECOND) for step in rate.steps], dtype=np.int64)
        steps = np.array([step.rate for step in rate.steps])
        rates = steps[np.maximum(0, np.searchsorted(begins, offsets, side="right") - 1)]
    else:
        instants = start + offsets
        days = instants // DAY
        part = (instants % DAY) // (DAY // len(rate.day))
        hours = np.array(rate.day)[np.minimum(part, len(rate.day) - 1)]
        rates = rate.mean * hours * np.array(rate.week)[(days + 3) % 7] * _calendar(rate, days)
    if rate.bursts:
        every, length = round(rate.bursts.every * SECOND), round(rate.bursts.length * SECOND)
        rates = np.where(offsets % every < length, rates * rate.bursts.times, rates)
    return np.asarray(rates, dtype=np.float64)


def _calendar(rate: Rate, days: Whole) -> Floats:
    """What the seasons and the days of the month make of the rate on these days (since 1970)."""
    factors = np.ones(len(days))
    for season in rate.seasons:
        factors = np.where(in_season(season, days), factors * season.times, factors)
    of_month = day_of_month(days)
    for day, weight in rate.month_days:
        factors = np.where(of_month == day, factors * weight, factors)
    return factors


def in_season(season: Season, days: Whole) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which days (since 1970) are in a season."""
    dates = days.astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    place = (months.astype(np.int64) % 12 + 1) * 100 + day_of_month(days)
    first, last = (month * 100 + day for month, day in (season.first, season.last))
    inside = (place >= first, place <= last)
    return inside[0] & inside[1] if first <= last else inside[0] | inside[1]


def day_of_month(days: Whole) -> Whole:
    """The day of the month, from 1, of days since 1970."""
    dates = days.astype("datetime64[D]")
    return np.asarray((dates - dates.astype("datetime64[M]")).astype(np.int64) + 1, dtype=np.int64)


def _up(number: int, by: int) -> int:
    """`number` divided by `by`, rounded up."""
    return -(-number // by)
