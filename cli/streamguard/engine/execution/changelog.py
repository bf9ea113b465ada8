"""State as records of a compacted topic: what a batch changed, to be written in its transaction, and back again.

A partition of the changelog holds the state of the same partition of the source. Keys begin with a letter for the kind
of entry, then the window's bounds if it has any, then the row's own key; a value is a JSON array, or nothing when the
row is gone. Reading a partition from its beginning, in order, gives the state as it was after the last transaction.

    r key               a row of an aggregation          i key   a row of the table that was aggregated or filtered
    w start key         a row of a window                t       the stream time, in milliseconds
    s start end key     a session
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import orjson

from streamguard.engine.analysis.plan import QueryPlan
from streamguard.engine.codecs.keys import BOUND, BOUNDS
from streamguard.engine.execution.state import STATES, KeyedStore, Row, SessionStore, State, Store, WindowStore
from streamguard.engine.functions.aggregates import decode, encode

ROW, INPUT, WINDOW, SESSION, TIME = b"r", b"i", b"w", b"s", b"t"
PLAIN = frozenset((int, str, bool, type(None)))
"""Types that JSON gives back as they were. Doubles are not among them: NaN would be lost."""
FOREIGN = "a record of the changelog is none of this query"

CONFIG = {"cleanup.policy": "compact"}
"""Topic settings. Nothing may be deleted by age: a row may be older than any retention, and still counted on."""

Entry = tuple[bytes, bytes | None]


def topic(service_id: str, query_id: str) -> str:
    """The name of a query's changelog."""
    return f"_streamguard-ksql-{service_id}-{query_id}-changelog"


class Changelog:
    """Writes and reads the changelog of one query."""

    def __init__(self, plan: QueryPlan) -> None:
        grouping = plan.grouping
        self._aggregates = [] if grouping is None else [each.function for each in grouping.aggregations]
        self._times: dict[int, int] = {}

    def entries(self, state: State, partition: int) -> Iterator[Entry]:
        """What changed in a partition since the last call."""
        if partition in state.inputs:
            for key, row in _keyed(state.inputs[partition]).changes():
                yield INPUT + key, None if row is None else orjson.dumps(encode(_lists(row)))
        if partition not in state.results:
            return
        store = state.results[partition]
        match store:
            case KeyedStore():
                for key, row in store.changes():
                    yield ROW + key, None if row is None else _written(row)
            case WindowStore():
                yield from _windows(store)
            case SessionStore():
                for (start, end, key), row in store.changes():
                    yield SESSION + BOUNDS.pack(start, end) + key, None if row is None else _written(row)
        if store.time != self._times.get(partition, -1):
            self._times[partition] = store.time
            yield TIME, b"%d" % store.time

    def forget(self, partition: int) -> None:
        """What was written for a partition may not be in the topic: its stream time is written again."""
        self._times.pop(partition, None)

    def restore(self, state: State, partition: int, key: bytes, value: bytes | None) -> None:
        """Apply one record of the changelog.

        Raises:
            ValueError: no record of a changelog of this query.
        """
        try:
            self._restore(state, partition, key, value)
        except (struct.error, TypeError, KeyError):
            raise ValueError(FOREIGN) from None

    def _restore(self, state: State, partition: int, key: bytes, value: bytes | None) -> None:
        kind, rest = key[:1], key[1:]
        store = state.inputs[partition] if kind == INPUT else state.results[partition]
        match kind, store:
            case (b"t", _):
                store.time = self._times[partition] = int(value or b"-1")
            case (b"i", KeyedStore()):
                _put(store.rows, rest, None if value is None else decode(orjson.loads(value)))
            case (b"r", KeyedStore()):
                _put(store.rows, rest, self._row(value))
            case (b"w", WindowStore()):
                (start,) = BOUND.unpack_from(rest)
                rows = store.windows.setdefault(start, {})
                _put(rows, rest[BOUND.size :], self._row(value))
                if not rows:
                    del store.windows[start]
            case (b"s", SessionStore()):
                self._session(store, rest, value)
            case _:
                raise ValueError(FOREIGN)

    def _session(self, store: SessionStore, rest: bytes, value: bytes | None) -> None:
        start, end = BOUNDS.unpack_from(rest)
        key = rest[BOUNDS.size :]
        sessions = [each for each in store.sessions.pop(key, ()) if each[:2] != (start, end)]
        row = self._row(value)
        if row is not None:
            sessions.append((start, end, row))
            sessions.sort(key=lambda each: each[:2])
        if sessions:
            store.sessions[key] = sessions

    def _row(self, value: bytes | None) -> Row | None:
        if value is None:
            return None
        row: Row = orjson.loads(value)
        states = [aggregate.decode(state) for aggregate, state in zip(self._aggregates, row[STATES:], strict=True)]
        return [*row[:STATES], *states]


def _windows(store: WindowStore) -> Iterator[Entry]:
    """What changed in a store of windows; there is one entry for nearly every record."""
    last, prefix, rows = None, b"", dict[bytes, Row]()
    dumps, is_plain = orjson.dumps, PLAIN.issuperset
    for start, key in store.changed:
        if start != last:
            last, prefix, rows = start, WINDOW + BOUND.pack(start), store.windows.get(start, {})
        row = rows.get(key)
        if row is None:
            yield prefix + key, None
        else:
            yield prefix + key, dumps(row if is_plain(map(type, row)) else encode(row))
    store.changed.clear()


def _written(row: Row) -> bytes:
    return orjson.dumps(row if PLAIN.issuperset(map(type, row)) else encode(row))


def _put(rows: dict[bytes, Row], key: bytes, row: Row | None) -> None:
    if row is None:
        rows.pop(key, None)
    else:
        rows[key] = row


def _lists(value: Any) -> Any:
    """Tuples as the lists that they come back as."""
    return [_lists(each) for each in value] if isinstance(value, tuple | list) else value


def _keyed(store: Store) -> KeyedStore:
    assert isinstance(store, KeyedStore)
    return store
