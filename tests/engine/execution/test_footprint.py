"""The memory of windows is bounded by their retention, however many there have been."""

from __future__ import annotations

import orjson
import pytest

from streamguard.engine.execution.compile import compile_source, new_state
from streamguard.engine.execution.footprint import Footprint, footprint
from streamguard.engine.execution.state import KeyedStore, SessionStore, WindowStore
from streamguard.engine.execution.topology import Record
from tests.engine.records import Written, applied

SOURCE = "CREATE STREAM i (k STRING KEY, n INT) WITH (kafka_topic='i', value_format='JSON');"
TABLE = "CREATE TABLE o AS SELECT k, COUNT(*) AS c, COLLECT_LIST(n) AS l FROM i WINDOW"
WINDOWS = [
    "TUMBLING (SIZE 10 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 5 SECONDS)",
    "HOPPING (SIZE 10 SECONDS, ADVANCE BY 2 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 5 SECONDS)",
    "SESSION (3 SECONDS, RETENTION 60 SECONDS, GRACE PERIOD 5 SECONDS)",
]
PIECE = 1000


@pytest.mark.slow
@pytest.mark.parametrize("window", WINDOWS)
def test_rows_and_bytes_stop_growing_when_the_retention_is_full(window: str) -> None:
    """A record every 100 ms, of a hundred keys: 60 s of them are kept, and less than twice as much of sessions."""
    [query] = applied(f"{SOURCE} {TABLE} {window} GROUP BY k;").queries.values()
    states = {"Q": new_state(query.plan)}
    run, written = compile_source({"Q": query.plan}, states), Written()
    taken: list[Footprint] = []
    for first in range(0, 12 * PIECE, PIECE):
        records = [Record(orjson.dumps({"n": n}), f"k{n % 97}".encode(), n * 100) for n in range(first, first + PIECE)]
        run(records, written.produce, written.on_error)
        store = states["Q"].results[0]
        store.changed.clear()
        taken.append(footprint(store))
    full, last = max(taken[1:4], key=lambda each: each.rows), taken[-1]
    assert last.windowed == last.rows > 0
    assert max(each.rows for each in taken) <= 1.5 * full.rows
    assert max(each.bytes for each in taken) <= 1.5 * full.bytes
    assert last.bytes < 2_000_000


def test_bytes_grow_with_what_rows_hold() -> None:
    small, large = KeyedStore(), KeyedStore()
    for n in range(1000):
        small.put(b"%d" % n, [n])
        large.put(b"%d" % n, [n, "x" * 1000])
    assert footprint(small).rows == footprint(large).rows == 1000
    assert footprint(small).windowed == 0
    assert footprint(large).bytes - footprint(small).bytes > 1_000_000


def test_stores_without_rows_take_next_to_nothing() -> None:
    for store in (KeyedStore(), WindowStore(1000), SessionStore(1000)):
        found = footprint(store)
        assert (found.rows, found.windowed) == (0, 0)
        assert found.bytes < 1000
