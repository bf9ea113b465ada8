"""The decider: transactions and alerts become decisions in PostgreSQL, effectively once, and are published from there.

Two threads do the work (`loop`), a third publishes (`outbox`), a fourth looks at the rules (`watching`). What comes in
is counted once it is stored:

    in = out + dead-letter + filtered
"""

from __future__ import annotations

import gc
import logging
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from streamguard.errors import ProjectError
from streamguard.kafka import logs, metrics
from streamguard.kafka.exactly_once import dead_letters
from streamguard.kafka.exactly_once.failpoint import Failpoint
from streamguard.kafka.exactly_once.phase import PhaseFile
from streamguard.kafka.metrics import Counts
from streamguard.kafka.positioned import membership
from streamguard.kafka.sender import Sender
from streamguard.model import Pipeline
from streamguard.postgres.connect import database_uri, require_extra
from streamguard.project import Project, generator_of
from streamguard.services.decider.measures import Measures
from streamguard.services.decider.rules import rules_file
from streamguard.services.decider.watching import Rulebook
from streamguard.services.frame import PATIENCE, stop_on_signals
from streamguard.settings import Settings

if TYPE_CHECKING:
    from streamguard.services.decider.loop import Loop
    from streamguard.services.decider.outbox import Outbox
    from streamguard.services.decider.store import Store, Stored

NAME = "decider"
ALERTS = "fraud-alerts"
DECISIONS = "fraud-decisions"
SWITCH_SECONDS = 0.0005
"""The thread that stores waits for the one that parses no longer than that, after each answer of the database."""
GARBAGE = 1_000_000
"""Objects more than at the last look for cycles. The rows of two batches are fewer, have none, and go with their batch:
to look through them again and again took a fifth of the time."""

LOG = logging.getLogger("streamguard.services.decider")


@dataclass(frozen=True)
class Decider:
    """The parts of a decider, wired up and not running."""

    rulebook: Rulebook
    store: Store
    outbox: Outbox
    loop: Loop
    counts: Counts
    measures: Measures


def run(settings: Settings, project: Project, pipeline: Pipeline, *, verbose: bool = False) -> None:
    """Run the decider of a pipeline until SIGTERM or SIGINT, then return within 5 s; `Fenced` when another process
    with the same STREAMGUARD_INSTANCE takes over.

    Raises:
        ProjectError: the rules are wrong, or the pipeline lacks a topic or its database.
        PortTaken: another process listens on the port.
    """
    logs.configure(settings, verbose=verbose)
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.set_threshold(GARBAGE)
    stop = stop_on_signals()
    require_extra()
    for name in ("psycopg.pool", "alembic"):  # what they have to say the store says, once
        logging.getLogger(name).setLevel(logging.CRITICAL)
    decider = decider_of(settings, project, pipeline, stop)
    with metrics.listen(settings.decider_port, NAME, address=settings.listen_address) as listener:
        health = partial(_health, decider, settings.kafka_bootstrap, time.monotonic())
        metrics.serve(listener, NAME, decider.counts, health, [decider.measures, decider.rulebook])
        work(decider, stop)
    LOG.info("stopped", extra={"service": NAME})


def decider_of(
    settings: Settings, project: Project, pipeline: Pipeline, stop: threading.Event, *, prefix: str = ""
) -> Decider:
    """The decider of a pipeline. `prefix` begins the names of its topics and of its group."""
    from streamguard.services.decider.loop import Loop
    from streamguard.services.decider.outbox import Outbox
    from streamguard.services.decider.store import Store

    source = source_of(pipeline)
    rulebook = Rulebook(rules_file(project, pipeline))
    place = membership(settings, f"sg.{prefix}{pipeline.name}.{NAME}")
    failpoint, phase = Failpoint(settings.failpoint), PhaseFile(settings.phase_dir, place.instance)
    uri, counts, measures = database_uri(settings, pipeline), Counts(), Measures()
    store = Store(
        uri,
        prefix + NAME,
        prefix + DECISIONS,
        rules=lambda: rulebook.rules,
        now=lambda: datetime.now(UTC),
        stop=stop,
        failpoint=failpoint,
        phase=phase,
    )
    outbox = Outbox(store, Sender(settings), stop, failpoint)

    def on_stored(stored: Stored) -> None:
        counts.begin().update(stored.counted)
        counts.commit()
        measures.count(stored)
        outbox.notify()

    topics = (prefix + source, prefix + ALERTS)
    loop = Loop(place, topics, alerts=topics[1], store=store, on_stored=on_stored, failpoint=failpoint)
    measures.loop, measures.outbox, measures.store = loop, outbox, store
    return Decider(rulebook, store, outbox, loop, counts, measures)


def work(decider: Decider, stop: threading.Event) -> None:
    """Have all parts work until `stop` is set."""
    threads = [
        threading.Thread(target=decider.rulebook.watch, args=(stop,), name="rules", daemon=True),
        threading.Thread(target=decider.outbox.run, name="outbox", daemon=True),
        threading.Thread(target=_tell_of_waiting, args=(decider, stop), name="waiting", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        decider.loop.run(stop)
    finally:
        stop.set()
        decider.outbox.notify()
        threads[1].join(1.0)
        decider.store.close()


def source_of(pipeline: Pipeline) -> str:
    """The topic of the transactions; `ProjectError` if the pipeline lacks a topic of the decider's."""
    source = generator_of(pipeline).topic
    for topic in (source, ALERTS, DECISIONS, dead_letters.topic_for(source), dead_letters.topic_for(ALERTS)):
        if pipeline.topic(topic) is None:
            raise ProjectError(f"init/{pipeline.name}.yml has no topic {topic}, which the decider needs")
    return source


def _health(decider: Decider, kafka: str, started: float) -> tuple[str, Mapping[str, Any]]:
    """What is missing, "" if nothing is, and facts."""
    totals, commits = decider.counts.totals()
    missing = decider.store.trouble or decider.outbox.trouble
    if not decider.loop.ready.is_set():
        missing = f"Kafka at {kafka} has given it no partition"
    return missing, {
        "transactions": commits,
        "records": sum(number for key, number in totals.items() if key[0] == "in"),
        "lag": sum(decider.loop.behind.values()),
        "rules_version": decider.rulebook.rules.version,
        "refused_rules": decider.rulebook.trouble,
        "uptime_seconds": round(time.monotonic() - started, 1),
    }


def _tell_of_waiting(decider: Decider, stop: threading.Event) -> None:
    """A loop waits for Kafka as long as it takes; somebody who looks should see what for."""
    if not decider.loop.ready.wait(PATIENCE) and not stop.is_set():
        LOG.warning("%s waits: Kafka has given it no partition yet; does it answer?", NAME)
