"""The generator as a whole: people, encoder, Kafka, signals and display around one run."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from streamguard.datagen.display import Display
from streamguard.datagen.encoding import JsonEncoder
from streamguard.datagen.interrupt import Interrupt
from streamguard.datagen.people import cached_people
from streamguard.datagen.publishing import Publishing, Totals
from streamguard.datagen.worlds.bank import Run
from streamguard.errors import KafkaError
from streamguard.kafka.publish import Publisher, reason
from streamguard.settings import Settings


@dataclass(frozen=True)
class Outcome:
    """A run and what became of it; `interrupted` says that Ctrl-C ended it."""

    run: Run
    topic: str
    totals: Totals
    interrupted: bool

    def summary(self) -> dict[str, Any]:
        """One flat document; with run, seed, start, target_rate, shares and people, `records` gives every record."""
        totals, acknowledged = self.totals, sum(self.totals.acknowledged.values())
        return {
            "run": self.run.name,
            "seed": self.run.seed,
            "start": self.run.start.isoformat(),
            "topic": self.topic,
            "target_rate": self.run.rate,
            "fraudulent_share": self.run.shares.fraudulent,
            "unidentified_share": self.run.shares.unidentified,
            "people": self.run.people,
            "produced": totals.produced,
            "acknowledged": acknowledged,
            "failed": totals.failed,
            "seconds": round(totals.seconds, 3),
            "rate": round(acknowledged / totals.seconds, 1) if totals.seconds else 0.0,
            **totals.acknowledged,
            "fraudulent_people": totals.fraudulent_people,
            "first_sequence": 0 if totals.produced else None,
            "last_sequence": totals.produced - 1 if totals.produced else None,
        }

    def check(self, server: str) -> None:
        """Raise if a record was not acknowledged."""
        if self.totals.failed:
            why = reason(self.totals.error) if self.totals.error else "it did not answer in time"
            raise KafkaError(
                f"Kafka at {server} did not acknowledge {self.totals.failed:,} of {self.totals.produced:,} records: "
                f"{why}; produce again with another --run"
            )


def generate(
    settings: Settings, topic: str, run: Run, *, count: int | None = None, duration: float | None = None
) -> Outcome:
    """Write a run to a topic until `count` records, `duration` seconds, Ctrl-C or SIGTERM.

    The run starts when everything is ready for its first record; the outcome has that instant.
    """
    with Publisher(settings, topic) as publisher, Interrupt() as interrupt:
        publisher.require_topic()
        people = cached_people(run.people, settings.cache_dir)
        run = replace(run, start=datetime.now(UTC))
        with Display(topic, settings.kafka_bootstrap) as display:
            totals = Publishing(
                run,
                JsonEncoder(run, people),
                publisher,
                clock=time.monotonic,
                stopped=lambda: interrupt.signal is not None,
                show=display.show,
                count=count,
                duration=duration,
            ).publish()
    return Outcome(run, topic, totals, interrupted=interrupt.signal == signal.SIGINT)
