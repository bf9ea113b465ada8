"""The decider at work: one thread reads records and polls Kafka, another stores them.

A batch is read and parsed while the one before is written. At most two wait to be stored, so memory is bounded, and if
the database is away the partitions are paused and Kafka is polled on: the place in the group is kept. Whether a batch
may be stored is decided in the database alone (`store`), so nothing here has to be right for that: which partitions are
whose may change at any time.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, wait
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar

from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.session import Membership
from streamguard.kafka.exactly_once.verdicts import Rebuild
from streamguard.kafka.positioned import PositionedReader
from streamguard.model import Place
from streamguard.services.decider.batches import batch_of
from streamguard.services.decider.store import Stale, Stopped, Store, Stored

T = TypeVar("T")

BATCH_RECORDS = 10_000
BATCH_BYTES = 32_000_000
FIRST_WAIT, MORE_WAIT = 0.1, 0.05
"""Seconds that the first record of a batch, and another one, are waited for."""
IN_FLIGHT = 2
PAUSE_AFTER = 1.0
"""Seconds without progress after which the partitions are paused: to pause throws away what was fetched ahead."""
GLANCE = 0.1
LONGEST_PAUSE = 5.0

LOG = logging.getLogger("streamguard.services.decider.loop")


class Loop:
    """Reads `topics`, of which `alerts` is one, and has `store` store them; `on_stored` hears of every batch."""

    def __init__(
        self,
        place: Membership,
        topics: tuple[str, ...],
        *,
        alerts: str,
        store: Store,
        on_stored: Callable[[Stored], None],
        failpoint: Failpoint,
    ) -> None:
        self.ready = threading.Event()
        """Set while partitions are assigned."""
        self.behind: Mapping[Place, int] = {}
        """The lag of each partition that is read, in records."""
        self._place = place
        self._topics = topics
        self._alerts = alerts
        self._store = store
        self._on_stored = on_stored
        self._failpoint = failpoint
        self._worker = Worker()
        self._waiting: deque[Future[Stored | Stale]] = deque()
        self._reader: PositionedReader
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Work until `stop` is set; `Fenced` when another process takes our place."""
        self._stop = stop
        failures = 0
        try:
            self._worker.begin(self._store.prepare)
            while not stop.is_set():
                try:
                    self._run_until_rebuilt()
                except Rebuild as exc:
                    LOG.warning("%s makes a new Kafka client: %s", self._place.instance, exc)
                    stop.wait(min(LONGEST_PAUSE, 0.1 * 2**failures))
                    failures += 1
        except (Stopped, CancelledError):
            return
        finally:
            self._worker.end()

    def _run_until_rebuilt(self) -> None:
        self._reader = PositionedReader(self._place, self._topics, self.ready)
        try:
            while not self._stop.is_set():
                self._turn()
            self._settle_in_time()
        finally:
            self._failpoint.reached("on_stop")
            self._reader.close(for_good=self._stop.is_set())

    def _turn(self) -> None:
        """Read what there is, or wait for what has to be done first."""
        reader = self._reader
        self._settle()
        if reader.wants_positions:
            self._find_positions()
            return
        if len(self._waiting) >= IN_FLIGHT:
            self._wait_for(self._waiting[0])
            return
        read = reader.read(BATCH_RECORDS, BATCH_BYTES, first=FIRST_WAIT, more=MORE_WAIT)
        if read is not None:
            self._failpoint.reached("after_poll")
            batch = batch_of(read.records, read.starts, read.ends, alerts=self._alerts)
            self._waiting.append(self._worker.begin(partial(self._store.store, batch)))
        self.behind = reader.lag()

    def _find_positions(self) -> None:
        """Ask the database where to read, after everything that waits is stored; Kafka is polled meanwhile."""
        reader, before = self._reader, self._reader.assignments
        answer = self._worker.begin(partial(self._store.positions, tuple(reader.assigned)))
        while not answer.done():
            if self._stop.is_set():
                answer.cancel()
                return
            reader.keep_place(GLANCE)
        self._settle()
        if reader.assignments == before:
            reader.begin(answer.result())

    def _settle(self) -> None:
        """Take notice of the batches that are stored."""
        while self._waiting and self._waiting[0].done():
            stored = self._waiting.popleft().result()
            if isinstance(stored, Stale):
                LOG.warning("%s reads on from what another process has stored", self._place.instance)
                self._reader.reposition()
            else:
                self._reader.commit(stored.ends)
                self._on_stored(stored)

    def _wait_for(self, stored: Future[Any]) -> None:
        if wait([stored], PAUSE_AFTER).done:
            return
        before = self._reader.assignments
        while not stored.done() and not self._stop.is_set() and self._reader.assignments == before:
            self._reader.keep_place(GLANCE)
        self._reader.resume()

    def _settle_in_time(self) -> None:
        """At a stop: what is under way is stored or given up, whatever comes first."""
        wait(self._waiting, PAUSE_AFTER)
        while self._waiting and self._waiting[0].done():
            stored = self._waiting.popleft().result()
            if isinstance(stored, Stored):
                self._reader.commit(stored.ends)
                self._on_stored(stored)


class Worker:
    """A thread that does one thing after another; the process does not wait for it in the end."""

    def __init__(self) -> None:
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        threading.Thread(target=self._run, name="store", daemon=True).start()

    def begin(self, work: Callable[[], T]) -> Future[T]:
        """Have it done after what was begun before."""
        future: Future[T] = Future()
        self._work.put((future, work))
        return future

    def end(self) -> None:
        """No more work."""
        self._work.put(None)

    def _run(self) -> None:
        while (asked := self._work.get()) is not None:
            future, work = asked
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(work())
            except BaseException as exc:  # noqa: BLE001  it is raised where the result is waited for
                future.set_exception(exc)
            del asked, future, work
