"""Numbers: rounding, powers, logarithms, angles; NaN and infinities where Java has them and Python an error."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_DOWN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from streamguard.engine.functions.registry import category, same_decimal
from streamguard.engine.functions.signatures import Bindings
from streamguard.engine.language import types as t
from streamguard.engine.values.operations import EXACT, whole_of_double, wrap_bigint, wrap_integer

scalar = category("MATHEMATICAL")
ORDERED = ("INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")


def _of_double(name: str, run: Callable[[float], float], description: str) -> None:
    """Declare a function of one number that gives a DOUBLE."""

    def compute(value: float) -> float:
        try:
            return run(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.inf

    compute.__doc__ = description
    texts = [f"({kind} value) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")]
    scalar(name, *texts, fails=False)(compute)


def _logarithm(value: float) -> float:
    return math.log(value) if value > 0 else -math.inf if value == 0 else math.nan


def _cube_root(value: float) -> float:
    """The nearest double, which the library of C misses at times."""
    near = math.cbrt(value)
    if not math.isfinite(near):
        return near
    found = (near, math.nextafter(near, -math.inf), math.nextafter(near, math.inf))
    return min(found, key=lambda each: abs(Fraction(each) ** 3 - Fraction(value)))


_of_double("ACOS", math.acos, "The inverse cosine, in radians.")
_of_double("ASIN", math.asin, "The inverse sine, in radians.")
_of_double("ATAN", math.atan, "The inverse tangent, in radians.")
_of_double("CBRT", _cube_root, "The cube root.")
_of_double("COS", math.cos, "The cosine of an angle in radians.")
_of_double("COSH", math.cosh, "The hyperbolic cosine.")
_of_double("COT", lambda value: 1 / math.tan(value) if value else math.inf, "The cotangent of an angle in radians.")
_of_double("DEGREES", math.degrees, "Radians as degrees.")
_of_double("EXP", math.exp, "e to the power of a number.")
_of_double("LN", _logarithm, "The natural logarithm.")
_of_double("RADIANS", math.radians, "Degrees as radians.")
_of_double("SIN", math.sin, "The sine of an angle in radians.")
_of_double(
    "SINH",
    lambda value: math.copysign(math.cosh(value), value) if abs(value) > 710 else math.sinh(value),
    "The hyperbolic sine.",
)
_of_double("SQRT", math.sqrt, "The square root.")
_of_double("TAN", math.tan, "The tangent of an angle in radians.")
_of_double("TANH", math.tanh, "The hyperbolic tangent.")


@scalar("ATAN2", *[f"({kind} y, {kind} x) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")], fails=False)
def angle(y: float, x: float) -> float:
    """The angle of the point (x, y), in radians."""
    return math.atan2(y, x)


@scalar("RANDOM", "() -> DOUBLE", deterministic=False, fails=False)
def any_number() -> float:
    """A random number from 0 to below 1."""
    return random.random()  # noqa: S311  for samples, not for secrets


@scalar("PI", "() -> DOUBLE", fails=False)
def pi() -> float:
    """The number π."""
    return math.pi


@scalar("LOG", *[f"({kind} value) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")], fails=False)
def natural_logarithm(value: float) -> float:
    """The logarithm of a number, natural or to a base."""
    return _logarithm(value)


@scalar("LOG", *[f"({kind} base, {kind} value) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")], fails=False)
def logarithm(base: float, value: float) -> float:
    """The logarithm of a number to a base."""
    if base <= 0 or base == 1:
        return math.nan
    return _logarithm(value) / _logarithm(base)


@scalar(
    "POWER", *[f"({kind} base, {kind} exponent) -> DOUBLE" for kind in ("INTEGER", "BIGINT", "DOUBLE")], fails=False
)
def power(base: float, exponent: float) -> float:
    """A number to the power of another."""
    try:
        return math.pow(base, exponent)
    except ValueError:
        return math.inf if base == 0 else math.nan
    except OverflowError:
        return -math.inf if base < 0 and float(exponent) % 2 == 1 else math.inf


@scalar("SIGN", *[f"({kind} value) -> INTEGER" for kind in ("INTEGER", "BIGINT", "DOUBLE")], fails=False)
def sign(value: float) -> int:
    """-1, 0 or 1."""
    return (value > 0) - (value < 0)


@scalar("ABS", "(INTEGER val) -> INTEGER", fails=False)
def absolute_integer(value: int) -> int:
    """The absolute value of a number."""
    return wrap_integer(abs(value))


@scalar("ABS", "(BIGINT val) -> BIGINT", fails=False)
def absolute_bigint(value: int) -> int:
    """The absolute value of a number."""
    return wrap_bigint(abs(value))


@scalar("ABS", "(DOUBLE val) -> DOUBLE", inline="abs({0})", fails=False)
def absolute_double(value: float) -> float:
    """The absolute value of a number."""
    return abs(value)


@scalar("ABS", "(DECIMAL val) -> DECIMAL", returns=same_decimal, fails=False)
def absolute_decimal(value: Decimal) -> Decimal:
    """The absolute value of a number."""
    return value.copy_abs()


def _rounding_to_whole(name: str, of_double: Callable[[float], int], mode: str, description: str) -> None:
    """Declare CEIL or FLOOR."""

    def whole(value: int) -> int:
        return value

    def double(value: float) -> float:
        return math.copysign(float(of_double(value)), value) if math.isfinite(value) else value

    def exact(value: Decimal) -> Decimal:
        rounded = value.quantize(Decimal(1), rounding=mode, context=EXACT)
        return rounded.quantize(value, context=EXACT)

    whole.__doc__ = double.__doc__ = exact.__doc__ = description
    scalar(name, "(INTEGER value) -> INTEGER", "(BIGINT value) -> BIGINT", inline="{0}", fails=False)(whole)
    scalar(name, "(DOUBLE value) -> DOUBLE", fails=False)(double)
    scalar(name, "(DECIMAL value) -> DECIMAL", returns=same_decimal)(exact)


_rounding_to_whole("CEIL", math.ceil, ROUND_CEILING, "The smallest whole number that is not below a number.")
_rounding_to_whole("FLOOR", math.floor, ROUND_FLOOR, "The largest whole number that is not above a number.")


def _whole_decimal(arguments: Sequence[t.Type], bindings: Bindings) -> t.Type:
    kind = same_decimal(arguments, bindings)
    assert isinstance(kind, t.Decimal)
    return t.Decimal(max(kind.precision - kind.scale, 1), 0)


def _scaled(value: Decimal, places: int, mode: str) -> Decimal:
    """The number at so many places after the point (before it when negative), with the scale that it had."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    if places >= -exponent:
        return value
    if places < -1000:
        return Decimal(0).quantize(value, context=EXACT)
    return value.quantize(Decimal(1).scaleb(-places), rounding=mode, context=EXACT).quantize(value, context=EXACT)


def _half(value: Decimal | float) -> str:
    """What lies in the middle goes up, also below zero."""
    return ROUND_HALF_UP if value >= 0 else ROUND_HALF_DOWN


@scalar("ROUND", "(INTEGER val) -> INTEGER", "(BIGINT val) -> BIGINT", inline="{0}", fails=False)
def round_whole(value: int) -> int:
    """A number rounded, to whole or to some decimal places; what lies in the middle goes up."""
    return value


@scalar("ROUND", "(DOUBLE val) -> BIGINT", fails=False)
def round_double(value: float) -> int:
    """A number rounded to whole."""
    if not math.isfinite(value) or abs(value) > 2**62:
        return whole_of_double(value, 64)
    return math.floor(Decimal(value) + Decimal("0.5"))


@scalar("ROUND", "(DECIMAL val) -> DECIMAL", returns=_whole_decimal)
def round_decimal(value: Decimal) -> Decimal:
    """A number rounded to whole."""
    return value.quantize(Decimal(1), rounding=_half(value), context=EXACT)


@scalar("ROUND", "(DOUBLE val, INTEGER decimalPlaces) -> DOUBLE")
def round_double_to(value: float, places: int) -> float:
    """A number rounded to decimal places; negative ones are before the point."""
    if not math.isfinite(value):
        raise ArithmeticError("an infinity or NaN can not be rounded")
    return float(_scaled(_with_point(value), places, _half(value)))


@scalar("ROUND", "(DECIMAL val, INTEGER decimalPlaces) -> DECIMAL", returns=same_decimal)
def round_decimal_to(value: Decimal, places: int) -> Decimal:
    """A number rounded to decimal places; negative ones are before the point."""
    return _scaled(value, places, _half(value))


@scalar("TRUNC", "(INTEGER val) -> INTEGER", "(BIGINT val) -> BIGINT", inline="{0}", fails=False)
def cut_whole(value: int) -> int:
    """A number cut off after the point or after some decimal places."""
    return value


@scalar("TRUNC", "(DOUBLE val) -> BIGINT", fails=False)
def cut_double(value: float) -> int:
    """A number cut off after the point."""
    return whole_of_double(value, 64)


@scalar("TRUNC", "(DECIMAL val) -> DECIMAL", returns=_whole_decimal)
def cut_decimal(value: Decimal) -> Decimal:
    """A number cut off after the point."""
    return value.quantize(Decimal(1), rounding=ROUND_DOWN, context=EXACT)


@scalar("TRUNC", "(DOUBLE val, INTEGER decimalPlaces) -> DOUBLE")
def cut_double_to(value: float, places: int) -> float:
    """A number cut off after decimal places; negative ones are before the point."""
    if not math.isfinite(value):
        raise ArithmeticError("an infinity or NaN can not be cut off")
    return float(_scaled(_with_point(value), places, ROUND_DOWN))


@scalar("TRUNC", "(DECIMAL val, INTEGER decimalPlaces) -> DECIMAL", returns=same_decimal)
def cut_decimal_to(value: Decimal, places: int) -> Decimal:
    """A number cut off after decimal places; negative ones are before the point."""
    return _scaled(value, places, ROUND_DOWN)


def _with_point(value: float) -> Decimal:
    """The digits that Java shows, at least one of them after the point."""
    made = Decimal(repr(value))
    exponent = made.as_tuple().exponent
    return made.quantize(Decimal("0.1"), context=EXACT) if isinstance(exponent, int) and exponent > -1 else made


def _widest(arguments: Sequence[t.Type], bindings: Bindings) -> t.Type:
    del bindings
    kind: t.Type = t.NULL
    for argument in arguments:
        if argument != t.NULL:
            kind = t.as_decimal(argument) if kind == t.NULL else t.wider(kind, t.as_decimal(argument))
    return kind


TEXTS = [f"({kind} val, {kind}... vals) -> {kind}" for kind in ORDERED]


@scalar("GREATEST", "(DECIMAL val, DECIMAL... vals) -> DECIMAL", nulls=True, fails=False, returns=_widest)
@scalar("GREATEST", *TEXTS, nulls=True, fails=False)
def greatest(*values: Any) -> Any:
    """The greatest of the values that are not null."""
    return max((value for value in values if value is not None), default=None)


@scalar("LEAST", "(DECIMAL val, DECIMAL... vals) -> DECIMAL", nulls=True, fails=False, returns=_widest)
@scalar("LEAST", *TEXTS, nulls=True, fails=False)
def least(*values: Any) -> Any:
    """The least of the values that are not null."""
    return min((value for value in values if value is not None), default=None)


KM, MILES = 6371, 3959  # the mean radius of the earth


@category("OTHER")("GEO_DISTANCE", "(DOUBLE lat1, DOUBLE lon1, DOUBLE lat2, DOUBLE lon2) -> DOUBLE")
def distance(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """The great-circle distance between two points, in kilometres or miles."""
    return _distance(lat1, lon1, lat2, lon2, KM)


@category("OTHER")("GEO_DISTANCE", "(DOUBLE lat1, DOUBLE lon1, DOUBLE lat2, DOUBLE lon2, STRING units) -> DOUBLE")
def distance_in(lat1: float, lon1: float, lat2: float, lon2: float, units: str) -> float:
    """The great-circle distance between two points, in ``KM`` or ``MILES``."""
    word = units.lower()
    if word in ("km", "kilometer", "kilometers", "kilometre", "kilometres"):
        return _distance(lat1, lon1, lat2, lon2, KM)
    if word in ("mi", "mile", "miles"):
        return _distance(lat1, lon1, lat2, lon2, MILES)
    raise ValueError("GeoDistance function units parameter must be one of: 'KM', 'MILES'")


def _distance(lat1: float, lon1: float, lat2: float, lon2: float, radius: int) -> float:
    for value, limit, name in ((lat1, 90, "latitude"), (lat2, 90, "latitude"), (lon1, 180, "longitude")):
        if not -limit <= value <= limit:
            raise ValueError(f"valid {name} values for GeoDistance function are in the range of -{limit} to {limit}")
    if not -180 <= lon2 <= 180:
        raise ValueError("valid longitude values for GeoDistance function are in the range of -180 to 180")
    along, across = math.sin(_radians(lat2 - lat1) / 2), math.sin(_radians(lon2 - lon1) / 2)
    chord = along * along + across * across * math.cos(_radians(lat1)) * math.cos(_radians(lat2))
    return radius * (2 * math.asin(math.sqrt(chord)))


def _radians(degrees: float) -> float:
    """As Java divides and multiplies, so that the last digit is the same."""
    return degrees / 180 * math.pi
