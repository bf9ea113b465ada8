"""What compiled expressions call: Java's arithmetic, casts and number texts, where Python's differ."""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from functools import lru_cache
from typing import Any

EXACT = Context(prec=1000, rounding=ROUND_HALF_UP, traps=[InvalidOperation, DivisionByZero, Overflow])
add_decimal, subtract_decimal, multiply_decimal = EXACT.add, EXACT.subtract, EXACT.multiply
negate_decimal = EXACT.copy_negate
decimal_of_whole = Decimal
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


def divide_decimal(left: Decimal, right: Decimal, precision: int, scale: int) -> Decimal:
    """The exact quotient. Raises ArithmeticError for a zero divisor, or a quotient of more digits than the type has.

    That a third of one is an error, and not rounded, is what ksqlDB does.
    """
    if not right:
        raise ZeroDivisionError("division by zero")
    quotient = EXACT.divide(left, right).quantize(Decimal(1).scaleb(-scale), context=EXACT)
    if EXACT.multiply(quotient, right) != left or len(quotient.as_tuple().digits) > precision:
        raise ArithmeticError(f"the quotient does not fit into DECIMAL({precision}, {scale}) without rounding")
    return quotient


def remainder_decimal(left: Decimal, right: Decimal) -> Decimal:
    """With the sign of the dividend."""
    if not right:
        raise ZeroDivisionError("division by zero")
    return EXACT.remainder(left, right)


def fit_decimal(value: Decimal, precision: int, scale: int) -> Decimal:
    """Rounded half up to the scale. Raises ArithmeticError where digits before the point are too many."""
    made = value.quantize(Decimal(1).scaleb(-scale), context=EXACT)
    if made.adjusted() >= precision - scale and made:
        reason = f"Numeric field overflow: A field with precision {precision} and scale {scale}"
        raise ArithmeticError(f"{reason} must round to an absolute value less than 10^{precision - scale}.")
    return made


def decimal_of_double(value: float) -> Decimal:
    """The digits that Java shows. Raises ArithmeticError for what is not a number."""
    if not math.isfinite(value):
        raise ArithmeticError("an infinity or NaN is no DECIMAL")
    return Decimal(repr(value))


def decimal_of_text(value: str) -> Decimal:
    """Raises ValueError for text that is not a number."""
    text = value.strip()
    if len(text) > 1000 or not NUMBER.fullmatch(text) or text[-1] in "dDfF":
        raise ValueError("a text is not a number")
    return Decimal(text)


def whole_of_decimal(value: Decimal, bits: int) -> int:
    """Cut off after the point, then the low bits, as Java's BigDecimal does."""
    return wrap_integer(int(value)) if bits == 32 else wrap_bigint(int(value))


def text_of_decimal(value: Decimal) -> str:
    """All digits, never an exponent."""
    return format(value, "f")


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


def java_order(mapping: dict[Any, Any]) -> list[Any]:
    """The keys in the order in which a HashMap of this size gives them in Java: results can depend on it."""
    buckets = 1
    while buckets < len(mapping) or len(mapping) > buckets * 3 // 4:
        buckets *= 2
    return sorted(mapping, key=lambda key: _java_hash(key) & (buckets - 1))


def _java_hash(key: Any) -> int:
    """Java's hash code of a key, with its high bits spread over the low ones."""
    made = 0
    if isinstance(key, str):
        units = key.encode("utf-16-be", "surrogatepass")
        for high, low in zip(units[::2], units[1::2], strict=True):
            made = (made * 31 + high * 256 + low) & 0xFFFFFFFF
    elif isinstance(key, int):
        made = (key ^ (key >> 32)) & 0xFFFFFFFF if not -(2**31) <= key < 2**31 else key & 0xFFFFFFFF
    return made ^ (made >> 16)
