"""Work on many connectors at once, a bounded number of them, that Ctrl-C ends.

The threads are daemons: a request that a worker lets hang for 90 s does not hold up the end of the process, unless what
was begun must be ended (`whole`): a sink that was stopped is to be started again.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def each(
    items: Sequence[T], work: Callable[[T], R], jobs: int, stop: threading.Event, *, whole: bool = False
) -> Generator[tuple[T, R | Exception], None, None]:
    """What `work` gives for each item, or what it raises, in the order in which they end.

    Once `stop` is set no further item is begun; those that have begun are still given. A caller that leaves the loop
    has the rest stopped, and is kept until what has begun has ended, if that must be `whole`.
    """
    waiting: queue.SimpleQueue[T] = queue.SimpleQueue()
    ended: queue.SimpleQueue[tuple[T, R | Exception] | None] = queue.SimpleQueue()
    for item in items:
        waiting.put(item)

    def run() -> None:
        try:
            while not stop.is_set():
                item = waiting.get_nowait()
                try:
                    ended.put((item, work(item)))
                except Exception as exc:  # noqa: BLE001 - the caller judges it
                    ended.put((item, exc))
        except queue.Empty:
            pass
        finally:
            ended.put(None)

    running = max(1, min(jobs, len(items))) if items else 0
    threads = [threading.Thread(target=run, name=f"connectors-{number}", daemon=True) for number in range(running)]
    for thread in threads:
        thread.start()
    try:
        while running:
            given = ended.get()
            if given is None:
                running -= 1
            else:
                yield given
    finally:
        if running:
            stop.set()
            for thread in threads if whole else ():
                thread.join()
