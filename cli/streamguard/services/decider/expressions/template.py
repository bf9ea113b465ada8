"""Texts with expressions in braces: ``{amount} is more than {10 * account.mean}``. ``{{`` and ``}}`` are braces."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from streamguard.errors import RuleError
from streamguard.services.decider.expressions.compile import compiled
from streamguard.services.decider.expressions.kinds import Facts, Kind
from streamguard.services.decider.expressions.parse import parse

LONGEST_VALUE = 200
"""Characters of one value in a text."""
_PART = re.compile(
    r"""(?P<words>(?:[^{}]|\{\{|\}\})+)|\{(?P<expression>(?:[^{}'"]|'[^']*'|"[^"]*")*)\}""",
)
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters: PostgreSQL takes no NUL, JSON no half, a terminal obeys the others."""
Fill: TypeAlias = Callable[[Facts], str]


def template(text: str) -> Fill:
    """The function that makes the text. Raises RuleError."""
    unwanted = _UNWANTED.search(text)
    if unwanted is not None:
        raise RuleError("a control character, which not every reader takes: leave it out", unwanted.start())
    parts: list[Fill] = []
    at = 0
    while at < len(text):
        found = _PART.match(text, at)
        if found is None:
            brace = text[at]
            raise RuleError(f"a {brace} alone: write {brace * 2} for a brace, or {{amount}} for a value", at)
        parts.append(_value(found["expression"], at + 1) if found["words"] is None else _words(found["words"]))
        at = found.end()
    if len(parts) == 1:
        return parts[0]
    return lambda facts: "".join([part(facts) for part in parts])


def _words(text: str) -> Fill:
    said = text.replace("{{", "{").replace("}}", "}")
    return lambda _: said


def _value(expression: str, at: int) -> Fill:
    try:
        piece = compiled(parse(expression))
    except RuleError as exc:
        raise RuleError(str(exc), at + exc.at) from None
    run, show = piece.run, _SHOWN.get(piece.kind, str)
    return lambda facts: "unknown" if (value := run(facts)) is None else show(value)[:LONGEST_VALUE]


def _number(value: float) -> str:
    """Two decimals, or none."""
    if abs(value) >= 1e15:
        return repr(float(value))
    return f"{value:.2f}".removesuffix(".00")


def _time(milliseconds: int) -> str:
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):  # beyond the years 1 to 9999
        return f"{milliseconds} ms"
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


_SHOWN: dict[Kind, Callable[[Any], str]] = {
    Kind.NUMBER: _number,
    Kind.TIME: _time,
    Kind.BOOLEAN: lambda value: str(value).lower(),
    Kind.TEXTS: ", ".join,
}
