"""What aggregations and tables remember, one store for each query and partition; plain memory, no I/O.

Compiled queries work on `rows` and `windows` directly and note every key they touch in `changed`, which tells the
changelog at the end of a batch what to write. The key is what the sink's key is made of, as bytes. A row of an
aggregation is ``[time, shown, state of the first aggregation, …]``: the largest time of its records, and whether it
passed HAVING when it was last looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Any

Row = list[Any]
SHOWN, STATES = 1, 2
"""Places in a row of an aggregation; the states are the rest."""
NEVER = -1


@dataclass(slots=True)
class KeyedStore:
    """Rows by key: aggregations without windows, and the old rows of tables. `time` is not used."""

    rows: dict[bytes, Row] = field(default_factory=dict)
    changed: dict[bytes, None] = field(default_factory=dict)
    time: int = NEVER
    late: int = 0

    def put(self, key: bytes, row: Row) -> None:
        """Keep a row."""
        self.rows[key] = row
        self.changed[key] = None

    def delete(self, key: bytes) -> None:
        """Forget a row."""
        if self.rows.pop(key, None) is not None:
            self.changed[key] = None

    def changes(self) -> list[tuple[bytes, Row | None]]:
        """Every key touched since the last call, with its row now; None: it is gone."""
        made = [(key, self.rows.get(key)) for key in self.changed]
        self.changed.clear()
        return made

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(slots=True)
class WindowStore:
    """Rows by window start and key. `time` is the stream time.

    A window is dropped when one opens that starts `retention` later: by then it is closed.
    """

    retention: int
    windows: dict[int, dict[bytes, Row]] = field(default_factory=dict)
    changed: dict[tuple[int, bytes], None] = field(default_factory=dict)
    time: int = NEVER
    late: int = 0
    newest: int = NEVER

    def opened(self, start: int) -> dict[bytes, Row]:
        """The rows of a window that has none yet. Windows past their retention go: memory is bounded by stream time."""
        self.newest = max(self.newest, start)
        oldest = self.newest - self.retention
        for gone in [each for each in self.windows if each <= oldest]:
            self.changed.update(((gone, key), None) for key in self.windows.pop(gone))
        rows = self.windows[start] = {}
        return rows

    def closing(self, after: int, until: int, size: int) -> Iterator[tuple[int, bytes, Row]]:
        """The rows of windows of that size that end after one time and until another, in the order of start and key."""
        oldest = max(self.windows, default=0) - self.retention
        for start in sorted(self.windows):
            if start > oldest and start + size <= until and (after < 0 or start + size > after):
                rows = self.windows[start]
                for key in sorted(rows):
                    yield start, key, rows[key]

    def __len__(self) -> int:
        return sum(map(len, list(self.windows.values())))


Session = tuple[int, int, Row]


@dataclass(slots=True)
class SessionStore:
    """Sessions (start, end, row) by key, in the order of their starts; they do not overlap.

    `open` is a heap of sessions that were not `closing` yet, and of some that are no more; None until that is asked.
    """

    retention: int
    sessions: dict[bytes, list[Session]] = field(default_factory=dict)
    changed: dict[tuple[int, int, bytes], None] = field(default_factory=dict)
    time: int = NEVER
    late: int = 0
    swept: int = NEVER
    open: list[tuple[int, bytes, int]] | None = None

    def near(self, key: bytes, first: int, last: int) -> list[Session]:
        """The sessions of a key that have a part between two times, both included."""
        found = self.sessions.get(key)
        return [each for each in found if each[1] >= first and each[0] <= last] if found else []

    def closing(self, after: int, until: int) -> Iterator[tuple[bytes, int, int, Row]]:
        """Sessions that end before a time, each once, in the order of end and key; not those that had ended `after`.

        That is only asked at the first call: sessions that come from a changelog may have been told already.
        """
        if self.open is None:
            found = ((end, key, start) for key, sessions in self.sessions.items() for start, end, _ in sessions)
            self.open = [each for each in found if each[0] >= after]
            heapify(self.open)
        while self.open and self.open[0][0] < until:
            end, key, start = heappop(self.open)
            row = self.get(key, start, end)
            if row is not None and (not self.open or self.open[0] != (end, key, start)):
                yield key, start, end, row

    def get(self, key: bytes, start: int, end: int) -> Row | None:
        """The row of exactly that session, or None."""
        return next((row for first, last, row in self.sessions.get(key, ()) if (first, last) == (start, end)), None)

    def put(self, key: bytes, start: int, end: int, row: Row) -> None:
        """Keep a session, in the place of one with the same bounds."""
        sessions = [each for each in self.sessions.get(key, ()) if each[:2] != (start, end)]
        sessions.append((start, end, row))
        sessions.sort(key=lambda each: each[:2])
        self.sessions[key] = sessions
        self.changed[start, end, key] = None
        if self.open is not None:
            heappush(self.open, (end, key, start))
        if self.time - self.swept > self.retention:
            self._sweep()

    def delete(self, key: bytes, start: int, end: int) -> None:
        """Forget a session."""
        sessions = [each for each in self.sessions.get(key, ()) if each[:2] != (start, end)]
        if sessions:
            self.sessions[key] = sessions
        else:
            self.sessions.pop(key, None)
        self.changed[start, end, key] = None

    def _sweep(self) -> None:
        """Drop sessions that ended before the retention: as much work as there is state, once a retention period."""
        oldest = self.time - self.retention
        self.swept = self.time
        for key, sessions in list(self.sessions.items()):
            for start, end, _ in sessions:
                if end < oldest:
                    self.delete(key, start, end)

    def changes(self) -> list[tuple[tuple[int, int, bytes], Row | None]]:
        """Every session touched since the last call, with its row now; None: it is gone."""
        made = [((start, end, key), self.get(key, start, end)) for start, end, key in self.changed]
        self.changed.clear()
        return made

    def __len__(self) -> int:
        return sum(map(len, list(self.sessions.values())))


Store = KeyedStore | WindowStore | SessionStore


class Partitions(dict[int, Store]):
    """The stores of one query by partition; a partition's is made when its first record comes."""

    def __init__(self, make: Callable[[], Store]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, partition: int) -> Store:
        made = self[partition] = self._make()
        return made


@dataclass
class State:
    """The memory of one query: the rows of its result, and for aggregated tables the rows that went into them."""

    results: Partitions
    inputs: Partitions
