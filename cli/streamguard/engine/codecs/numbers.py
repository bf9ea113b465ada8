"""Numbers as the formats need them: Java's narrowing, texts that Java parses, decimals that fit without rounding."""

from __future__ import annotations

import re
from decimal import Decimal as Exact
from typing import Any

from streamguard.engine.codecs.errors import Undecodable
from streamguard.engine.language import types as t
from streamguard.engine.values.operations import EXACT, WHOLE, wrap_bigint, wrap_integer

MS_OF_DAY = 86_400_000
MOST_DIGITS = 1000
DOUBLE = re.compile(r"[+-]?(?:NaN|Infinity|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?[dDfF]?)", re.ASCII)
LONG_NUMBER = re.compile(rb"[0-9.]{17}")
EVERY, SAMPLED = 4, re.compile(rb"[0-9.]{4}")
"""Of a long number's bytes, one in four is seen four times in a row: most records need not be searched byte by byte."""


def has_long_number(raw: bytes) -> bool:
    """Whether some number of a JSON text may have more than 15 digits: a double has all those of any other."""
    return SAMPLED.search(raw[::EVERY]) is not None and LONG_NUMBER.search(raw) is not None


def whole(value: int | float | Exact, bits: int) -> int:
    """Cut off after the point, then the low bits: Java's narrowing of any number."""
    if type(value) is not int:
        exact = value if isinstance(value, Exact) else Exact(value)
        if exact.adjusted() > MOST_DIGITS:  # nothing is left of it but zero bits, or little more than its digits
            sign, digits, exponent = exact.as_tuple()
            value = int("".join(map(str, digits))) * pow(2, int(exponent), 2**64) * pow(5, int(exponent), 2**64)
            value = -value if sign else value
        else:
            value = int(exact)
    return wrap_integer(value) if bits == 32 else wrap_bigint(value)


def whole_of_text(text: str, bits: int) -> int | None:
    """Java's ``parseInt`` or ``parseLong``; None where they fail."""
    if len(text) > 40 or not WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if -(2 ** (bits - 1)) <= number < 2 ** (bits - 1) else None


def double_of_text(text: str) -> float | None:
    """Java's ``Double.parseDouble``; None where it fails."""
    text = text.strip()
    if not DOUBLE.fullmatch(text):
        return None
    return float(text if text[-1] in "Ny" else text.rstrip("dDfF"))


def decimal_of_text(text: str) -> Exact | None:
    """Java's ``new BigDecimal(text)``; None where it fails."""
    if len(text) > MOST_DIGITS or not DOUBLE.fullmatch(text) or text[-1] in "dDfFyN":
        return None
    return Exact(text)


def fitted(value: Any, kind: t.Decimal) -> Exact:
    """A number with the digits of its column.

    Raises:
        Undecodable: it has more digits than the type; nothing is rounded.
    """
    exact = value if isinstance(value, Exact) else Exact(repr(value))
    if not exact.is_finite():
        raise Undecodable(f"Cannot fit the number into {kind}: it is not finite")
    if exact and exact.adjusted() >= kind.precision - kind.scale:
        raise Undecodable(f"Cannot fit the number into {kind} as it would truncate left digits")
    if exact.adjusted() < -MOST_DIGITS:
        made, same = exact, not exact
    else:
        made = exact.quantize(QUANTA[kind.scale], context=EXACT)
        same = made == exact
    if not same:
        raise Undecodable(f"Cannot fit the number into {kind} without rounding")
    return made if exact else QUANTA[kind.scale] * 0


class _Quanta(dict[int, Exact]):
    """Scale to the smallest number that has it."""

    def __missing__(self, scale: int) -> Exact:
        made = self[scale] = Exact(1).scaleb(-scale)
        return made


QUANTA = _Quanta()


def time_of_day(ms: int) -> int:
    """Milliseconds of the day. Raises `Undecodable` for others."""
    if not 0 <= ms < MS_OF_DAY:
        reason = "Time values must use number of milliseconds greater than 0 and less than 86400000."
        raise Undecodable(reason)
    return ms
