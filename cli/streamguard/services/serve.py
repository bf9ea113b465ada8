"""What every service does around its handler: logs, health and metrics, signals, the loop."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Mapping
from typing import Any

from streamguard.kafka import logs, metrics
from streamguard.kafka.loop import Loop
from streamguard.kafka.metrics import Counts
from streamguard.model import Pipeline
from streamguard.services import ingestor
from streamguard.settings import Settings

LOG = logging.getLogger("streamguard.services")
PATIENCE = 5.0
"""Seconds without a partition after which that is told."""


def run_ingestor(settings: Settings, pipeline: Pipeline, *, verbose: bool = False) -> None:
    """Run the ingestor of a pipeline until SIGTERM or SIGINT; `Fenced` when another instance takes over."""
    counts = Counts()
    source = ingestor.source_of(pipeline)
    loop = Loop(
        settings,
        group=f"sg.{pipeline.name}.{ingestor.NAME}",
        topics=[source],
        handle=ingestor.Ingestor(source, counts).handle,
        on_commit=counts.commit,
    )
    serve(settings, loop, ingestor.NAME, settings.ingestor_port, counts, verbose=verbose)


def serve(settings: Settings, loop: Loop, name: str, port: int, counts: Counts, *, verbose: bool = False) -> None:
    """Run a loop as the service `name`: it returns within 5 s after SIGTERM or SIGINT, even while Kafka is away.

    /health says 200 while it has partitions to read. It says 503 before that, and from 6 s after Kafka stopped
    answering until it is back: who probes should wait or look at Kafka then, for restarting the service helps nobody.
    """
    logs.configure(settings, verbose=verbose)
    stop = stop_on_signals()
    started = time.monotonic()

    def health() -> tuple[bool, Mapping[str, Any]]:
        totals, commits = counts.totals()
        facts = {
            "transactional_id": loop.transactional_id,
            "phase": loop.phase.name.lower(),
            "transactions": commits,
            "records": sum(number for key, number in totals.items() if key[0] == "in"),
            "uptime_seconds": round(time.monotonic() - started, 1),
        }
        return loop.ready.is_set(), facts

    with metrics.listen(port, name) as listener:
        metrics.serve(listener, name, counts, health)
        threading.Thread(target=_tell_of_waiting, args=(settings, loop, stop, name), daemon=True).start()
        loop.run(stop)
    LOG.info("stopped", extra={"service": name})


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
