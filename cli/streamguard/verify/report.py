"""What a verification found: a row for each place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamguard.verify.compare import Faults
from streamguard.verify.entries import Fault

NAMED = 5
"""So many ids of a fault are told; its count is always whole."""
COLUMNS = ("place", "expected", "found", *Fault)


@dataclass(frozen=True)
class Row:
    """One place. A fault lists ids of transactions or users, or positions of what has none, and no personal data."""

    place: str
    expected: int
    found: int
    faults: Faults

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.faults.values())

    def document(self) -> dict[str, Any]:
        """The row with counts of each fault, and the first ids of those that there are."""
        counts = {str(fault): len(self.faults.get(fault, ())) for fault in Fault}
        ids = {str(fault): names[:NAMED] for fault, names in self.faults.items() if names}
        return {"place": self.place, "expected": self.expected, "found": self.found, **counts, "ids": ids}


@dataclass(frozen=True)
class Report:
    """All places."""

    rows: Sequence[Row]

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong anywhere."""
        return all(row.is_clean for row in self.rows)

    def faults(self) -> Mapping[str, Mapping[Fault, int]]:
        """What is wrong, by place: how often."""
        return {
            row.place: {fault: len(names) for fault, names in row.faults.items() if names}
            for row in self.rows
            if not row.is_clean
        }

    def sentences(self) -> list[str]:
        """A line for each fault of each place, with the first ids."""
        return [
            f"{row.place}: {len(names):,} {fault}: {', '.join(names[:NAMED])}{', …' if len(names) > NAMED else ''}"
            for row in self.rows
            for fault, names in row.faults.items()
            if names
        ]
