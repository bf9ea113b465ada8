"""Deciders are killed, and PostgreSQL: every record is one row, decisions and sums are those of the reference."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from psycopg import sql

from streamguard.kafka.exactly_once.phase import Phase, read_phase
from streamguard.kafka.positions import Positions
from streamguard.postgres.connect import connect
from streamguard.project import Project
from streamguard.services.decider.rules import read_rules, rules_file
from streamguard.settings import Settings, inherited_environment
from tests.services.decider.purchases import alert, iso, purchase
from tests.services.decider.reference import Sent, expected
from tests.services.decider.samples import NOON
from tests.stack.decisions import TOPICS, RunningDecider, send, tables_of
from tests.stack.loops import wait_until
from tests.stack.ordeal import seed_of
from tests.stack.postgres import Postgres, postgres
from tests.stack.records import OwnTopics, read

RECORDS, KILLS = 200_000, 20
LAG = 5
"""Chunks that are there before anything is killed."""
CHUNKS = KILLS + LAG
CHUNK = RECORDS // CHUNKS
ACCOUNTS = 5_000
BAD = b'{"transaction_id": 7}'
FAILPOINTS = ("before_offsets:2", "during_commit:1", "after_commit:2", "after_publish:1", "after_poll:2")
INSTANCES = ("0", "1")
Pair = tuple[bytes | None, bytes | None]


@pytest.fixture
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture
def uri(server: Postgres) -> str:
    return f"postgresql://postgres@127.0.0.1:{server.port}/card"


@pytest.fixture
def prefix(own: OwnTopics) -> str:
    for name, partitions in TOPICS.items():
        own.create(name, partitions)
    return own.prefix


class Process:
    """A decider that can be killed."""

    def __init__(self, settings: Settings, uri: str, prefix: str, instance: str) -> None:
        self._settings, self._uri, self._prefix, self._instance = settings, uri, prefix, instance
        self.start()

    def start(self, failpoint: str = "") -> None:
        own = {"POSTGRES_URI": self._uri, "INSTANCE": self._instance, "FAILPOINT": failpoint}
        settings = {**self._settings.environment(), **{f"STREAMGUARD_{name}": value for name, value in own.items()}}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stack.decider_process", self._prefix],
            env={**inherited_environment(), **settings},
            cwd=Path(__file__).parents[2],
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> Phase:
        """What it was doing."""
        name = f"sg.{self._prefix}card.decider.{self._instance}"
        phase = read_phase(self._settings.phase_dir, name) or Phase.IDLE
        self._process.kill()
        self._process.wait()
        return phase

    def dies(self) -> bool:
        """Whether it kills itself within a minute."""
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(60) == -signal.SIGKILL
        return False

    def end(self) -> int:
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(20)


def purchases(random: Random, first: int, end: int) -> list[Pair]:
    """Transactions on cards of two to an account; some are above what rules look at, some no transactions at all."""
    made: list[Pair] = []
    for number in range(first, end):
        card = random.randrange(2 * ACCOUNTS)
        amount = round(random.lognormvariate(3.5, 1.2), 2)
        value = purchase(
            transaction_id=f"t-{number}",
            account_id=f"a-{card // 2}",
            card_hash=f"c-{card}",
            country=random.choice(["DE", "DE", "DE", "FR", "KP"]),
            currency=random.choice(["EUR", "USD"]),
            amount=amount,
            timestamp=iso(NOON + 400 * number),
        )
        made.append((b"c-%d" % card, value))
        if number % 1000 == 0:
            made += [(b"c-%d" % card, BAD), (b"c-%d" % card, value)]
    return made


def alerts(random: Random, first: int, end: int) -> list[Pair]:
    """Alerts about transactions of a range, in several versions, the last of which takes some of it back."""
    made: list[Pair] = []
    for number in range(first, end, 40):
        about = [f"t-{random.randrange(first, end)}" for _ in range(random.randint(1, 6))]
        rule = random.choice(["VELOCITY", "HIGH_AMOUNT", "RISK", "SCORE"])
        action = random.choice(["BLOCK", "REVIEW", "REVIEW"])
        for version in range(1, len(about) + 1):
            told = about[max(0, version - 4) : version]
            changed = {"TRANSACTION_IDS": told, "TX_COUNT": version, "ACTION_REQUIRED": action, "SCORE": version % 5}
            made.append(alert(ALERT_ID=f"{rule}:{number}", RULE=rule, REASON=f"version {version}", **changed))
    return made


def restart(server: Postgres, number: int) -> None:
    """End the server without a word, or at once, and start it again."""
    if number % 2:
        server.stop()
    else:
        server.process.kill()
        server.process.wait(10)
    end = time.monotonic() + 60
    while time.monotonic() < end:  # until the backends of the killed one have noticed
        try:
            server.start()
        except AssertionError:
            continue
        return
    raise AssertionError("PostgreSQL did not come back")


class Feed:
    """Sends the records in chunks: alerts two chunks before their transactions, or two after them."""

    def __init__(self, settings: Settings, prefix: str, random: Random) -> None:
        self._settings, self._random = settings, random
        self.transactions, self.alerts = prefix + "transactions", prefix + "fraud-alerts"
        self.sent: list[Sent] = []
        self.told: list[Sent] = []
        self._chunk = 0

    def next(self) -> None:
        for about in (self._chunk + 2, self._chunk - 2):
            if 0 <= about < CHUNKS and (about > self._chunk) == (about % 2 == 0):
                self.told += send(self._settings, self.alerts, alerts(self._random, *_range(about)))
        if self._chunk < CHUNKS:
            self.sent += send(self._settings, self.transactions, purchases(self._random, *_range(self._chunk)))
        self._chunk += 1


def _range(chunk: int) -> tuple[int, int]:
    return chunk * CHUNK, (chunk + 1) * CHUNK


@pytest.mark.timeout(1_500)
def test_every_record_is_one_row_whoever_is_killed(
    settings: Settings,
    project: Project,
    own: OwnTopics,
    *,
    prefix: str,
    server: Postgres,
    uri: str,
    pytestconfig: pytest.Config,
) -> None:
    seed = seed_of(pytestconfig)
    random = Random(seed)
    feed = Feed(settings, prefix, random)
    for _ in range(LAG):
        feed.next()
    processes = [Process(settings, uri, prefix, instance) for instance in INSTANCES]
    phases: Counter[Phase] = Counter()
    for number in range(KILLS):
        wait_until(partial(has, uri, feed.transactions, number * CHUNK), "some more are stored", 120)
        feed.next()
        victim = processes[number % 2]
        if number % 4 == 3:
            restart(server, number // 4)
        time.sleep(random.uniform(0, 0.3))
        phases[victim.kill()] += 1
        if number % 4 == 1:
            die_at(FAILPOINTS[number // 4], victim, processes[0])
        victim.start()
    for _ in range(4):
        feed.next()
    places = Positions(settings).places([feed.transactions, feed.alerts])
    ends = Positions(settings).ends(places, committed=True)
    wait_until(lambda: positions(uri) == ends, "everything is stored", 240)
    wait_until(lambda: count(uri, "outbox") == 0, "everything is published", 60)
    assert [process.end() for process in processes] == [0, 0]
    print(f"seed {seed}; killed while { ({phase.name: times for phase, times in phases.items()}) }")

    rules = read_rules(rules_file(project, project.pipeline("card")))
    wanted = expected(feed.sent, feed.told, rules, lambda one: one.value != BAD)
    assert len(wanted.transactions) == RECORDS
    assert tables_of(uri).differences(wanted) == []
    bad = {(each.partition, each.offset) for each in feed.sent if each.value == BAD}
    assert {place_of(each.headers) for each in read(settings, feed.transactions + "-dead-letter")} == bad
    check_published(settings, own, uri)


def die_at(failpoint: str, victim: Process, other: Process) -> None:
    """Have it kill itself there; one at a time publishes."""
    if failpoint.startswith("after_publish"):
        other.kill()
    victim.start(failpoint)
    assert victim.dies(), failpoint
    if failpoint.startswith("after_publish"):
        other.start()


def has(uri: str, topic: str, records: int) -> bool:
    """Whether so many records of a topic are stored."""
    return sum(offset for (name, _), offset in positions(uri).items() if name == topic) >= records


def positions(uri: str) -> dict[tuple[str, int], int]:
    with suppress(Exception), connect(uri) as connection:
        rows = connection.execute("SELECT topic, partition, next_offset FROM kafka_offsets").fetchall()
        return {(topic, partition): offset for topic, partition, offset in rows}
    return {}


def count(uri: str, table: str) -> int:
    with connect(uri) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def place_of(headers: Any) -> tuple[int, int]:
    found = dict(headers)
    return int(found["sg-dlq-partition"]), int(found["sg-dlq-offset"])


def check_published(settings: Settings, own: OwnTopics, uri: str) -> None:
    """Every revision of what is published, in order; one that came again is the same, byte for byte."""
    with connect(uri) as connection:
        rows = connection.execute(
            "SELECT decision_id, revision, action, score FROM fraud_decisions WHERE published"
        ).fetchall()
    texts: dict[tuple[str, int], bytes] = {}
    last: dict[str, tuple[Any, ...]] = {}
    for each in read(settings, own.prefix + "fraud-decisions"):
        value = each.value or b""
        told = json.loads(value)
        identity = (told["decision_id"], told["revision"])
        assert texts.setdefault(identity, value) == value
        last[told["decision_id"]] = (told["revision"], told["action"], told["score"])
    assert last == {row[0]: row[1:] for row in rows}


def test_while_the_database_is_away_the_place_in_the_group_is_kept_and_memory_is_bounded(
    settings: Settings, project: Project, prefix: str, uri: str, server: Postgres
) -> None:
    decider = RunningDecider(replace(settings, postgres_uri=uri), project, project.pipeline("card"), prefix)
    try:
        random = Random(1)
        send(settings, prefix + "transactions", purchases(random, 1, 1_000))
        decider.wait_for(999)
        server.stop()
        more = send(settings, prefix + "transactions", purchases(random, 1_001, 60_000))
        wait_until(lambda: "does not answer" in decider.decider.store.trouble, "it says so")
        loop = decider.decider.loop
        kept = loop._reader.assignments
        time.sleep(10)  # longer than a session: who did not poll would be out
        assert (loop.ready.is_set(), loop._reader.assignments, len(loop._waiting)) == (True, kept, 2)
        server.start()
        decider.wait_for(999 + len(more), 60)
        assert count(uri, "transactions") == 59_998
        assert (decider.decider.store.trouble, loop._reader.assignments) == ("", kept)
    finally:
        decider.end()


def test_a_lock_on_a_table_is_waited_for_and_nothing_is_lost(
    settings: Settings, project: Project, prefix: str, uri: str
) -> None:
    decider = RunningDecider(replace(settings, postgres_uri=uri), project, project.pipeline("card"), prefix)
    try:
        send(settings, prefix + "transactions", purchases(Random(1), 1, 101))
        decider.wait_for(100)
        with psycopg.connect(uri) as holder:
            holder.execute("LOCK TABLE transactions")
            send(settings, prefix + "transactions", purchases(Random(1), 101, 201))
            wait_until(lambda: "55P03" in decider.decider.store.trouble, "it gives up waiting, and says so", 40)
        decider.wait_for(200, 60)
        assert count(uri, "transactions") == 200
    finally:
        decider.end()
