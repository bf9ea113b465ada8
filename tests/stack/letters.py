"""Topics of a test's own around a service, and records that can be told apart."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from streamguard.kafka import clients
from streamguard.kafka.loop import AskFirst, Handle, Loop
from streamguard.kafka.positions import Positions
from streamguard.kafka.produce import Produce
from streamguard.kafka.tail import Record, tail
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.project import Project
from streamguard.services.frame import Frame, Service
from streamguard.settings import Settings, inherited_environment
from tests.malformed import TRANSACTION, Headers, Kind

EVALUATIONS = ("fraudulent", "unidentified", "legitimate")
START = 1_700_000_000_000
STORY = 7
"""Headers that a service of ours adds to a dead letter."""

Sent = tuple[bytes | None, bytes | None, int, Headers]
"""Key, value, time and headers of a record."""


class Place:
    """Topics that a test has for itself; services work on them as they do on those of the pipeline."""

    def __init__(self, settings: Settings, project: Project) -> None:
        self.settings, self.project = settings, project
        self.prefix = f"letters-{os.getpid()}-{os.urandom(3).hex()}-"
        self._topics: list[str] = []

    def named(self, topic: str) -> str:
        """The name here of a topic of the pipeline."""
        return topic if topic.startswith(self.prefix) else self.prefix + topic

    def create(self, topic: str, partitions: int = 2, **config: str) -> str:
        """Make a topic for old and long records; its name."""
        name = self.named(topic)
        wanted = {"max.message.bytes": str(clients.LARGEST_RECORD_BYTES), "retention.ms": "-1"}
        wanted |= {key.replace("_", "."): value for key, value in config.items()}
        create_topic(self.settings, Topic(name, partitions, config=wanted))
        self._topics.append(name)
        return name

    def remove(self) -> None:
        """Remove all of them."""
        admin = clients.admin(self.settings)  # kept until it has answered
        for answer in admin.delete_topics(self._topics).values():
            answer.result(30)

    def write(self, topic: str, records: Iterable[Sent]) -> None:
        """Write records, each with its time and headers."""
        producer = clients.producer(self.settings)
        for key, value, timestamp, headers in records:
            producer.produce(self.named(topic), value, key, timestamp=timestamp, headers=list(headers))
        assert producer.flush(30) == 0

    def read(self, topic: str) -> list[Record]:
        """Every record, once no transaction is open."""
        self._settle(topic)
        return list(tail(self.settings, self.named(topic), last=None))

    def serve(self, service: Service, records: int) -> Counter[str]:
        """Run a service until it has read that many records: its counters, without their labels."""
        frame = Frame(replace(service, source=self.named(service.source), group=self.prefix + service.name))
        stop, sums = threading.Event(), Counter[str]()

        def count() -> None:
            frame.counts.commit()
            sums.clear()
            for (name, *_), number in frame.counts.totals()[0].items():
                sums[name] += number
            if sums["in"] >= records:
                stop.set()

        handle, source = self._here(frame.handle), frame.service.source
        Loop(self.settings, group=frame.service.group, topics=[source], handle=handle, on_commit=count).run(stop)
        self._settle(f"{service.source}-dead-letter")
        return sums

    def _settle(self, topic: str) -> None:
        """A commit is answered a little before everybody sees its records."""
        positions, end = Positions(self.settings), time.monotonic() + 20
        places = positions.places([self.named(topic)])
        while positions.ends(places, committed=True) != positions.ends(places, committed=False):
            assert time.monotonic() < end, f"{topic} has an open transaction"
            time.sleep(0.02)

    def _here(self, handle: Handle | AskFirst[Any]) -> Handle | AskFirst[Any]:
        """A handler that writes to the topics here."""

        def here(produce: Produce) -> Produce:
            def written(topic: str, *record: Any, **more: Any) -> None:
                produce(self.named(topic), *record, **more)

            return written

        if isinstance(handle, AskFirst):
            answered = handle.handle
            return AskFirst(handle.ask, lambda batch, produce, answer: answered(batch, here(produce), answer))
        return lambda batch, produce: handle(batch, here(produce))

    def killed(self, failpoint: str, *words: str) -> None:
        """Run `streamguard …`, which kills itself at that point."""
        done = subprocess.run(
            [sys.executable, "-m", "streamguard", "--project", str(self.project.root), *words],
            env={**inherited_environment(), **replace(self.settings, failpoint=failpoint).environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def sent(number: int, kind: Kind) -> Sent:
    """A record of a kind; no two are equal."""
    evaluation = EVALUATIONS[number % len(EVALUATIONS)]
    good = {**TRANSACTION, "transaction_id": f"t-{number}", "evaluation": evaluation}
    return kind.key, kind.value(good), START + number, (*kind.headers, ("number", b"%d" % number))


def seen(record: Record) -> Sent:
    """What was sent, of a record that was read."""
    return record.key, record.value, record.timestamp, record.headers


def refused(record: Record) -> tuple[Sent, str]:
    """What a dead letter was before, and its code: without the code under test."""
    story = dict(record.headers[-STORY:])
    return seen(replace(record, headers=record.headers[:-STORY])), (story["sg-dlq-code"] or b"").decode()
