"""From draws to numbers: tables of quantiles in whole numbers, and shares in whole numbers.

A distribution becomes a row of quantiles at 4,096 even steps; the first and the last step are cut into 4,096 again, and
the outermost of these into the 256 draws that are left, so that tails are true to the end. Between two quantiles the
value goes straight, in whole numbers: a draw gives the same value on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from streamguard.datagen.columns.arithmetic import Floats
from streamguard.datagen.columns.draws import Draws32, Whole
from streamguard.datagen.columns.quantiles import Level, quantile, simplified

Draw = Callable[[str], Draws32]
"""Gives the draws for a purpose: the same name, the same draws."""

STEPS = 4096
_BITS = 20  # of a draw that say where between two steps it is
_REST = (1 << _BITS) - 1
_LEAST = 2.0**-33  # half a draw: nothing is farther out
_ROW = STEPS + 1
_OUTERMOST = 256


class Numbers:
    """Draws numbers from one distribution, or from one of several (`by` groups), in units of 1 / `scale`."""

    def __init__(self, distributions: Sequence[object], scale: float, *, most: int = 1 << 52) -> None:
        """`most`: no number is farther from 0, so that what it is multiplied with can not overflow."""
        mixtures = [simplified(distribution) for distribution in distributions]
        parts = [part for mixture in mixtures for _, part in mixture]
        tables = np.stack([_table(part, scale, most) for part in parts], axis=1)
        self._low, self._main, self._high = (np.ascontiguousarray(table).reshape(-1) for table in tables)
        self._ahead = np.append(np.diff(self._main), 0)
        self._outer = np.stack([_outer_table(part, scale, most) for part in parts])
        starts = np.cumsum([0, *map(len, mixtures[:-1])])
        self._starts = starts.astype(np.int64) if len(mixtures) > 1 else None
        mixed = len(parts) > len(mixtures)
        self._parts = Shares([[share for share, _ in mixture] for mixture in mixtures]) if mixed else None
        self._scale, self._mixtures = scale, [[share for share, _ in mixture] for mixture in mixtures]

    def take(self, draw: Draw, name: str, by: Whole | None = None) -> Whole:
        """A number for each draw called `name`; `by` has the group of each, if there are several."""
        rows: Whole | None = None
        if self._starts is not None and by is not None:
            rows = self._starts.take(by)
        if self._parts is not None:
            part = self._parts.take(draw(f"{name}/part"), by)
            rows = part if rows is None else rows + part
        return self._between(draw(name), None if rows is None else rows * _ROW)

    def mean(self) -> float:
        """About the mean of all groups, without scale."""
        rows = iter(self._main.reshape(-1, _ROW).tolist())
        means = [sum(share * sum(next(rows)) / _ROW for share in mixture) for mixture in self._mixtures]
        return float(sum(means) / len(means) / self._scale)

    def _between(self, draws: Draws32, offsets: Whole | None) -> Whole:
        wide = draws.astype(np.int64)
        at = wide >> _BITS
        if offsets is not None:
            at += offsets
        wide &= _REST
        result: Whole = self._ahead.take(at)
        result *= wide
        result >>= _BITS
        result += self._main.take(at)
        ends = np.flatnonzero(draws - np.uint32(1 << _BITS) >= np.uint32((STEPS - 2) << _BITS))
        for place in ends.tolist():
            row = 0 if offsets is None else int(offsets[place]) // _ROW
            result[place] = self._end(int(draws[place]), row)
        return result

    def _end(self, draw: int, row: int) -> int:
        """The value of a draw in the first or the last step, which have tables of their own."""
        high, rest = draw >> _BITS > 0, draw & _REST
        step, part = divmod(rest, _OUTERMOST)
        if step == (STEPS - 1 if high else 0):
            return int(self._outer[row, part + _OUTERMOST * high])
        table, at = self._high if high else self._low, row * _ROW + step
        low, after = int(table[at]), int(table[at + 1])
        return low + (after - low) * part // _OUTERMOST


def _table(part: object, scale: float, most: int) -> Whole:
    """The quantiles of one distribution: those of the first step, of all, and of the last step."""
    even = np.arange(_ROW) / STEPS
    fine = np.maximum(even / STEPS, _LEAST)
    whole = np.clip(even, _LEAST, 1.0)
    rows = (
        quantile(part, Level(fine, 1.0 - fine)),
        quantile(part, Level(whole, np.maximum(1.0 - even, _LEAST))),
        quantile(part, Level(1.0 - fine[::-1], fine[::-1])),
    )
    return _whole(np.stack(rows), scale, most)


def _outer_table(part: object, scale: float, most: int) -> Whole:
    """The value of each of the smallest and each of the largest draws."""
    small = (np.arange(_OUTERMOST) + 0.5) / 2**32
    low, high = quantile(part, Level(small, 1.0 - small)), quantile(part, Level(1.0 - small[::-1], small[::-1]))
    return _whole(np.concatenate([low, high]), scale, most)


def _whole(numbers: Floats, scale: float, most: int) -> Whole:
    return np.asarray(np.clip(np.floor(numbers * scale + 0.5), -most, most), dtype=np.int64)


class Shares:
    """Draws one of n by shares, or by one of several lists of shares (`by` groups) of equal or different lengths.

    Most draws fall into an even bucket that belongs to one choice and are looked up; the others are searched for.
    """

    def __init__(self, groups: Sequence[Sequence[float] | NDArray[np.float64] | Whole]) -> None:
        limits = [_limits(np.asarray(shares, dtype=np.float64)) for shares in groups]
        lengths = [len(row) for row in limits]
        most = max(0, 20 - (len(limits) - 1).bit_length())
        self._bits = min(most, max(8, (max(lengths) - 1).bit_length() + 4))
        self._starts = np.cumsum([0, *lengths[:-1]]).astype(np.int64)
        self._limits = np.concatenate([row + (number << 32) for number, row in enumerate(limits)])
        buckets = np.arange((len(limits) << self._bits) + 1, dtype=np.int64) << (32 - self._bits)
        first = np.searchsorted(self._limits, buckets[:-1], side="right")
        last = np.searchsorted(self._limits, buckets[1:] - 1, side="right")
        group = np.arange(len(limits)).repeat(1 << self._bits)
        self._guide = np.where(first == last, first - self._starts[group], -1).astype(np.int64)

    def take(self, draws: Draws32, by: Whole | None = None) -> Whole:
        """The number of a choice for each draw; `by` has the group of each, if there are several."""
        buckets = draws.astype(np.int64) >> (32 - self._bits)
        if by is not None:
            buckets += by << self._bits
        result: Whole = self._guide.take(buckets)
        unsure = np.flatnonzero(result < 0)
        if len(unsure):
            wanted = draws[unsure].astype(np.int64)
            if by is None:
                result[unsure] = np.searchsorted(self._limits, wanted, side="right")
            else:
                group = by[unsure]
                found = np.searchsorted(self._limits, wanted + (group << 32), side="right")
                result[unsure] = found - self._starts.take(group)
        return result


def _limits(shares: NDArray[np.float64]) -> Whole:
    """Upper limits of the draws of each choice; a choice without a share has no draw, and the last limit is 2^32."""
    total = np.cumsum(shares)
    limits: Whole = np.floor(total / total[-1] * 2.0**32 + 0.5).astype(np.int64)
    limits[np.flatnonzero(shares)[-1] :] = 1 << 32
    return limits


def chance(share: float) -> np.uint64:
    """What draws must be below for something that happens with this probability."""
    return np.uint64(round(min(max(share, 0.0), 1.0) * 2**32))
