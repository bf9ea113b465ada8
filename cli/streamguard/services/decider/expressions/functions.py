"""The functions of the language. Null in gives null out; one that answers true or false answers false about null."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

from streamguard.errors import RuleError
from streamguard.project import did_you_mean
from streamguard.services.decider.expressions.kinds import Facts, Kind, Piece, Run
from streamguard.services.decider.expressions.nodes import Call

HOUR, DAY = 3_600_000, 86_400_000
THURSDAY = 3
"""The first day of 1970, Monday being 0."""

Build: TypeAlias = Callable[[Call, Sequence[Piece]], Piece]


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` are the kinds of its arguments, None any; `optional` ones may be missing, `more` may follow."""

    takes: tuple[Kind | None, ...]
    build: Build
    gives: str
    shown: str
    about: str
    optional: int = 0
    more: bool = False


def _plain(kind: Kind, function: Callable[..., Any]) -> Build:
    """The value of a Python function that takes no null; null of null, or false."""
    of_null = False if kind is Kind.BOOLEAN else None

    def build(_call: Call, arguments: Sequence[Piece]) -> Piece:
        can_be_null = any(argument.can_be_null for argument in arguments)
        runs = [argument.run for argument in arguments]
        if len(runs) == 1:
            return Piece(kind, _of_one(runs[0], function, of_null), can_be_null and kind is not Kind.BOOLEAN)

        def run(facts: Facts) -> Any:
            values = [run(facts) for run in runs]
            return of_null if None in values else function(*values)

        return Piece(kind, run, can_be_null and kind is not Kind.BOOLEAN)

    return build


def _of_one(argument: Run, function: Callable[[Any], Any], of_null: bool | None) -> Run:
    return lambda facts: of_null if (value := argument(facts)) is None else function(value)


def _clock(in_utc: Callable[[int], int], of_moment: Callable[[datetime], int]) -> Build:
    """What a clock or calendar shows, in UTC or in the zone that the second argument names."""

    def build(call: Call, arguments: Sequence[Piece]) -> Piece:
        if len(arguments) == 1:
            return _plain(Kind.NUMBER, lambda time: float(in_utc(time)))(call, arguments)
        zone = _zone(call, arguments[1])

        def shown(time: int) -> float | None:
            try:
                return float(of_moment(datetime.fromtimestamp(time / 1000, zone)))
            except (ValueError, OverflowError, OSError):  # beyond the years 1 to 9999
                return None

        return Piece(Kind.NUMBER, _of_one(arguments[0].run, shown, None), can_be_null=True)

    return build


def _zone(call: Call, argument: Piece) -> ZoneInfo:
    name, at = argument.literal, call.arguments[1].at
    if not isinstance(name, str):
        raise RuleError(f"{call.function}() takes its zone written out, like 'Europe/Berlin'", at)
    if name not in zones():
        raise RuleError(f"no time zone {name[:40]}{did_you_mean(name, zones())}", at)
    return ZoneInfo(name)


@cache
def zones() -> frozenset[str]:
    """The time zones that this machine knows."""
    return frozenset(available_timezones())


def _time(call: Call, arguments: Sequence[Piece]) -> Piece:
    """A time that is written out."""
    text, at = arguments[0].literal, call.arguments[0].at
    if not isinstance(text, str):
        raise RuleError("time() takes a time written out, like '2026-12-24' or '2026-12-24T18:00:00Z'", at)
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None and len(text) > len("2026-12-24"):
            raise RuleError(f"{text} has no zone: write {text}Z for UTC", at)
        milliseconds = round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise RuleError(f"{text[:40]!r} is no time: write 2026-12-24 or 2026-12-24T18:00:00Z", at) from None
    return Piece(Kind.TIME, lambda _: milliseconds, literal=milliseconds)


def _coalesce(call: Call, arguments: Sequence[Piece]) -> Piece:
    first, second = arguments
    if second.kind is not first.kind:
        raise RuleError(
            f"coalesce() takes two of a kind, and these are {first.kind.value} and {second.kind.value}",
            call.arguments[1].at,
        )
    one, other = first.run, second.run

    def run(facts: Facts) -> Any:
        value = one(facts)
        return other(facts) if value is None else value

    return Piece(first.kind, run, first.can_be_null and second.can_be_null)


_N, _T, _M = Kind.NUMBER, Kind.TEXT, Kind.TIME


def _seconds(factor: float) -> Build:
    """So many times `factor` seconds; null beyond the doubles."""

    def build(call: Call, arguments: Sequence[Piece]) -> Piece:
        product = _plain(Kind.NUMBER, lambda number: finite(number * factor))(call, arguments)
        return Piece(Kind.NUMBER, product.run, can_be_null=True)

    return build


def finite(number: float) -> float | None:
    """The number; None if it is infinite or none at all."""
    return number if math.isfinite(number) else None


FUNCTIONS: dict[str, Function] = {
    "lower": Function((_T,), _plain(_T, str.lower), _T.value, "lower(text)", "in small letters"),
    "upper": Function((_T,), _plain(_T, str.upper), _T.value, "upper(text)", "in capitals"),
    "length": Function(
        (_T,), _plain(_N, lambda text: float(len(text))), _N.value, "length(text)", "how many characters"
    ),
    "starts_with": Function(
        (_T, _T),
        _plain(Kind.BOOLEAN, str.startswith),
        Kind.BOOLEAN.value,
        "starts_with(text, text)",
        "whether the first begins so",
    ),
    "ends_with": Function(
        (_T, _T),
        _plain(Kind.BOOLEAN, str.endswith),
        Kind.BOOLEAN.value,
        "ends_with(text, text)",
        "whether the first ends so",
    ),
    "contains": Function(
        (_T, _T),
        _plain(Kind.BOOLEAN, str.__contains__),
        Kind.BOOLEAN.value,
        "contains(text, text)",
        "whether the second is in the first",
    ),
    "abs": Function((_N,), _plain(_N, abs), _N.value, "abs(number)", "without its sign"),
    "round": Function(
        (_N,), _plain(_N, lambda x: float(math.floor(x + 0.5))), _N.value, "round(number)", "the nearest whole one"
    ),
    "min": Function((_N, _N), _plain(_N, min), _N.value, "min(number, number, …)", "the least", more=True),
    "max": Function((_N, _N), _plain(_N, max), _N.value, "max(number, number, …)", "the greatest", more=True),
    "coalesce": Function(
        (None, None), _coalesce, "what it takes", "coalesce(value, other)", "the first, or the other if that is null"
    ),
    "time": Function(
        (_T,), _time, _M.value, "time('2026-12-24T18:00:00Z')", "a time written out; a date alone begins at 00:00 UTC"
    ),
    "hour": Function(
        (_M, _T),
        _clock(lambda time: time // HOUR % 24, lambda moment: moment.hour),
        _N.value,
        "hour(time), hour(time, 'Europe/Berlin')",
        "the hour, 0 to 23, in UTC or in that zone",
        optional=1,
    ),
    "weekday": Function(
        (_M, _T),
        _clock(lambda time: (time // DAY + THURSDAY) % 7 + 1, datetime.isoweekday),
        _N.value,
        "weekday(time), weekday(time, zone)",
        "the day of the week, 1 (Monday) to 7 (Sunday)",
        optional=1,
    ),
    "minutes": Function((_N,), _seconds(60.0), _N.value, "minutes(number)", "so many minutes, in seconds"),
    "hours": Function((_N,), _seconds(3600.0), _N.value, "hours(number)", "so many hours, in seconds"),
    "days": Function((_N,), _seconds(86_400.0), _N.value, "days(number)", "so many days, in seconds"),
}
