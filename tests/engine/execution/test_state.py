"""Stores keep what they are told, say what changed, and forget what is past its retention."""

from __future__ import annotations

from streamguard.engine.execution.state import KeyedStore, SessionStore, WindowStore


def test_changes_are_told_once_with_the_last_row() -> None:
    store = KeyedStore()
    store.put(b"a", [1])
    store.put(b"a", [2])
    store.put(b"b", [3])
    store.delete(b"b")
    assert store.changes() == [(b"a", [2]), (b"b", None)]
    assert store.changes() == []


def test_deleting_what_is_not_there_changes_nothing() -> None:
    store = KeyedStore()
    store.delete(b"a")
    assert store.changes() == []


def test_windows_past_their_retention_go_when_a_new_one_opens() -> None:
    store = WindowStore(retention=100)
    for start in (0, 50, 100):
        store.opened(start)[b"k"] = [start]
    assert list(store.windows) == [50, 100]
    assert store.changed == {(0, b"k"): None}


def test_memory_of_windows_is_bounded_by_stream_time() -> None:
    store = WindowStore(retention=600)
    for start in range(0, 100_000, 60):
        store.opened(start)[b"k"] = [start]
    assert len(store) == len(store.windows) <= 600 // 60 + 1


def test_sessions_are_found_by_what_they_touch() -> None:
    store = SessionStore(retention=1000)
    store.put(b"k", 50, 60, ["b"])
    store.put(b"k", 0, 10, ["a"])
    assert store.near(b"k", 10, 49) == [(0, 10, ["a"])]
    assert store.near(b"k", 11, 50) == [(50, 60, ["b"])]
    assert store.near(b"k", 11, 49) == []
    assert [start for start, _, _ in store.sessions[b"k"]] == [0, 50]


def test_a_session_with_the_same_bounds_takes_the_place_of_the_old_one() -> None:
    store = SessionStore(retention=1000)
    store.put(b"k", 0, 10, ["a"])
    store.put(b"k", 0, 10, ["b"])
    assert len(store) == 1
    assert store.get(b"k", 0, 10) == ["b"]


def test_sessions_that_were_told_before_a_restart_are_not_told_again() -> None:
    store = SessionStore(retention=1000)
    for end in (10, 20, 30):
        store.put(b"k", end - 1, end, [end])
    assert [end for _, _, end, _ in store.closing(15, 25)] == [20]
    store.put(b"k", 30, 35, [35])
    store.delete(b"k", 29, 30)
    assert [end for _, _, end, _ in store.closing(25, 99)] == [35]


def test_sessions_past_their_retention_go() -> None:
    store = SessionStore(retention=100)
    store.put(b"a", 0, 0, [1])
    store.time = 101
    store.put(b"b", 101, 101, [1])
    assert list(store.sessions) == [b"b"]
    assert ((0, 0, b"a"), None) in store.changes()
