"""Dead letters on a real broker: what is refused is all there, and goes back exactly, however often it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from streamguard.kafka import clients
from streamguard.kafka.loop import Loop
from streamguard.kafka.tail import Record, tail
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.project import Project
from streamguard.services import ingestor
from streamguard.services.frame import Decision, Frame, Service
from streamguard.settings import Settings, inherited_environment
from tests.malformed import GOOD, REFUSED, TRANSACTION, Headers, Kind, text

RECORDS = 10_000
MALFORMED = RECORDS // 20
EACH = MALFORMED // len(REFUSED)
"""Malformed records of a kind."""
OUT = ("fraudulent-transactions", "unidentified-transactions")
START = 1_700_000_000_000

Sent = tuple[bytes | None, bytes | None, int, Headers]
"""Key, value, time and headers of a record."""


def ignore(*_: object) -> None:
    """No progress."""


class Place:
    """Topics of a test's own: `in` with its dead-letter topic, and what the ingestor writes to."""

    def __init__(self, settings: Settings, project: Project) -> None:
        self.settings, self._project = settings, project
        self.prefix = f"letters-{os.getpid()}-{os.urandom(3).hex()}-"
        self.source, self.dead = f"{self.prefix}in", f"{self.prefix}in-dead-letter"
        self._topics: list[str] = []
        for name, partitions in (("in", 2), ("in-dead-letter", 1), ("repaired", 2), *((name, 2) for name in OUT)):
            self.create(name, partitions)

    def create(self, name: str, partitions: int = 1, **config: str) -> str:
        """A topic with the prefix."""
        create_topic(self.settings, Topic(self.prefix + name, partitions, config=config))
        self._topics.append(self.prefix + name)
        return self.prefix + name

    def remove(self) -> None:
        for answer in clients.admin(self.settings).delete_topics(self._topics).values():
            answer.result(30)

    def write(self, topic: str, records: Sequence[Sent]) -> None:
        producer = clients.producer(self.settings)
        for number, (key, value, time, headers) in enumerate(records):
            producer.produce(topic, value, key, timestamp=time, headers=list(headers))
            if number % 1000 == 0:
                producer.poll(0)
        assert producer.flush(30) == 0

    def read(self, topic: str) -> list[Record]:
        return list(tail(self.settings, topic, last=None))

    def command(self, *words: str, failpoint: str = "") -> subprocess.CompletedProcess[bytes]:
        """`streamguard dead-letters …`."""
        own = replace(self.settings, failpoint=failpoint)
        return subprocess.run(
            [sys.executable, "-m", "streamguard", "--project", str(self._project.root), "dead-letters", *words],
            env={**inherited_environment(), **own.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def listed(self) -> dict[str, tuple[int, int]]:
        """Records, and how many are not replayed, by code."""
        done = self.command("list", self.dead, "--output", "json")
        assert done.returncode == 0, done.stderr
        rows: Counter[str] = Counter()
        left: Counter[str] = Counter()
        for row in json.loads(done.stdout):
            assert (row["topic"], row["refused_by"]) == (self.dead, "ingestor")
            rows[row["code"]] += row["records"]
            left[row["code"]] += row["not_replayed"]
        return {code: (rows[code], left[code]) for code in rows}

    def serve(self, decide: Callable[[Any], Decision], records: int, group: str = "sg.letters") -> Frame:
        """Run a service over `in` until it has read that many records."""
        frame = Frame(Service("ingestor", self.prefix + group, self.source, 0, decide=decide))
        stop = threading.Event()

        def count() -> None:
            frame.counts.commit()
            if summed(frame)["in"] >= records:
                stop.set()

        Loop(self.settings, group=frame.service.group, topics=[self.source], handle=frame.handle, on_commit=count).run(
            stop
        )
        return frame

    def ingest(self, record: Any) -> Decision:
        """As the ingestor decides, into the topics of this test."""
        decision = ingestor.decide(record)
        return decision if isinstance(decision, str) else [(self.prefix + topic, *rest) for topic, *rest in decision]  # type: ignore[misc]


def summed(frame: Frame) -> Counter[str]:
    """The counters of a service, without their labels."""
    sums: Counter[str] = Counter()
    for (name, *_), number in frame.counts.totals()[0].items():
        sums[name] += number
    return sums


@pytest.fixture
def place(settings: Settings, project: Project) -> Iterator[Place]:
    made = Place(settings, project)
    yield made
    made.remove()


def sent(number: int, kind: Kind) -> Sent:
    """A record of a kind; no two are equal."""
    evaluation = ("fraudulent", "unidentified", "legitimate")[number % 3]
    good = {**TRANSACTION, "transaction_id": f"t-{number}", "evaluation": evaluation}
    return kind.key, kind.value(good), START + number, (*kind.headers, ("number", b"%d" % number))


def mixture() -> tuple[list[Sent], list[tuple[Sent, str]]]:
    """10,000 records, and those of them that are malformed with their code; 5 %, of every kind equally many."""
    plain = Kind("plain", None, text)
    kinds = [kind for kind in REFUSED for _ in range(EACH)]
    good = RECORDS - len(kinds)
    step = RECORDS // len(kinds)
    fitting = [*GOOD, *(plain for _ in range(good - len(GOOD)))]
    records, malformed = [], []
    for number in range(RECORDS):
        is_malformed = number % step == 0 and kinds
        kind = kinds.pop() if is_malformed else fitting.pop()
        records.append(sent(number, kind))
        if kind.code is not None:
            malformed.append((records[-1], kind.code))
    return records, malformed


def seen(record: Record, headers: Headers | None = None) -> Sent:
    return record.key, record.value, record.timestamp, record.headers if headers is None else headers


def of_letter(record: Record) -> tuple[Sent, str]:
    """What a dead letter was before, and its code, read without the code under test: the story has 7 headers."""
    story = dict(record.headers[-7:])
    return seen(record, record.headers[:-7]), (story["sg-dlq-code"] or b"").decode()


def test_every_malformed_record_becomes_a_dead_letter_and_goes_back_once_however_often_the_replay_is_killed(
    place: Place,
) -> None:
    records, malformed = mixture()
    place.write(place.source, records)

    frame = place.serve(place.ingest, RECORDS)
    sums = summed(frame)
    assert sums["in"] == RECORDS == sums["out"] + sums["dead_letter"] + sums["filtered"]
    assert sums["dead_letter"] == len(malformed) == EACH * len(REFUSED)
    assert Counter(map(of_letter, place.read(place.dead))) == Counter(malformed)
    bad = {record for record, _ in malformed}
    for number, topic in enumerate(OUT):
        wanted = {record for at, record in enumerate(records) if at % 3 == number and record not in bad}
        assert Counter(map(seen, place.read(place.prefix + topic))) == Counter(wanted)

    causes = Counter(code for _, code in malformed)
    assert place.listed() == {code: (number, number) for code, number in causes.items()}
    dates = ("replay", place.dead, "--cause", "E_DATE", "--yes")
    assert place.command(*dates, failpoint="before_offsets").returncode == -signal.SIGKILL
    assert place.command(*dates).returncode == 0
    assert place.listed() == {code: (number, 0 if code == "E_DATE" else number) for code, number in causes.items()}
    for failpoint in ("after_begin", "mid_produce:250", "after_offsets", "during_commit", "after_commit"):
        done = place.command("replay", place.dead, "--yes", failpoint=failpoint)
        assert done.returncode == -signal.SIGKILL, done.stderr
    done = place.command("replay", place.dead, "--yes")
    assert done.returncode == 0, done.stderr
    again = place.command("replay", place.dead, "--yes")
    assert (again.returncode, again.stderr) == (0, f"Nothing to do: all of {place.dead} is replayed.\n".encode())

    found = place.read(place.source)
    assert Counter(map(seen, found)) == Counter(records) + Counter(bad)
    assert len({(seen(record), record.partition) for record in found}) == len(records), "back to its partition"

    def accept(record: Any) -> Decision:
        return ((place.prefix + "repaired", record.value(), record.key(), record.timestamp()[1], record.headers()),)

    fixed = place.serve(accept, len(malformed))
    assert summed(fixed) == {"in": len(malformed), "out": len(malformed), "written": len(malformed)}
    assert Counter(map(seen, place.read(place.prefix + "repaired"))) == Counter(bad)
