"""A quick reader for the patterns that most timestamps have: a year, month and day in numbers, a time, an offset."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from streamguard.engine.javatime import fields as f
from streamguard.engine.javatime.calendar import days_of, length_of_month
from streamguard.engine.javatime.elements import (
    BASE_YEAR,
    Element,
    Fraction,
    Literal,
    Number,
    Offset,
    Optional,
    Reduced,
)
from streamguard.engine.javatime.zones import Zone, offset_of

Quick = Callable[[Sequence[str | None], Zone], int | None]
ROLES = {
    f.YEAR: "year",
    f.YEAR_OF_ERA: "year",
    f.MONTH: "month",
    f.DAY_OF_MONTH: "day",
    f.HOUR_OF_DAY: "hour",
    f.MINUTE_OF_HOUR: "minute",
    f.SECOND_OF_MINUTE: "second",
}
MAY_LACK = {"fraction", "offset"}


def quick_reader(elements: Sequence[Element]) -> Quick | None:
    """A function from the groups of a match to milliseconds, or None where the complete way must be taken.

    None for a pattern with anything unusual in it.
    """
    roles = list(_roles(elements))
    names = [role for role in roles if role not in MAY_LACK]
    if None in roles or len(set(names)) < len(names) or not {"year", "month", "day"} <= set(names):
        return None
    lines = [f"    {role} = int(groups[{at}])" for at, role in enumerate(roles) if role not in MAY_LACK]
    if any(isinstance(each, Reduced) for each in elements):
        lines.append(f"    year += {BASE_YEAR}")
    inside = "1 <= year <= 999999 and 1 <= month <= 12 and (1 <= day <= 28 or 28 < day <= length_of_month(year, month))"
    limits = [f"{name} < {limit}" for name, limit in (("hour", 24), ("minute", 60), ("second", 60)) if name in names]
    hour, minute, second = (name if name in names else "0" for name in ("hour", "minute", "second"))
    lines += [
        f"    if not ({' and '.join([inside, *limits])}): return None",
        f"    ms = (((days_of(year, month, day) * 24 + {hour}) * 60 + {minute}) * 60 + {second}) * 1000",
    ]
    fractions = [f"groups[{at}]" for at, role in enumerate(roles) if role == "fraction"]
    if fractions:
        lines += [f"    fraction = {' or '.join(fractions)}", "    if fraction: ms += int((fraction + '00')[:3])"]
    offsets = [f"groups[{at}]" for at, role in enumerate(roles) if role == "offset"]
    if offsets:
        lines += [f"    offset = {' or '.join(offsets)}", "    if offset: return ms - seconds(offset) * 1000"]
    text = "\n".join(["def read(groups, zone):", *lines, "    return ms - zone.at_local(ms) * 1000"])
    namespace: dict[str, object] = {"days_of": days_of, "length_of_month": length_of_month, "seconds": _seconds}
    exec(compile(text, "<pattern>", "exec"), namespace)  # noqa: S102  our own text
    return namespace["read"]  # type: ignore[return-value]


def _roles(elements: Sequence[Element], *, may_lack: bool = False) -> Iterator[str | None]:
    """What each group is; None is unusual."""
    fractions = 0
    for element in elements:
        role: str | None = None
        if isinstance(element, Literal):
            continue
        if isinstance(element, Optional):
            yield from _roles(element.inner, may_lack=True)
            continue
        if isinstance(element, Fraction):
            role = "fraction"
        elif isinstance(element, Offset):
            role = "offset"
        elif isinstance(element, Number):
            role = ROLES.get(element.field)
        fractions += role == "fraction"
        yield None if (may_lack and role not in MAY_LACK) or fractions > 1 else role


@lru_cache(maxsize=1024)
def _seconds(text: str) -> int:
    return 0 if text in "Zz" else offset_of(text)
