"""What compiled expressions call: Java's arithmetic, casts and number texts, where Python's differ."""

from __future__ import annotations

import math
import re
from functools import lru_cache

NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?)[dDfF]?", re.ASCII)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)


def wrap_integer(value: int) -> int:
    """The low 32 bits, as Java's int overflows."""
    return (value + 2**31) % 2**32 - 2**31


def wrap_bigint(value: int) -> int:
    """The low 64 bits, as Java's long overflows."""
    return (value + 2**63) % 2**64 - 2**63


def divide_whole(left: int, right: int) -> int:
    """Toward zero. Raises ZeroDivisionError."""
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def remainder_whole(left: int, right: int) -> int:
    """With the sign of the dividend. Raises ZeroDivisionError."""
    return left - right * divide_whole(left, right)


def divide_double(left: float, right: float) -> float:
    """IEEE: division by zero is an infinity or not a number."""
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def remainder_double(left: float, right: float) -> float:
    """IEEE remainder with the sign of the dividend; not a number for a zero divisor."""
    if right == 0 or math.isinf(left) or math.isnan(left) or math.isnan(right):
        return math.nan
    return math.fmod(left, right)


def text_of_boolean(value: bool) -> str:
    """``true`` or ``false``."""
    return "true" if value else "false"


def whole_of_double(value: float, bits: int) -> int:
    """Cut off after the point; what does not fit becomes the nearest that does, as Java casts."""
    if math.isnan(value):
        return 0
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    return low if value <= low else high if value >= high else int(value)


def whole_of_text(value: str, bits: int) -> int:
    """Raises ValueError for text that is not a whole number of that many bits."""
    text = value.strip()
    if not WHOLE.fullmatch(text) or len(text) > 40:
        raise ValueError(f"a text is not a whole number of {bits} bits")
    number = int(text)
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise ValueError(f"a text is not a whole number of {bits} bits")
    return number


def double_of_text(value: str) -> float:
    """Raises ValueError for text that is not a number."""
    text = value.strip()
    if not NUMBER.fullmatch(text):
        raise ValueError("a text is not a number")
    return float(text.rstrip("dDfF"))


def boolean_of_text(value: str) -> bool:
    """Every beginning of ``true`` and ``yes`` is true, everything else false, as ksqlDB casts."""
    text = value.strip().lower()
    return bool(text) and any(word.startswith(text) for word in ("true", "yes"))


def like(value: str, pattern: str, escape: str) -> bool:
    """SQL's LIKE: ``%`` is any text, ``_`` any one character."""
    return like_pattern(pattern, escape).fullmatch(value) is not None


@lru_cache(maxsize=1024)
def like_pattern(pattern: str, escape: str) -> re.Pattern[str]:
    """A LIKE pattern as a regular expression."""
    made = []
    escaped = False
    for character in pattern:
        if escaped:
            made.append(re.escape(character))
            escaped = False
        elif escape and character == escape:
            escaped = True
        else:
            made.append({"%": ".*", "_": "."}.get(character) or re.escape(character))
    return re.compile("".join(made), re.DOTALL)
