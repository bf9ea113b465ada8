"""What pull queries read: the last committed record of each key of a table's topic.

A table that a query makes is written to a topic, whose last records are the table. A view of it is made when the first
pull query asks, brought up to the topic's end by each query, and costs nothing when nobody asks. Because the topic has
the whole table, the answer is complete also when several servers share the queries of one service.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Container, Iterable, Iterator
from typing import Any

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.codecs.keys import BOUND, BOUNDS, suffix_size
from streamguard.engine.execution.topology import Record
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.reader import TO_THE_END, Reader
from streamguard.settings import Settings

SECONDS = 30.0
"""Longest wait for Kafka without any record."""


class Table:
    """The rows of a table by key, windows apart; no I/O. `retention` in ms bounds how long a window is kept."""

    def __init__(self, source: Source, retention: int | None = None) -> None:
        self._suffix = 0 if source.window is None else suffix_size(source.window)
        self._headers = bool(source.headers)
        self._retention = retention
        self._time = -1
        self.rows: dict[bytes, dict[bytes, Record]] = {}

    def take(self, message: Any) -> None:
        """The next record of the topic."""
        raw = message.key()
        if raw is None or len(raw) < self._suffix:
            return
        cut = len(raw) - self._suffix
        key, suffix = raw[:cut], raw[cut:]
        time = message.timestamp()[1]
        self._time = max(self._time, time)
        value = message.value()
        if value is not None:
            headers = message.headers() if self._headers else None
            record = Record(value, raw, time, message.offset(), message.partition(), headers)
            self.rows.setdefault(key, {})[suffix] = record
        elif key in self.rows:
            self.rows[key].pop(suffix, None)
            if not self.rows[key]:
                del self.rows[key]

    def expire(self) -> None:
        """Forget windows that ended before the retention."""
        if self._retention is None or not self._suffix:
            return
        oldest = self._time - self._retention
        for key, windows in list(self.rows.items()):
            for suffix in [each for each in windows if _reference(each) <= oldest]:
                del windows[suffix]
            if not windows:
                del self.rows[key]

    def records(self, keys: Collection[bytes] | None) -> list[Record]:
        """The rows of these keys, or all, as records of the topic, in the order of ksqlDB's stores."""
        chosen: Iterable[dict[bytes, Record]]
        chosen = self.rows.values() if keys is None else (self.rows[key] for key in keys if key in self.rows)
        found = [record for windows in chosen for record in windows.values()]
        found.sort(key=lambda record: (record.in_partition, record.raw_key))
        return found


def _reference(suffix: bytes) -> int:
    """The start of a time window, the end of a session: what the retention is counted from."""
    return int(BOUND.unpack(suffix)[0]) if len(suffix) == BOUND.size else int(BOUNDS.unpack(suffix)[0])


class View:
    """A table that is kept up to date by those who ask."""

    def __init__(self, settings: Settings, cluster: Cluster, source: Source, retention: int | None) -> None:
        self._settings = settings
        self._cluster = cluster
        self.source = source
        self._table = Table(source, retention)
        self._positions: dict[int, int] = {}
        self._lock = threading.Lock()

    def records(self, keys: Collection[bytes] | None) -> list[Record]:
        """The rows as of now: everything that was committed before the call is in."""
        ends = self._cluster.ends(self.source.topic)
        with self._lock:
            behind = {number: end for number, end in ends.items() if self._positions.get(number, 0) < end}
            if behind:
                for message in self._news(behind):
                    self._table.take(message)
                self._table.expire()
                self._positions |= behind
            return self._table.records(keys)

    def _news(self, ends: dict[int, int]) -> Iterator[Any]:
        starts: dict[int, int | None] = {number: self._positions.get(number) for number in ends}
        with Reader(self._settings, self.source.topic, starts, **TO_THE_END) as reader:
            message: Any
            for message in reader.to_offsets(ends, SECONDS):
                if message.offset() < ends[message.partition()]:
                    yield message


class Views:
    """The views of the server, by table."""

    def __init__(self, settings: Settings, cluster: Cluster) -> None:
        self._settings = settings
        self._cluster = cluster
        self._lock = threading.Lock()
        self._views: dict[str, View] = {}

    def of(self, source: Source, retention: int | None) -> View:
        """The view of a table; a table that was made anew gets a new one."""
        with self._lock:
            view = self._views.get(source.name)
            if view is None or view.source != source:
                view = self._views[source.name] = View(self._settings, self._cluster, source, retention)
            return view

    def keep(self, names: Container[str]) -> None:
        """Forget the views of tables that are not among these."""
        with self._lock:
            self._views = {name: view for name, view in self._views.items() if name in names}
