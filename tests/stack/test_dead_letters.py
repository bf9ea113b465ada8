"""Dead letters on a real broker: what is refused is all there, and goes back exactly, however often it is killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from streamguard.commands import run
from streamguard.errors import Fenced, StreamguardError, TopicError
from streamguard.kafka.replay import TRANSACTION_RECORDS, Replay, prepare
from streamguard.project import Project
from streamguard.services import ingestor, processor
from streamguard.services.frame import Decision, Service
from streamguard.settings import Settings, inherited_environment
from tests.kafka.test_letters import connects
from tests.malformed import GOOD, REFUSED, REFUSED_BY_VALIDATOR, Kind, text
from tests.stack.letters import EVALUATIONS, START, Place, Sent, refused, seen, sent
from tests.stack.service import random_port

RECORDS = 10_000
EACH = RECORDS // 20 // len(REFUSED)
"""Malformed records of a kind: 5 % are malformed."""
SOURCE, DEAD, REPAIRED = "in", "in-dead-letter", "repaired"
UNIDENTIFIED, UNJUDGED = "unidentified-transactions", "unidentified-transactions-dead-letter"
PLAIN = Kind("plain", None, text)
INGESTOR = Service("ingestor", "", SOURCE, 0, decide=ingestor.decide)
UNREADABLE: Sent = (b"k", b"\xff\x00{", START, (("trace", b"\xfe"), ("trace", None)))


def ignore(*_: object) -> None:
    """No progress."""


@pytest.fixture
def place(settings: Settings, project: Project) -> Iterator[Place]:
    made = Place(settings, project)
    made.create(DEAD, 1)
    made.create(SOURCE)
    yield made
    made.remove()


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


Command = Callable[..., Ended]


@pytest.fixture
def command(place: Place, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Command:
    """`streamguard dead-letters …`, in this process."""
    for name, value in place.settings.environment().items():
        monkeypatch.setenv(name, value)

    def made(*words: str) -> Ended:
        code = run(["--project", str(place.project.root), "dead-letters", *words])
        out, err = capfdbinary.readouterr()
        return Ended(code, out, err.decode())

    return made


def listed(command: Command, topic: str) -> dict[str, tuple[int, int]]:
    """By code: the dead letters of a topic, and how many are not replayed."""
    records, left = Counter[str](), Counter[str]()
    for row in command("list", topic, "--output", "json").document:
        records[row["code"]] += row["records"]
        left[row["code"]] += row["not_replayed"]
    return {code: (records[code], left[code]) for code in records}


@contextmanager
def validator(place: Place) -> Iterator[Settings]:
    """A validator API of the test's own: the settings of who asks it."""
    port = random_port()
    own = replace(place.settings, validator_port=port, validator_url=f"http://127.0.0.1:{port}")
    process = subprocess.Popen(
        [sys.executable, "-m", "streamguard", "--project", str(place.project.root), "service", "validator"],
        env={**inherited_environment(), **own.environment()},
        stderr=subprocess.DEVNULL,
    )
    try:
        await_health(own.validator_url)
        yield own
    finally:
        process.terminate()
        process.wait(10)


def await_health(url: str) -> None:
    end = time.monotonic() + 20
    while True:
        try:
            if requests.get(f"{url}/health", timeout=2).ok:
                return
        except (requests.ConnectionError, requests.Timeout):
            assert time.monotonic() < end, f"{url} does not answer"
        time.sleep(0.05)


def mixture() -> list[tuple[Sent, Kind]]:
    """10,000 records, of every malformed kind equally many among them, and of every odd one."""
    kinds = [*[kind for kind in REFUSED for _ in range(EACH)], *GOOD, *REFUSED_BY_VALIDATOR * len(EVALUATIONS)]
    every = RECORDS // len(kinds)
    spread = {number * every: kind for number, kind in enumerate(kinds)}
    return [(sent(number, kind), kind) for number in range(RECORDS) for kind in (spread.get(number, PLAIN),)]


def accept(record: Any) -> Decision:
    """The fix: a service for which everything is good."""
    return ((REPAIRED, record.value(), record.key(), record.timestamp()[1], record.headers()),)


def test_every_malformed_record_becomes_a_dead_letter_and_goes_back_once_however_often_the_replay_is_killed(
    place: Place, command: Command
) -> None:
    for topic in (ingestor.ROUTES["fraudulent"], UNIDENTIFIED, UNJUDGED, processor.RESULTS, processor.USERS, REPAIRED):
        place.create(str(topic))
    records = mixture()
    place.write(SOURCE, [record for record, _ in records])

    sums = place.serve(INGESTOR, RECORDS)
    bad = {record: kind.code for record, kind in records if kind in REFUSED}
    assert sums["in"] == RECORDS == sums["out"] + sums["dead_letter"] + sums["filtered"]
    assert sums["dead_letter"] == len(bad) == EACH * len(REFUSED)
    assert Counter(map(refused, place.read(DEAD))) == Counter(bad.items())
    routed = [[record for record, _ in records[number::3] if record not in bad] for number in range(2)]
    assert Counter(map(seen, place.read("fraudulent-transactions"))) == Counter(routed[0])
    assert Counter(map(seen, place.read(UNIDENTIFIED))) == Counter(routed[1])

    kinds = dict(records)
    check_processor(place, {record: kinds[record] for record in routed[1]})
    check_replay(place, command, bad)

    found = place.read(SOURCE)
    assert Counter(map(seen, found)) == Counter([record for record, _ in records]) + Counter(bad.keys())
    assert len({(seen(record), record.partition) for record in found}) == RECORDS, "each went back to its partition"
    fixed = place.serve(replace(INGESTOR, decide=accept), len(bad))
    assert fixed == {"in": len(bad), "out": len(bad), "written": len(bad)}
    assert Counter(map(seen, place.read(REPAIRED))) == Counter(bad.keys())


def check_processor(place: Place, records: dict[Sent, Kind]) -> None:
    """What the validator API refuses is in the dead-letter topic of the processor, and nothing else is."""
    bad = {record: kind.code for record, kind in records.items() if kind in REFUSED_BY_VALIDATOR}
    with (
        validator(place) as settings,
        processor.service(settings, place.project.pipeline("bank")) as service,
    ):
        sums = place.serve(service, len(records))
    assert sums["in"] == len(records) == sums["out"] + sums["dead_letter"] + sums["filtered"]
    assert Counter(map(refused, place.read(UNJUDGED))) == Counter(bad.items())
    assert len(bad) == len(REFUSED_BY_VALIDATOR)
    assert len(place.read(processor.RESULTS)) * 2 == len(place.read(processor.USERS)) == sums["out"] * 2


def check_replay(place: Place, command: Command, bad: dict[Sent, str | None]) -> None:
    """One cause first, then the others, killed everywhere; then there is nothing to do."""
    topic, causes = place.named(DEAD), Counter(str(code) for code in bad.values())
    assert listed(command, topic) == {code: (number, number) for code, number in causes.items()}
    dates = ("dead-letters", "replay", topic, "--cause", "E_DATE", "--yes")
    place.killed("before_offsets", *dates)
    assert command(*dates[1:], "-o", "json").document == [
        {"refused_by": "ingestor", "code": "E_DATE", "to": place.named(SOURCE), "records": causes["E_DATE"]}
    ]
    left = {code: (number, number * (code != "E_DATE")) for code, number in causes.items()}
    assert listed(command, topic) == left
    for failpoint in ("after_begin", f"mid_produce:{TRANSACTION_RECORDS + 9}", "after_offsets", "during_commit"):
        place.killed(failpoint, "dead-letters", "replay", topic, "--yes")
    command("replay", topic, "--yes").check(0, "Replayed")
    command("replay", topic, "--yes").check(0, f"Nothing to do: all of {topic} is replayed.")
    assert listed(command, topic) == {code: (number, 0) for code, number in causes.items()}


def test_of_two_replays_at_once_the_first_is_fenced_and_each_record_is_written_once(place: Place) -> None:
    records = [(b"k", b"{", START + number, ()) for number in range(2 * TRANSACTION_RECORDS + 1)]
    place.write(SOURCE, records)
    place.serve(INGESTOR, len(records))
    plan = prepare(place.settings, place.named(DEAD), (), None, ignore)
    begun, go_on = threading.Event(), threading.Event()
    outcome: list[BaseException] = []

    def wait(_written: int) -> None:
        begun.set()
        go_on.wait(30)

    def first() -> None:
        try:
            Replay(place.settings, plan).run(wait)
        except StreamguardError as exc:
            outcome.append(exc)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(30)
    second = Replay(place.settings, plan).run(ignore)
    go_on.set()
    thread.join(30)
    assert second.total() == TRANSACTION_RECORDS + 1
    assert [type(exc) for exc in outcome] == [Fenced]
    assert Counter(map(seen, place.read(SOURCE))) == Counter(dict.fromkeys(records, 2))


def test_what_is_refused_again_is_a_new_dead_letter_and_no_endless_loop(place: Place, command: Command) -> None:
    place.write(SOURCE, [UNREADABLE])
    place.serve(INGESTOR, 1)
    stop = threading.Thread(target=place.serve, args=(INGESTOR, 1))
    stop.start()  # refuses it again, at once
    command("replay", place.named(DEAD), "--yes").check(0, "Replayed 1 record")
    stop.join(30)
    assert listed(command, place.named(DEAD)) == {"E_JSON": (2, 1)}
    assert Counter(map(refused, place.read(DEAD))) == {(UNREADABLE, "E_JSON"): 2}


def test_what_a_connector_refused_goes_only_where_it_is_told_to(place: Place, command: Command) -> None:
    topic, to = place.create("sink-dead-letter", 1), place.create(REPAIRED)
    letter = connects("Unrecognized token 'SECRET'", before=UNREADABLE[3])
    place.write(topic, [(letter.key, letter.value, letter.timestamp, letter.headers)])
    command("replay", topic, "--yes").check(3, "other sinks", "--to")
    command("replay", topic, "--to", topic, "--yes").check(3, "--to takes another topic")
    command("replay", topic, "--to", to[:-1], "--yes").check(1, f"did you mean {to}?")
    dry = command("replay", topic, "--to", to, "--dry-run", "-o", "json").document
    assert dry == [{"refused_by": "users-mongodb-sink", "code": "DataException", "to": to, "records": 1}]
    command("replay", topic, "--to", to, "--yes").check(0, "Replayed 1 record")
    command("replay", topic, "--yes").check(0, "Nothing to do")
    assert list(map(seen, place.read(to))) == [(letter.key, letter.value, letter.timestamp, UNREADABLE[3])]
    assert "SECRET" not in command("list", topic).out.decode() + command("show", topic).out.decode()
    assert "SECRET" in command("show", topic, "--value").out.decode()


def test_a_record_without_a_story_is_shown_and_goes_only_where_it_is_told_to(place: Place, command: Command) -> None:
    place.write(DEAD, [UNREADABLE])
    assert listed(command, place.named(DEAD)) == {"unknown": (1, 1)}
    command("replay", place.named(DEAD), "--yes").check(3, "0:0 does not say where it came from", "--to")


def test_a_value_is_hidden_or_exact(place: Place, command: Command) -> None:
    readable = (b"k", '{"name": "\u0160\x1b"'.encode(), START + 1, ())
    place.write(SOURCE, [UNREADABLE, readable])
    place.serve(INGESTOR, 2)
    topic, value = place.named(DEAD), UNREADABLE[1] or b""
    at = {letter.value: f"{letter.partition}:{letter.offset}" for letter in place.read(DEAD)}

    (hidden,) = command("show", topic, at[value], "-o", "json").document
    assert hidden["value"] == {"size": 3, "sha256": hashlib.sha256(value).hexdigest()}
    assert hidden["key"] == {"size": 1, "sha256": hashlib.sha256(b"k").hexdigest()}
    assert hidden["headers"] == [{"name": "trace", "base64": "/g=="}, {"name": "trace", "text": None}]
    assert (hidden["code"], hidden["refused_by"]) == ("E_JSON", "ingestor")
    shown = command("show", topic, "--value", "-o", "json").document
    assert [letter["value"] for letter in shown] == [{"base64": "/wB7"}, {"text": readable[1].decode()}]
    assert "\\x1b" in command("show", topic, "--value").out.decode()
    assert command("show", topic, at[value], "--raw").out == value
    command("show", topic, "0:99").check(1, "has no record at 0:99")
    command("show", topic, "--raw").check(64, "PARTITION:OFFSET")
    command("show", topic, "0-1").check(64, "PARTITION:OFFSET")


def test_a_record_that_its_topic_does_not_take_any_more_is_told(place: Place, command: Command) -> None:
    narrow = place.create("narrow", 1, max_message_bytes="1000")
    place.write(SOURCE, [(b"k", os.urandom(5000), START, ())])
    place.serve(INGESTOR, 1)
    command("replay", place.named(DEAD), "--to", narrow, "--yes").check(1, narrow, "max.message.bytes")
    command("replay", place.named(DEAD), "--yes").check(0, "Replayed 1 record")


def test_what_can_not_be_done_is_one_sentence(place: Place, command: Command) -> None:
    place.write(SOURCE, [UNREADABLE])
    place.serve(INGESTOR, 1)
    topic = place.named(DEAD)
    command("list", topic[:-1]).check(1, f"did you mean {topic}?")
    command("replay", topic, "--cause", "E_JSN", "--yes").check(64, "did you mean E_JSON?")
    command("replay", topic, "--cause", "E_DATE", "--yes").check(0, "Nothing to do")
    command("replay", topic).check(64, "--yes", "--dry-run")
    with pytest.raises(TopicError, match="there is no topic"):
        prepare(place.settings, topic + "x", (), None, ignore)
