"""Where something stands in a statement's text, and the lines of an error that point at it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 120


@dataclass(frozen=True)
class Place:
    """Line and column count from 1, `start` and `end` are offsets into the text."""

    line: int
    column: int
    start: int
    end: int

    def to(self, other: Place) -> Place:
        """From the start of this one to the end of the other."""
        return Place(self.line, self.column, self.start, max(self.end, other.end))


def excerpt(text: str, place: Place) -> str:
    """The line of `place` with carets under it, ready to follow the reason of an error."""
    begin = text.rfind("\n", 0, place.start) + 1
    end = text.find("\n", place.start)
    line = text[begin : end if end >= 0 else len(text)].rstrip("\r")
    column = place.start - begin
    shift = max(0, min(column - WIDTH // 2, len(line) - WIDTH))
    shown = line[shift : shift + WIDTH].replace("\t", " ")
    carets = max(1, min(place.end - place.start, len(line) - column, shift + WIDTH - column))
    return f"\n    {shown}\n    {' ' * (column - shift)}{'^' * carets}"


def meant(name: str, known: Iterable[str]) -> str:
    """`` (did you mean AMOUNT?)`` when one of the known names is close, else nothing."""
    by_upper = {other.upper(): other for other in known}
    close = difflib.get_close_matches(name.upper(), by_upper, n=1, cutoff=0.6)
    return f" (did you mean {by_upper[close[0]]}?)" if close else ""
