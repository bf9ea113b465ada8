"""Choices between values; what is not null."""

from __future__ import annotations

from typing import Any

from streamguard.engine.functions.registry import category

scalar = category("CONDITIONAL")


@scalar("COALESCE", "(T first, T... others) -> T", nulls=True, fails=False)
def coalesce(*values: Any) -> Any:
    """The first of the values that is not null."""
    return next((value for value in values if value is not None), None)


@scalar("IFNULL", "(T expression, T altValue) -> T", nulls=True, fails=False)
def if_null(value: Any, instead: Any) -> Any:
    """The value, or another one if it is null."""
    return instead if value is None else value


@scalar("NULLIF", "(T expression1, T expression2) -> T", nulls=True, fails=False)
def null_if(value: Any, other: Any) -> Any:
    """Null if two values are equal, else the first."""
    return None if value == other else value


@category("OTHER")("AS_VALUE", "(T keyColumn) -> T", nulls=True, inline="{0}", fails=False)
def as_value(value: Any) -> Any:
    """A copy of a key column in the value."""
    return value
