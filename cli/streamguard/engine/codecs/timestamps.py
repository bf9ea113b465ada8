"""A record's time from one of its columns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from streamguard.engine.javatime import pattern as compiled
from streamguard.engine.language import types as t


def extractor(kind: t.Type, pattern: str | None) -> Callable[[Any], int]:
    """A column's value to milliseconds: BIGINT and TIMESTAMP are that already, a STRING is read by a Java pattern.

    The function raises ValueError where ksqlDB skips the record: null, negative, or text that does not fit.
    """
    if kind == t.STRING and pattern is not None:
        read = compiled(pattern).timestamp
        return lambda value: checked(None if value is None else read(value))
    return checked


def checked(ms: Any) -> int:
    """The time; raises ValueError for null and for times before 1970."""
    if ms is None:
        raise ValueError("the timestamp column is null")
    if ms < 0:
        raise ValueError("the timestamp is negative")
    made: int = ms
    return made
