from __future__ import annotations

import threading

from streamguard.connect.rest.parallel import each


def test_every_item_ends_with_what_its_work_gives_or_raises() -> None:
    ended = dict(each([0, 1, 2], lambda n: 6 // n, 2, threading.Event()))
    assert isinstance(ended.pop(0), ZeroDivisionError)
    assert ended == {1: 6, 2: 3}


def test_nothing_more_is_begun_once_it_is_stopped_and_what_had_begun_is_given() -> None:
    stop, begun = threading.Event(), []

    def work(number: int) -> int:
        begun.append(number)
        stop.set()
        return number

    assert list(each([1, 2, 3], work, 1, stop)) == [(1, 1)]
    assert begun == [1]


def test_a_caller_that_leaves_the_loop_stops_the_rest() -> None:
    stop = threading.Event()
    for _ in each([1, 2, 3], lambda number: number, 1, stop):
        break
    assert stop.wait(5)


def test_no_items_need_no_threads() -> None:
    assert list(each([], lambda number: number, 8, threading.Event())) == []
