"""Numbers and times as text, a block at a time: digits are looked up four at a time, nothing is formatted.

A text is a column of fixed width. What it does not fill is NUL, which no JSON text holds, and is taken out later.
Widths are 1, 4 or 8 bytes: numpy moves these several times as fast as any other.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Whole = npt.NDArray[np.int64]
Column = npt.NDArray[Any]
"""A text of the same width for every record: an array of dtype S. Of length 1: the same text in every record."""

Characters = npt.NDArray[np.uint8]
"""A text in every row, a character in every column; NUL: none."""

POINT = np.array([b"."], "S1")

_GROUP = 10_000
_DAY = 86_400
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_DIGITS = {"s": 0, "ms": 3, "us": 6}
_EPOCH = date(1970, 1, 1).toordinal()
_MOST_DAYS = 40_000
"""A table of dates spans the days from the first to the last of a block; beyond a century they are looked up singly."""


def number_texts(values: Whole, decimals: int = 0, width: int = 1) -> list[Column]:
    """The columns whose texts side by side are each value, with `decimals` digits after the point.

    The whole part has no leading zeros beyond `width` digits. Works for every 64-bit number but the smallest.
    """
    if not len(values) or int(values.min()) >= 0:
        return _positive(values, decimals, width)
    negative = np.less(values, 0).view(np.uint8)
    values = np.abs(values)
    if width == 1 and int(values.max()) < _GROUP ** (decimals // 4 + 1):
        return _signed(values, negative, decimals)
    return [(negative * np.uint8(ord("-"))).view("S1"), *_positive(values, decimals, width)]


def moment_texts(instants: Whole, form: str) -> list[Column]:
    """The columns whose texts side by side are each instant (microseconds since 1970), as `form` says."""
    if form == "date":
        return _dates(instants // (_DAY * 1_000_000))
    kind, _, unit = form.partition("_")
    ticks = instants // _MICROSECONDS[unit]
    if kind == "epoch":
        return number_texts(ticks)
    seconds, rest = _divided(ticks, 1_000_000 // _MICROSECONDS[unit])
    days, clock = _divided(seconds, _DAY)
    day, hour = _dates(days), _clock()[clock]
    fraction = [POINT, *_padded(rest, _DIGITS[unit], 0)] if unit != "s" else []
    return [*day, np.array([b"T"]), hour, *fraction, np.array([b"Z"])]


def _positive(values: Whole, decimals: int, width: int) -> list[Column]:
    if width > 1:
        return _at_least(values, decimals, width)
    digits = len(str(int(values.max()))) if len(values) else 1
    return _plain(values, decimals, max(decimals // 4 + 1, -(-digits // 4)))


def _signed(values: Whole, negative: npt.NDArray[np.uint8], decimals: int) -> list[Column]:
    """Numbers whose whole part is in the first group, as nearly all are: that has the sign as well."""
    behind, places = divmod(decimals, 4)
    columns: list[Column] = []
    for _ in range(behind):
        values, low = _divided(values, _GROUP)
        columns.append(_digits(4)[low])
    first = _with_sign(places, decimals > 0)[values + np.multiply(negative, _GROUP, dtype=np.int64)]
    return [first, *columns[::-1]]


def _plain(values: Whole, decimals: int, groups: int) -> list[Column]:
    """In groups of four digits from the right; the whole part begins with the first digit that is not zero."""
    columns: list[Column] = []
    with_point, places = divmod(decimals, 4)
    for group in range(groups):
        rest, low = _divided(values, _GROUP) if group < groups - 1 else (values, values)
        if group < with_point:
            columns.append(_digits(4)[low])
        else:
            table = _leading(places if group == with_point else 0, group == with_point and decimals > 0)
            if group < groups - 1:
                low = low + _GROUP * (rest > 0)
            if group > with_point:  # a group before the last of the whole part is nothing when it is zero
                low = np.where(values > 0, low, 2 * _GROUP)
            columns.append(table[low])
        values = rest
    return columns[::-1]


def _at_least(values: Whole, decimals: int, width: int) -> list[Column]:
    """With leading zeros up to `width` digits in the whole part, and more digits where a value has them."""
    beyond, low = _divided(values, 10 ** (width + decimals))
    columns = _padded(low, width + decimals, decimals)
    if not beyond.any():
        return columns
    return [*(np.where(beyond > 0, column, b"") for column in number_texts(beyond)), *columns]


def _padded(values: Whole, width: int, decimals: int) -> list[Column]:
    """Exactly `width` digits each, with a point before the last `decimals`."""
    if decimals:
        whole, rest = _divided(values, 10**decimals)
        return [*_padded(whole, width - decimals, 0), POINT, *_padded(rest, decimals, 0)]
    columns: list[Column] = []
    while width > 4:
        values, low = _divided(values, _GROUP)
        columns.append(_digits(4)[low])
        width -= 4
    return [_digits(width)[values], *columns[::-1]]


def _divided(values: Whole, by: int) -> tuple[Whole, Whole]:
    """Quotient and rest; twice as fast as numpy's divmod."""
    quotient = values // by
    return quotient, values - quotient * by


def _column(characters: Characters) -> Column:
    """Texts, a row each, in a width that is quick to look up."""
    widest = characters.shape[1]
    width = 1 if widest == 1 else 4 if widest <= 4 else 8
    texts = np.zeros((len(characters), width), np.uint8)
    texts[:, :widest] = characters
    return texts.view(f"S{width}").ravel()


def _zero_padded(width: int) -> Characters:
    """The digits of the numbers of `width` digits, with their leading zeros."""
    numbers = np.arange(10**width)
    digits = [numbers // 10**place % 10 for place in range(width - 1, -1, -1)]
    return np.stack(digits, axis=1).astype(np.uint8) + ord("0")


@cache
def _digits(width: int) -> Column:
    return _column(_zero_padded(width))


def _firsts(places: int, point: bool) -> tuple[Characters, Characters]:
    """Four digits, of which `places` stand behind the point: as the first of a number, and as ones within."""
    within = _zero_padded(4)
    if point:
        within = np.insert(within, 4 - places, ord("."), axis=1)
    first, whole = within.copy(), np.arange(_GROUP) // 10**places
    for place in range(3 - places):  # the last digit before the point stays
        first[whole < 10 ** (3 - places - place), place] = 0
    return first, within


@cache
def _leading(places: int, point: bool) -> Column:
    """Four digits as the first of a number, as ones within, as none."""
    first, within = _firsts(places, point)
    return _column(np.concatenate([first, within, np.zeros_like(first[:1])]))


@cache
def _with_sign(places: int, point: bool) -> Column:
    """The same as the first of a number without a sign, and behind them those with a minus."""
    first, _ = _firsts(places, point)
    return _column(np.concatenate([np.insert(first, 0, sign, axis=1) for sign in (0, ord("-"))]))


@cache
def _clock() -> Column:
    """The time of day of each second."""
    seconds = np.arange(_DAY)
    texts = np.full((_DAY, 8), ord(":"), np.uint8)
    for place, number in ((0, seconds // 3600), (3, seconds // 60 % 60), (6, seconds % 60)):
        texts[:, place] = ord("0") + number // 10
        texts[:, place + 1] = ord("0") + number % 10
    return _column(texts)


def _dates(days: Whole) -> list[Column]:
    first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
    if first == last:
        return [np.broadcast_to(np.array([_date(first)]), len(days))]  # of this block alone: not the same in all
    if last - first < _MOST_DAYS:
        return [np.array([_date(day) for day in range(first, last + 1)])[days - first]]
    return [np.array([_date(day) for day in days.tolist()])]


@cache
def _date(day: int) -> bytes:
    return date.fromordinal(_EPOCH + day).isoformat().encode()
