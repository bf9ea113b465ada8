"""The generator as a whole: streams, Kafka, signals, books and display around one run."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import Event
from typing import TYPE_CHECKING, Any

from streamguard.datagen.producing.bookkeeping import Books, Files
from streamguard.datagen.producing.counters import Counters, served
from streamguard.datagen.producing.display import Display
from streamguard.datagen.producing.interrupt import Interrupt
from streamguard.datagen.producing.latencies import percentile
from streamguard.datagen.producing.orders import Orders, lane_of
from streamguard.datagen.producing.pacing import EVERYTHING
from streamguard.datagen.producing.planning import retention_notes
from streamguard.datagen.producing.progress import About, Progress
from streamguard.datagen.producing.publishing import LOOK, Totals
from streamguard.datagen.producing.sending import send, sources_of, topics_of
from streamguard.datagen.records.sums import Summer
from streamguard.errors import KafkaError
from streamguard.kafka.publish import Publisher
from streamguard.kafka.topics import existing_topics

if TYPE_CHECKING:
    from streamguard.datagen.records.run import Run
    from streamguard.datagen.records.source import Source
    from streamguard.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """A run and what became of it; `interrupted` says that Ctrl-C ended it."""

    run: Run
    topics: Sequence[str]
    totals: Totals
    interrupted: bool
    first: Mapping[str, int] = field(default_factory=dict)
    doubtful: int = 0
    """Records that may be there twice, since the run went on after an interruption."""

    @property
    def done(self) -> str:
        """One line for whoever has watched."""
        progress = self.totals.progress
        rate = progress.acknowledged / progress.seconds if progress.seconds else 0.0
        failed = f"{progress.failed:,} FAILED" if progress.failed else "none failed"
        return f"{progress.acknowledged:,} records acknowledged in {progress.seconds:,.1f} s ({rate:,.1f}/s), {failed}"

    def summary(self) -> dict[str, Any]:
        """One flat document; from its part that describes the run, `Run.of` gives every record again."""
        progress = self.totals.progress
        position = next(iter(progress.positions.values()), None)
        first = next(iter(self.first.values()), 0)
        sent = position.sent if position else 0
        return {
            **self.run.document(),
            "topic": ", ".join(self.topics),
            "produced": progress.produced,
            "acknowledged": progress.acknowledged,
            "failed": progress.failed,
            "failed_by_reason": dict(progress.reasons),
            "seconds": round(progress.seconds, 3),
            "rate": round(progress.acknowledged / progress.seconds, 1) if progress.seconds else 0.0,
            "bytes": progress.size,
            "latency_p50_ms": _milliseconds(percentile(progress.latencies, 0.5)),
            "latency_p99_ms": _milliseconds(percentile(progress.latencies, 0.99)),
            **progress.counts,
            "by_campaign": dict(progress.campaigns),
            "by_fault": dict(progress.faults),
            "beside": dict(progress.beside),
            "first_sequence": first if sent > first else None,
            "last_sequence": sent - 1 if sent > first else None,
            "possibly_repeated": self.doubtful,
        }

    def check(self, server: str) -> None:
        """Raise if a record was not acknowledged."""
        progress = self.totals.progress
        if progress.failed:
            raise KafkaError(
                f"Kafka at {server} did not acknowledge {progress.failed:,} of {progress.produced:,} records: "
                f"{self.totals.error}; produce again with another --run"
            )
        if self.totals.error:
            raise KafkaError(
                f"{self.totals.error}: of {progress.waiting:,} records nobody knows whether Kafka has them; "
                "produce again with another --run, or go on with --resume if there is a journal"
            )


def generate(
    settings: Settings,
    run: Run,
    orders: Orders | None = None,
    *,
    files: Files | None = None,
    metrics_port: int | None = None,
) -> Outcome:
    """Write a run to its topics until its orders' end, Ctrl-C or SIGTERM.

    A run that is no backfill starts when everything is ready for its first record; the outcome has that instant.
    """
    orders, files = orders or Orders(), files or Files()
    own, beside = topics_of(run)
    with ExitStack() as stack:
        publisher = stack.enter_context(Publisher(settings))  # it connects while the streams are made
        interrupt = stack.enter_context(Interrupt())
        sources = sources_of(run, settings.cache_dir)
        partitions = publisher.require_topics([*own, *beside])
        run, sources = _started(run, orders, sources)
        title = f"{run.world.name} → {', '.join(own)}"
        about = About(title, settings.kafka_bootstrap, {topic: partitions[topic] for topic in own}, orders.workers)
        sending = _Sending(
            settings,
            run,
            orders,
            Books(files, run, sources, orders),
            stack.enter_context(served(about, metrics_port, address=settings.listen_address)),
            stack.enter_context(Display(about, duration=orders.duration)),
            interrupt,
        )
        if run.backfill:
            kept = {name: topic.config for name, topic in existing_topics(settings, own).items()}
            for sentence in retention_notes(run.start, datetime.now(UTC), kept):
                sending.display.say(sentence)
        totals = sending.alone(sources, publisher) if orders.workers == 1 else sending.together()
        sending.books.close(totals.progress)
    doubtful = sum(position.doubtful for position in (files.resumed or {}).values())
    return Outcome(run, own, totals, interrupt.signal == signal.SIGINT, orders.first, doubtful)


@dataclass(frozen=True)
class _Sending:
    """A run with everything around it."""

    settings: Settings
    run: Run
    orders: Orders
    books: Books
    counters: Counters
    display: Display
    interrupt: Interrupt

    def alone(self, sources: Sequence[Source], publisher: Publisher) -> Totals:
        """Send it from this process."""
        summers = {source.name: Summer() for source in sources} if self.books.kept else {}

        def show(progress: Progress) -> None:
            self.books.take({name: summer.done() for name, summer in summers.items()})
            self.show(progress)

        totals = send(
            self.run,
            self.orders,
            sources,
            publisher,
            stopped=self.stopped,
            show=show,
            summers=summers,
            permit=self.books.permit,
        )
        self.books.take({name: [*summer.done(), *summer.rest()] for name, summer in summers.items()})
        return totals

    def together(self) -> Totals:
        """Send it from workers."""
        from streamguard.datagen.producing.workers import started

        with started(self.settings, self.run, self.orders, summed=self.books.kept) as workers:
            return workers.run(self.stopped, self.show, take=self.books.take, permit=self.books.permits)

    def show(self, progress: Progress) -> None:
        self.counters.rates.add(progress)
        self.books.note(progress)
        self.display.show(progress)

    def stopped(self) -> bool:
        return self.interrupt.signal is not None


def _started(run: Run, orders: Orders, sources: list[Source]) -> tuple[Run, list[Source]]:
    """The run and its streams with their start: now, when all that they need is made."""
    if run.backfill or orders.first:
        return run, sources
    start = datetime.now(UTC)
    return replace(run, start=start), [source.starting(start) for source in sources]


def write_out(
    run: Run,
    orders: Orders,
    target: str,
    settings: Settings,
    *,
    files: Files | None = None,
    show: Callable[[int, int], None] | None = None,
) -> tuple[Run, int, bool]:
    """Write a run to standard output or a file instead of Kafka: the run, how many records, and if Ctrl-C ended it.

    At its pace if it has one. Of a world with several streams, the run names one. `show` is told now and then how many
    records are written, and of how many if that is known (else 0).
    """
    from streamguard.datagen.sinks import open_sink

    run, (source, *_) = _started(run, orders, sources_of(run, settings.cache_dir))
    lane, summer = lane_of(source, run, orders, datetime.now(UTC)), Summer()
    books = Books(files or Files(), run, [source])
    begin, woken = time.monotonic(), Event()
    with Interrupt() as interrupt, open_sink(target, source) as sink:
        while not lane.is_done and interrupt.signal is None:
            elapsed = time.monotonic() - begin
            if orders.duration is not None and elapsed >= orders.duration:
                break
            stop = lane.slice_to(lane.pace.due(elapsed, lane.next))
            if stop <= lane.next:
                woken.wait(min(LOOK, lane.pace.wait(elapsed, lane.next)))
                continue
            block: Any = lane.read(lane.next, stop)
            sink.write(block)
            if books.kept:
                summer.take(block)
                books.take({source.name: summer.done()})
            lane.sent(block, stop)
            if show is not None:
                show(lane.next, lane.limit if lane.limit < EVERYTHING else 0)
    books.take({source.name: summer.rest()})
    sent = min(lane.next, lane.limit)
    books.close(Progress(time.monotonic() - begin, positions={source.name: lane.position(0.0)}))
    return run, sent, interrupt.signal == signal.SIGINT


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 2)
