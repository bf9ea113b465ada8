"""Several processes that send one run: worker w of N takes the blocks b with b % N == w, so the bytes are the same.

A worker is a fresh process that makes the streams anew from the run. The parent alone has the terminal: it is told the
progress, tells the workers to stop, and tells when one is dead. Ctrl-C, which a terminal sends to all, is kept from
them. A worker whose parent is gone stops as well.

    parent → worker   ("begin",)  ("permit", {stream: index})  ("stop",)  ("end", {stream: index})
    worker → parent   ("ready",)  ("progress", Progress, sums)  ("reached", {stream: index})
                      ("done", Totals, sums)  ("error", StreamguardError)
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from streamguard.datagen.producing.pacing import EVERYTHING
from streamguard.datagen.producing.progress import Progress, together
from streamguard.datagen.producing.publishing import LOOK, Totals
from streamguard.errors import StreamguardError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from streamguard.datagen.producing.orders import Orders
    from streamguard.datagen.records.run import Run
    from streamguard.datagen.records.sums import Sum
    from streamguard.settings import Settings

Sums = Mapping[str, Sequence["Sum"]]
"""Sums of blocks, by stream."""

JOIN_SECONDS = 5.0
"""How long an ended worker may take to be gone, which is no work at all."""


@dataclass(frozen=True)
class Task:
    """What a worker is told at first."""

    settings: Settings
    run: Run
    orders: Orders
    number: int
    summed: bool


@dataclass
class Worker:
    """A process as its parent knows it."""

    number: int
    process: BaseProcess
    connection: Connection
    ready: bool = False
    reached: Mapping[str, int] | None = None
    progress: Progress = field(default_factory=lambda: Progress(0.0))
    totals: Totals | None = None
    dead: str = ""

    @property
    def is_over(self) -> bool:
        return self.totals is not None or bool(self.dead)

    def tell(self, *message: Any) -> None:
        """Say something to it, if it is still there."""
        with suppress(OSError):
            self.connection.send(message)


class Workers:
    """The workers of a run, from their start to their end."""

    def __init__(self, workers: list[Worker]) -> None:
        self._all = workers
        self._take_sums: Callable[[Sums], None] = lambda _: None
        self._permitted: Mapping[str, int] = {}

    def run(
        self,
        stopped: Callable[[], bool],
        show: Callable[[Progress], None],
        *,
        take: Callable[[Sums], None],
        permit: Callable[[Progress], Mapping[str, int]] | None = None,
    ) -> Totals:
        """Let them begin together, and wait for the last one. A worker that dies ends the run for all.

        `take` is given the sums of blocks by stream. `permit`, if given, says from the progress so far up to which
        index each stream may be sent.
        """
        self._take_sums = take
        begun = told_to_stop = told_the_end = False
        while not all(worker.is_over for worker in self._all):
            if not begun and all(worker.ready or worker.is_over for worker in self._all):
                begun = True
                self._tell_permit(permit)
                self._tell("begin")
            self._listen()
            if not told_to_stop and (stopped() or self._has_failed()):
                told_to_stop = True
                self._tell("stop")
            if begun:
                show(self.progress)
                self._tell_permit(permit)
            if not told_the_end and all(worker.reached is not None or worker.is_over for worker in self._all):
                told_the_end = True
                self._tell("end", self._furthest())
        return Totals(self.progress, self.error)

    @property
    def progress(self) -> Progress:
        """Of all together."""
        return together(worker.progress for worker in self._all)

    @property
    def error(self) -> str | None:
        """What the first failed record, or the first worker that died, failed of."""
        dead = next((worker.dead for worker in self._all if worker.dead), None)
        return dead or next(
            (worker.totals.error for worker in self._all if worker.totals and worker.totals.error), None
        )

    def _listen(self) -> None:
        """Take what they say, for at most `LOOK` seconds."""
        by_connection = {worker.connection: worker for worker in self._all if not worker.is_over}
        for connection in wait(list(by_connection), LOOK):
            assert isinstance(connection, Connection)
            worker = by_connection[connection]
            try:
                self._take(worker, *connection.recv())
            except (EOFError, OSError):
                worker.process.join(JOIN_SECONDS)
                worker.dead = f"worker {worker.number + 1} of {len(self._all)} {_end_of(worker.process.exitcode)}"

    def _take(self, worker: Worker, kind: str, *what: Any) -> None:
        if kind == "ready":
            worker.ready = True
        elif kind == "reached":
            (worker.reached,) = what
        elif kind == "progress":
            worker.progress, sums = what
            self._take_sums(sums)
        elif kind == "done":
            totals, sums = what
            worker.totals, worker.progress = totals, totals.progress
            self._take_sums(sums)
        else:
            raise what[0]

    def _furthest(self) -> dict[str, int]:
        """Where the furthest worker is in each stream."""
        ends: dict[str, int] = {}
        for worker in self._all:
            for stream, index in (worker.reached or {}).items():
                ends[stream] = max(index, ends.get(stream, 0))
        return ends

    def _has_failed(self) -> bool:
        return any(worker.dead or worker.progress.failed for worker in self._all)

    def _tell(self, *message: Any) -> None:
        for worker in self._all:
            if not worker.is_over:
                worker.tell(*message)

    def _tell_permit(self, permit: Callable[[Progress], Mapping[str, int]] | None) -> None:
        if permit is not None and (permitted := permit(self.progress)) != self._permitted:
            self._permitted = permitted
            self._tell("permit", dict(permitted))


@contextmanager
def started(settings: Settings, run: Run, orders: Orders, *, summed: bool) -> Iterator[Workers]:
    """The workers; at the end of the block none is left."""
    context = multiprocessing.get_context("spawn")
    workers: list[Worker] = []
    try:
        with _without_interrupts():
            for number in range(orders.workers):
                own, theirs = context.Pipe()
                task = Task(settings, run, orders, number, summed)
                process = context.Process(target=work, args=(theirs, task), name=f"worker-{number + 1}", daemon=True)
                process.start()
                theirs.close()
                workers.append(Worker(number, process, own))
        yield Workers(workers)
    finally:
        for worker in workers:
            worker.connection.close()
        for worker in workers:
            worker.process.join(0 if not worker.is_over else JOIN_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def work(connection: Connection, task: Task) -> None:
    """What a worker does; everything that it has to say goes through the connection."""
    mailbox = Mailbox(connection)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _number, _frame: mailbox.stop())
    try:
        connection.send(("done", *_send(connection, mailbox, task)))
    except StreamguardError as exc:
        connection.send(("error", exc))
    except (BrokenPipeError, ConnectionResetError):
        return  # the parent is gone: nobody is left to tell


class Mailbox:
    """What the parent has said so far."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._begun = self._stopped = self._has_reached = False
        self._permits: dict[str, int] | None = None
        self._ends: Mapping[str, int] | None = None

    def stopped(self) -> bool:
        """Shall it stop? Looks into the connection, and never waits."""
        while not self._stopped and self._connection.poll():
            self._read()
        return self._stopped

    def await_begin(self) -> None:
        """Wait until the others are ready too."""
        while not (self._begun or self._stopped):
            self._read()

    def permit(self, stream: str, _index: int) -> int:
        """Up to which index it may send."""
        return EVERYTHING if self._permits is None else self._permits.get(stream, 0)

    def agree(self, reached: Mapping[str, int]) -> Mapping[str, int] | None:
        """Tell the parent how far this worker is, once; what it has said about the end, None until it has."""
        if not self._has_reached:
            self._has_reached = True
            with suppress(OSError):  # nobody is there: reading will tell
                self._connection.send(("reached", dict(reached)))
        while self._ends is None and self._connection.poll():
            if not self._read():
                return reached
        return self._ends

    def stop(self) -> None:
        """Somebody else than the parent says so."""
        self._stopped = True

    def _read(self) -> bool:
        """Take a message; False when the parent is gone, which is a stop as well."""
        try:
            kind, *what = self._connection.recv()
        except (EOFError, OSError):
            self._stopped = True
            return False
        if kind == "begin":
            self._begun = True
        elif kind == "stop":
            self._stopped = True
        elif kind == "permit":
            self._permits = {**(self._permits or {}), **what[0]}
        else:
            self._ends = what[0]
        return True


def _send(connection: Connection, mailbox: Mailbox, task: Task) -> tuple[Totals, Sums]:
    from streamguard.datagen.producing.sending import send, sources_of
    from streamguard.datagen.records.sums import Summer
    from streamguard.kafka.publish import Publisher

    with Publisher(task.settings) as publisher:
        sources = sources_of(task.run, task.settings.cache_dir)
        summers = {source.name: Summer() for source in sources} if task.summed else {}

        def show(progress: Progress) -> None:
            connection.send(("progress", progress, {name: summer.done() for name, summer in summers.items()}))

        connection.send(("ready",))
        mailbox.await_begin()
        totals = send(
            task.run,
            task.orders,
            sources,
            publisher,
            stopped=mailbox.stopped,
            show=show,
            summers=summers,
            permit=mailbox.permit,
            agree=mailbox.agree,
            worker=task.number,
        )
    return totals, {name: [*summer.done(), *summer.rest()] for name, summer in summers.items()}


def _end_of(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"ended by itself with exit code {code}"


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C waits until the end of the block, and for ever in processes that are started in it."""
    resource_tracker.ensure_running()  # when the first process is started it would undo the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
