"""Doubles as Java writes them, in text and in JSON: ksqlDB does, and so does whatever stands beside it."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import orjson

SMALLEST, LARGEST = 1e-3, 1e7  # Java writes doubles from SMALLEST to below LARGEST without an exponent


def double_text(value: float) -> str:
    """Java's ``Double.toString``: ``1.0``, ``0.001``, ``1.0E-4``, ``1.0E7``."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or SMALLEST <= abs(value) < LARGEST:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{len(text) - 1 + int(exponent)}"


def double_json(value: float) -> Any:
    """What orjson must be given for a double: itself, the number with Java's digits, or a text if it is no number."""
    if value == 0 or SMALLEST <= abs(value) < LARGEST:
        return value
    text = double_text(value)
    return orjson.Fragment(text) if math.isfinite(value) else text
