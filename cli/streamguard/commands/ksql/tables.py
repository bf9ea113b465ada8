"""Rows laid out for a terminal: a table if it fits, else a line for each column. Pure: values in, lines out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

GAP = 2
LEAST = 8
"""Cells to which a column may be narrowed; a table that would need less is not one to read."""

TYPICAL = {
    "BOOLEAN": 7,
    "INTEGER": 10,
    "INT": 10,
    "BIGINT": 13,
    "DOUBLE": 12,
    "STRING": 16,
    "TIMESTAMP": 23,
    "DATE": 10,
}
NUMBERS = ("INTEGER", "INT", "BIGINT", "DOUBLE", "DECIMAL")
ESCAPES = {number: f"\\x{number:02x}" for number in (*range(32), *range(127, 160))} | {10: "\\n", 13: "\\r", 9: "\\t"}
"""Control characters of a record have no power over the terminal."""

CUT = "…"


def cell(value: Any) -> str:
    """A value as text: strings as they are, what has parts as JSON, null as ``null``."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.translate(ESCAPES)


class Layout:
    """The rows of one answer, `width` cells wide. `seen` are rows that are known by now, for the widths.

    `vertical`: a line for each column; None: if the table does not fit.
    """

    def __init__(
        self,
        names: Sequence[str],
        types: Sequence[str] = (),
        *,
        width: int,
        seen: Sequence[Sequence[Any]] = (),
        vertical: bool | None = None,
        whole: bool = False,
    ) -> None:
        self._names = [name.translate(ESCAPES) for name in names]
        kinds = [kind.partition("(")[0].partition("<")[0] for kind in types] or [""] * len(names)
        self._right = [kind in NUMBERS for kind in kinds]
        self._widths = self._fitting(kinds, seen, width, whole=whole)
        self._width = width
        self.vertical = vertical if vertical is not None else self._widths is None
        if self.vertical is False and self._widths is None:
            self._widths = [LEAST] * len(names)
        self._number = 0

    def head(self) -> list[str]:
        """The names of the columns; nothing where each row repeats them."""
        return [] if self.vertical else [self._line(self._names)]

    def row(self, values: Sequence[Any]) -> list[str]:
        """The lines of a row."""
        self._number += 1
        cells = [cell(value) for value in values]
        return self._block(cells) if self.vertical else [self._line(cells)]

    def _fitting(
        self, kinds: Sequence[str], seen: Sequence[Sequence[Any]], width: int, *, whole: bool
    ) -> list[int] | None:
        """A width for each column, or None if they can not all be readable. `whole`: there are no other rows."""
        widths = [cell_len(name) for name in self._names]
        if not whole:
            widths = [max(each, TYPICAL.get(kind, 16)) for each, kind in zip(widths, kinds, strict=True)]
        for values in seen:
            widths = [max(each, cell_len(cell(value))) for each, value in zip(widths, values, strict=True)]
        room = width - GAP * (len(widths) - 1)
        while sum(widths) > room and max(widths, default=0) > LEAST:
            widest = max(widths)
            second = max((each for each in widths if each < widest), default=LEAST)
            count = widths.count(widest)
            target = max(LEAST, second, widest - -(-(sum(widths) - room) // count))
            if target == widest:
                break
            widths = [target if each == widest else each for each in widths]
        return widths if sum(widths) <= room else None

    def _line(self, cells: Sequence[str]) -> str:
        assert self._widths is not None
        parts = [
            _fit(text, width, right=right) for text, width, right in zip(cells, self._widths, self._right, strict=True)
        ]
        return (" " * GAP).join(parts).rstrip()

    def _block(self, cells: Sequence[str]) -> list[str]:
        label = max((cell_len(name) for name in self._names), default=0)
        head = f"-[ {self._number} ]".ljust(min(self._width, label + 20), "-")
        return [head, *(f"{_fit(n, label)} | {c}" for n, c in zip(self._names, cells, strict=True))]


def _fit(text: str, width: int, *, right: bool = False) -> str:
    """The text in exactly so many cells; what does not fit is cut."""
    if cell_len(text) > width:
        return set_cell_size(text, max(0, width - 1)) + CUT
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)
