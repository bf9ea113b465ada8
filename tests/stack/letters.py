"""Topics of a test's own around a service, and records that can be told apart."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streamguard.commands import run
from streamguard.kafka import clients
from streamguard.kafka.exactly_once.batches import AskFirst, Handle
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.kafka.exactly_once.produce import Produce
from streamguard.kafka.tail import Record
from streamguard.project import Project
from streamguard.services.frame import Frame, Service
from streamguard.settings import Settings, inherited_environment
from tests.malformed import TRANSACTION, Headers, Kind
from tests.stack.records import OwnTopics, read, settle

EVALUATIONS = ("fraudulent", "unidentified", "legitimate")
START = 1_700_000_000_000
STORY = 7
"""Headers that a service of ours adds to a dead letter."""

Sent = tuple[bytes | None, bytes | None, int, Headers]
"""Key, value, time and headers of a record."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def document(self) -> Any:
        """What it printed, as JSON."""
        assert self.code == 0, self.err
        return json.loads(self.out)

    def check(self, code: int, *words: str) -> None:
        """It ended with `code`, and what it said has `words`."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        assert all(word in self.err for word in words), self.err


class Place:
    """Topics that a test has for itself; services work on them as they do on those of the pipeline."""

    def __init__(self, settings: Settings, project: Project, own: OwnTopics) -> None:
        self.settings, self.project, self.prefix = settings, project, own.prefix
        self._own = own

    def named(self, topic: str) -> str:
        """The name here of a topic of the pipeline."""
        return topic if topic.startswith(self.prefix) else self.prefix + topic

    def create(self, topic: str, partitions: int = 2, **config: str) -> str:
        """Make a topic for old and long records; its name."""
        largest = str(clients.LARGEST_RECORD_BYTES)
        return self._own.create(topic, partitions, **{"max_message_bytes": largest, "retention_ms": "-1", **config})

    def write(self, topic: str, records: Iterable[Sent]) -> None:
        """Write records, each with its time and headers."""
        producer = clients.producer(self.settings)
        for key, value, timestamp, headers in records:
            producer.produce(self.named(topic), value, key, timestamp=timestamp, headers=list(headers))
        assert producer.flush(30) == 0

    def read(self, topic: str) -> list[Record]:
        """Every record, once no transaction is open."""
        return read(self.settings, self.named(topic))

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
        settle(self.settings, self.named(f"{service.source}-dead-letter"))
        return sums

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

    def command(self, monkeypatch: pytest.MonkeyPatch, captured: pytest.CaptureFixture[bytes]) -> Callable[..., Ended]:
        """`streamguard …` with its words as arguments, in this process."""
        for name, value in self.settings.environment().items():
            monkeypatch.setenv(name, value)

        def command(*words: str) -> Ended:
            code = run(["--project", str(self.project.root), *words])
            out, err = captured.readouterr()
            return Ended(code, out, err.decode())

        return command

    def start(self, *words: str, failpoint: str = "") -> subprocess.Popen[bytes]:
        """`streamguard …` as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(self.project.root), *words],
            env={**inherited_environment(), **replace(self.settings, failpoint=failpoint).environment()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def killed(self, failpoint: str, *words: str) -> None:
        """Run `streamguard …`, which kills itself at that point."""
        process = self.start(*words, failpoint=failpoint)
        _, said = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, said.decode()


def sent(number: int, kind: Kind) -> Sent:
    """A record of a kind; no two are equal."""
    evaluation = EVALUATIONS[number % len(EVALUATIONS)]
    good = {**TRANSACTION, "transaction_id": f"t-{number}", "evaluation": evaluation}
    return kind.key, kind.value(good), START + number, (*kind.headers, ("number", b"%d" % number))


def seen(record: Record) -> Sent:
    """What was sent, of a record that was read."""
    return record.key, record.value, record.timestamp, record.headers


def replayed(record: Sent) -> Sent:
    """What was sent, when it is replayed for the first time."""
    return *record[:3], (*record[3], ("sg-replays", b"1"))


def refused(record: Record) -> tuple[Sent, str]:
    """What a dead letter was before, and its code: without the code under test."""
    story = dict(record.headers[-STORY:])
    return seen(replace(record, headers=record.headers[:-STORY])), (story["sg-dlq-code"] or b"").decode()
