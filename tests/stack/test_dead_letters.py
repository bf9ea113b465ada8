"""Dead letters on a real broker: what is refused is all there, and goes back exactly, however often it is killed."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from streamguard.errors import Fenced, StreamguardError, TopicError
from streamguard.kafka import clients
from streamguard.kafka.cluster import Cluster
from streamguard.kafka.exactly_once.dead_letters import MAX_REPLAYS, REPLAYS
from streamguard.kafka.letters.plan import Target, prepare
from streamguard.kafka.letters.reading import Choice, letter_of
from streamguard.kafka.letters.replay import TRANSACTION_RECORDS, Replay
from streamguard.kafka.letters.topics import LetterTopics
from streamguard.kafka.tail import Record
from streamguard.project import Project
from streamguard.services import ingestor, processor
from streamguard.services.frame import Decision, Service
from streamguard.settings import Settings, inherited_environment
from tests.kafka.letters.test_reading import connects
from tests.malformed import GOOD, REFUSED, REFUSED_BY_VALIDATOR, Kind, text
from tests.stack.letters import EVALUATIONS, START, Ended, Place, Sent, refused, replayed, seen, sent
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, settle
from tests.stack.service import answers, random_port

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
def place(settings: Settings, project: Project, own: OwnTopics) -> Place:
    made = Place(settings, project, own)
    made.create(DEAD, 1)
    made.create(SOURCE)
    return made


Command = Callable[..., Ended]


@pytest.fixture
def command(place: Place, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Command:
    """`streamguard dead-letters …`, in this process."""
    return partial(place.command(monkeypatch, capfdbinary), "dead-letters")


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
        wait_until(lambda: answers(f"{own.validator_url}/health"), "the validator answers")
        yield own
    finally:
        process.terminate()
        process.wait(10)


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
    assert Counter(map(seen, found)) == Counter([record for record, _ in records]) + Counter(
        replayed(record) for record in bad
    )
    once = {(record.key, record.value, record.timestamp, record.partition) for record in found}
    assert len(once) == len({(key, value, time) for (key, value, time, _), _ in records}), (
        "each went back to its partition"
    )
    fixed = place.serve(replace(INGESTOR, decide=accept), len(bad))
    assert fixed == {"in": len(bad), "out": len(bad), "written": len(bad)}
    assert Counter(map(seen, place.read(REPAIRED))) == Counter(map(replayed, bad))


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
        {
            "refused_by": "ingestor",
            "stage": "",
            "code": "E_DATE",
            "to": place.named(SOURCE),
            "records": causes["E_DATE"],
        }
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
    plan = prepare(place.settings, place.named(DEAD), ignore)
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
    assert Counter(map(seen, place.read(SOURCE))) == Counter([*records, *map(replayed, records)])


def test_what_is_refused_again_is_a_new_dead_letter_until_it_came_back_too_often(
    place: Place, command: Command
) -> None:
    topic, other = place.named(DEAD), (b"k", None, START + 9, ())
    place.write(SOURCE, [UNREADABLE])
    place.serve(INGESTOR, 1)
    for replays in range(MAX_REPLAYS):
        stop = threading.Thread(target=place.serve, args=(INGESTOR, 1))
        stop.start()  # refuses it again, at once
        command("replay", topic, "--yes").check(0, "Replayed 1 record")
        stop.join(30)
        assert listed(command, topic) == {"E_JSON": (replays + 2, 1)}
    assert Counter(map(refused, place.read(DEAD)))[UNREADABLE, "E_JSON"] == 1
    assert [letter_of(record).replays for record in place.read(DEAD)] == [*range(MAX_REPLAYS + 1)]
    command("replay", topic, "--yes").check(
        3, "1 record of", f"came back from {MAX_REPLAYS} replays", "--max-replays 4"
    )

    place.write(SOURCE, [other])
    place.serve(INGESTOR, 1)
    command("replay", topic, "--dry-run").check(0, "1 record of", "came back")
    command("replay", topic, "--yes").check(5, "Replayed 1 record", "came back")
    assert listed(command, topic) == {"E_JSON": (MAX_REPLAYS + 1, 1), "E_EMPTY": (1, 0)}
    command("replay", topic, "--yes", "--max-replays", "4").check(0, "Replayed 1 record")
    command("replay", topic, "--yes").check(0, "Nothing to do: all of")
    assert Counter(record.value for record in place.read(SOURCE)) == {UNREADABLE[1]: MAX_REPLAYS + 2, None: 2}


def test_a_replay_keeps_to_its_rate_and_leaves_nothing_open_when_it_is_interrupted(
    place: Place, command: Command
) -> None:
    place.write(SOURCE, [(b"k", b"{", START + number, ()) for number in range(30)])
    place.serve(INGESTOR, 30)
    topic, ends = place.named(DEAD), partial(Cluster(place.settings).ends, place.named(SOURCE))
    before = sum(ends().values())
    process = place.start("dead-letters", "replay", topic, "--yes", "--rate", "10")
    wait_until(lambda: sum(ends().values()) > before, "the first transaction is committed", 30)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130, said
    settle(place.settings, place.named(SOURCE))
    left = 60 - len(place.read(SOURCE))
    assert left >= 10
    begun = time.monotonic()
    command("replay", topic, "--yes", "--rate", "20").check(0, f"Replayed {left} records")
    assert time.monotonic() - begun > (left - 20) / 20
    assert Counter(record.timestamp for record in place.read(SOURCE)) == {START + number: 2 for number in range(30)}


def connectors_letter(place: Place, connector: str, **story: Any) -> Record:
    """A dead letter of a connector that read the source here."""
    return connects("Unrecognized token 'SECRET'", topic=place.named(SOURCE), connector=connector, **story)


def write_letters(place: Place, topic: str, *letters: Record) -> None:
    place.write(topic, [(letter.key, letter.value, letter.timestamp, letter.headers) for letter in letters])


def test_what_a_connector_refused_goes_back_if_nobody_else_reads_there(place: Place, command: Command) -> None:
    topic, to = place.create("sink-dead-letter", 1), place.create(REPAIRED)
    letter = connectors_letter(place, "a", before=UNREADABLE[3])
    write_letters(place, topic, letter)
    commit_offsets(place, "connect-a")
    back = (letter.key, letter.value, letter.timestamp, (*UNREADABLE[3], (REPLAYS, b"1")))
    dry = command("replay", topic, "--dry-run", "-o", "json").document
    row = {"refused_by": "a", "stage": "VALUE_CONVERTER", "code": "DataException", "records": 1}
    assert dry == [row | {"to": place.named(SOURCE)}]

    commit_offsets(place, "connect-b")
    command("replay", topic, "--yes").check(3, "read by connect-b too", "second time", "--to-source")
    command("replay", topic, "--to", topic, "--yes").check(3, "--to takes another topic")
    command("replay", topic, "--to", to, "--to-source", "--yes").check(64, "say one of them")
    command("replay", topic, "--to", to[:-1], "--yes").check(1, f"did you mean {to}?")
    assert command("replay", topic, "--to", to, "--dry-run", "-o", "json").document == [row | {"to": to}]
    command("replay", topic, "--to-source", "--yes").check(0, "Replayed 1 record")
    command("replay", topic, "--yes").check(0, "Nothing to do")
    assert list(map(seen, place.read(SOURCE))) == [back]
    assert "SECRET" not in command("list", topic).out.decode() + command("show", topic).out.decode()
    assert "SECRET" not in command("show", topic, "--value").out.decode(), "there is no config to tell what is secret"


def test_causes_stages_and_connectors_have_positions_of_their_own(place: Place, command: Command) -> None:
    topic, to = place.create("shared-dead-letter", 1), place.create(REPAIRED)
    letters = [
        connectors_letter(place, name, stage=stage, value=f"{name} {stage} {number}".encode())
        for number in range(3)
        for name in "ab"
        for stage in ("TRANSFORMATION", "TASK_PUT")
    ]
    write_letters(place, topic, *letters)
    command("replay", topic, "--to", to, "--yes", "--stage", "TASK_PUT").check(0, "Replayed 6 records")
    command("replay", topic, "--to", to, "--yes", "--stage", "TASK_PUTS").check(64, "did you mean TASK_PUT?")
    plan = prepare(place.settings, topic, ignore, choice=Choice(refused_by=frozenset("b")), target=Target(to))
    assert Replay(place.settings, plan).run(ignore).total() == 3
    assert [record.value for record in place.read(to)][6:] == [b"b TRANSFORMATION %d" % number for number in range(3)]
    command("replay", topic, "--to", to, "--yes").check(0, "Replayed 3 records")
    assert Counter(record.value for record in place.read(to)) == Counter(letter.value for letter in letters)
    (there,) = LetterTopics(place.settings).look(topic)
    (replayed_to,) = there.replayed.values()
    assert replayed_to.ahead == {}, "one position for all again"


def commit_offsets(place: Place, group: str) -> None:
    """A group that has read the source, and is away."""
    consumer = clients.consumer(place.settings, group)
    consumer.commit(offsets=[TopicPartition(place.named(SOURCE), 0, 0)], asynchronous=False)
    consumer.close()


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
    digest = hashlib.sha256(b"\xfe").hexdigest()
    assert hidden["headers"] == [
        {"name": "trace", "size": 1, "sha256": digest},
        {"name": "trace", "text": None},
    ]
    (shown,) = command("show", topic, at[value], "--value", "-o", "json").document
    assert shown["headers"] == [{"name": "trace", "base64": "/g=="}, {"name": "trace", "text": None}]
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
        prepare(place.settings, topic + "x", ignore)
