"""Whether what was written is what a case expects."""

from __future__ import annotations

import base64
from decimal import Decimal, InvalidOperation
from typing import Any

SHORTEST = 17
"""From so many digits on a double of the cases may be one that an older Java printed a digit too long."""


def matches(actual: Any, expected: Any) -> bool:
    """Compare by the type of the expected value."""
    match expected:
        case None | bool():
            return actual is expected
        case str():
            return _text(actual, expected)
        case list():
            same = isinstance(actual, list) and len(actual) == len(expected)
            return same and all(map(matches, actual, expected))
        case dict():
            return _object(actual, expected)
        case _:
            return _number(actual, expected)


def _text(actual: Any, expected: str) -> bool:
    if isinstance(actual, bytes):
        return actual == base64.b64decode(expected)
    if isinstance(actual, Decimal):
        try:
            return actual.as_tuple() == Decimal(expected).as_tuple()
        except InvalidOperation:
            return False
    return isinstance(actual, str) and actual == expected


def _object(actual: Any, expected: dict[str, Any]) -> bool:
    if not isinstance(actual, dict) or len(actual) != len(expected):
        return False
    for name, value in expected.items():
        found = name if actual.get(name) is not None else name.upper()
        if not matches(actual.get(found), value):
            return False
    return True


def _number(actual: Any, expected: int | Decimal) -> bool:
    match actual:
        case bool():
            return False
        case int():
            return actual == int(expected)
        case float():
            return abs(actual - float(expected)) < 1e-6
        case Decimal():
            return _decimal(actual, expected)
        case _:
            return False


def _decimal(actual: Decimal, expected: int | Decimal) -> bool:
    if isinstance(expected, int):
        exponent = actual.as_tuple().exponent
        return isinstance(exponent, int) and exponent >= 0 and actual == expected
    if (actual or abs(actual)).as_tuple() == (expected or abs(expected)).as_tuple():
        return True
    return len(expected.as_tuple().digits) >= SHORTEST and float(actual) == float(expected)
