"""The frame of every service: it decides about records, and everything else is here.

A service is a function from a record to a decision: what to write, or why nothing is written. The frame reads, writes
and commits (the loop of `streamguard.kafka`), writes dead letters, counts

    in = out + dead-letter + filtered

in records read, answers /health, /ready and /metrics, and ends in time.
"""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from streamguard.errors import RecordRefused
from streamguard.kafka import logs, metrics
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.batches import AskFirst, Handle
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.metrics import Counts
from streamguard.settings import Settings

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from streamguard.kafka.exactly_once.produce import Headers, Produce, Record

LOG = logging.getLogger("streamguard.services")
PATIENCE = 5.0
"""Seconds without a partition after which that is told."""

Written: TypeAlias = "tuple[str, bytes | None, bytes | None, int | None, Headers]"
"""A record to write: topic, value, key, timestamp in milliseconds since 1970, headers."""
Decision: TypeAlias = "Sequence[Written] | str"
"""What to write for a record; or the rule by which it is dropped."""


@dataclass(frozen=True)
class Service:
    """A service, by what it decides; either `decide` or `ask`.

    `decide` raises RecordRefused about a record that it can not handle. `ask` begins to decide about a batch for which
    somebody else is needed; the future has a decision, or a refusal, for each of its records. `missing` says what the
    service can not do without at the moment, "" if there is nothing. `collectors` are metrics of its own.
    """

    name: str
    group: str
    source: str
    port: int
    decide: Callable[[Record], Decision] | None = None
    ask: Callable[[Sequence[Record]], Future[list[Decision | RecordRefused]]] | None = None
    missing: Callable[[], str] = str
    collectors: Sequence[Collector] = ()
    batch_records: int = 10_000


class Frame:
    """Turns the decisions of a service into records and counts."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.counts = Counts()

    @property
    def handle(self) -> Handle | AskFirst[list[Decision | RecordRefused]]:
        """For the loop."""
        if self.service.ask is None:
            return lambda batch, produce: self.write(batch, produce, self._decisions(batch))
        return AskFirst(self.service.ask, self.write)

    def _decisions(self, batch: Sequence[Record]) -> Iterator[Decision | RecordRefused]:
        decide = self.service.decide
        assert decide is not None
        for record in batch:
            try:
                yield decide(record)
            except RecordRefused as refusal:
                yield refusal

    def write(self, batch: Sequence[Record], produce: Produce, decisions: Iterable[Decision | RecordRefused]) -> None:
        """Do what was decided about each record of a batch."""
        counted = self.counts.begin()
        counted["in", self.service.source] += len(batch)
        for record, decision in zip(batch, decisions, strict=True):
            if isinstance(decision, str):
                counted["filtered", decision] += 1
            elif isinstance(decision, RecordRefused):
                dead = dead_letters.write(produce, record, decision, self.service.name)
                counted["dead_letter", dead, decision.code] += 1
            else:
                for topic, value, key, timestamp, headers in decision:
                    produce(topic, value, key, timestamp, headers)
                    counted["written", topic] += 1
                counted["out",] += 1


def run(settings: Settings, service: Service, *, verbose: bool = False) -> None:
    """Run a service until SIGTERM or SIGINT, then return within 5 s; `Fenced` when another instance takes over.

    Who probes /ready should wait, or look at what it names, when it says 503: restarting the service helps nobody.
    """
    logs.configure(settings, verbose=verbose)
    stop = stop_on_signals()
    frame = Frame(service)
    loop = Loop(
        settings,
        group=service.group,
        topics=[service.source],
        handle=frame.handle,
        batch_records=service.batch_records,
        on_commit=frame.counts.commit,
    )
    health = partial(_health, service, loop, frame.counts, settings.kafka_bootstrap, time.monotonic())
    with metrics.listen(service.port, service.name, address=settings.listen_address) as listener:
        metrics.serve(listener, service.name, frame.counts, health, service.collectors)
        threading.Thread(target=_tell_of_waiting, args=(settings, loop, stop, service.name), daemon=True).start()
        loop.run(stop)
    LOG.info("stopped", extra={"service": service.name})


def _health(service: Service, loop: Loop, counts: Counts, kafka: str, started: float) -> tuple[str, Mapping[str, Any]]:
    """What is missing, "" if nothing is, and facts.

    Kafka counts as missing before there are partitions to read, and from 6 s after it stopped answering.
    """
    totals, commits = counts.totals()
    facts = {
        "transactional_id": loop.transactional_id,
        "phase": loop.phase.name.lower(),
        "transactions": commits,
        "records": sum(number for key, number in totals.items() if key[0] == "in"),
        "uptime_seconds": round(time.monotonic() - started, 1),
    }
    missing = service.missing() if loop.ready.is_set() else f"Kafka at {kafka} has given it no partition"
    return missing, facts


def _tell_of_waiting(settings: Settings, loop: Loop, stop: threading.Event, name: str) -> None:
    """A loop waits for Kafka as long as it takes; somebody who looks should see what for."""
    if not loop.ready.wait(PATIENCE) and not stop.is_set():
        at = settings.kafka_bootstrap
        LOG.warning("%s waits: Kafka at %s has given it no partition yet; does it answer there?", name, at)


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second signal does no more than the first."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
