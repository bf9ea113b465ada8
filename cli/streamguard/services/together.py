"""Threads that work together: the error of one ends all."""

from __future__ import annotations

import threading
from collections.abc import Callable

Run = Callable[[threading.Event], None]
"""Works until the event is set."""


class Together:
    """Threads that work until `stop` is set, by whomever; the first error sets it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, run: Run, *, stop: threading.Event | None = None) -> threading.Thread:
        """Run it in a thread; with a `stop` of its own it may be ended before the others, by whoever has that."""

        def guarded() -> None:
            try:
                run(stop or self._stop)
            except BaseException as exc:  # noqa: BLE001  raised in `wait`
                self._errors.append(exc)
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        if stop is None:
            self._threads.append(thread)
        thread.start()
        return thread

    def join(self) -> None:
        """Return when all have ended that have no stop of their own."""
        for thread in self._threads:
            thread.join()

    def raise_first(self) -> None:
        """The first error of any, if there was one."""
        if self._errors:
            raise self._errors[0]
