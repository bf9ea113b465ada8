"""How much memory state takes: its rows are counted, their bytes estimated from a sample.

May be asked while the state is worked on by another thread: what is walked is first copied, by one call.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from streamguard.engine.execution.state import KeyedStore, SessionStore, Store, WindowStore

SAMPLE = 200
"""Rows that are looked at to tell how big one is."""


@dataclass(frozen=True)
class Footprint:
    """`windowed`: how many of the rows are those of windows and sessions, which go when their retention is over."""

    rows: int = 0
    windowed: int = 0
    bytes: int = 0

    def __add__(self, other: Footprint) -> Footprint:
        return Footprint(self.rows + other.rows, self.windowed + other.windowed, self.bytes + other.bytes)


def footprint(store: Store) -> Footprint:
    """What one store takes."""
    match store:
        case KeyedStore():
            rows, size = _measured([store.rows])
            return Footprint(rows, 0, size)
        case WindowStore():
            rows, size = _measured(list(store.windows.values()))
            return Footprint(rows, rows, size)
        case SessionStore():
            _, size = _measured([store.sessions])
            return Footprint(len(store), len(store), size)


def _measured(tables: list[dict[bytes, Any]]) -> tuple[int, int]:
    """The entries of some dictionaries, and the bytes of both."""
    rows = sum(map(len, tables))
    few = tables[:: len(tables) // SAMPLE + 1]
    sample = [entry for table in few for entry in list(islice(table.items(), SAMPLE // len(few) + 1))]
    each = sum(sys.getsizeof(key) + _size(row) for key, row in sample) / max(1, len(sample))
    return rows, sum(map(sys.getsizeof, tables)) + int(rows * each)


def _size(value: Any) -> int:
    """A value with all that it holds."""
    size = sys.getsizeof(value)
    parts: Iterable[Any] = ()
    if isinstance(value, dict):
        parts = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple | set):
        parts = list(value)
    return size + sum(map(_size, parts))
