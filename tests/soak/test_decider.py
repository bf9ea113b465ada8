"""Deciders are killed, and PostgreSQL: every record is one row, decisions and sums are those of the reference."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from random import Random

import psycopg
import pytest

from streamguard.kafka.exactly_once.phase import Phase
from streamguard.project import Project
from streamguard.services.decider.rules import read_rules, rules_file
from streamguard.settings import Settings
from tests.stack.deciding import Feed, Process, count, differences, purchases
from tests.stack.decisions import TOPICS, RunningDecider, send
from tests.stack.loops import wait_until
from tests.stack.ordeal import seed_of
from tests.stack.postgres import Postgres, postgres
from tests.stack.records import OwnTopics

RECORDS, KILLS = 400_000, 20
"""Twice as many transactions as are stored meanwhile: there is a lag at the last kill, too."""
CHUNK = RECORDS // KILLS // 2
"""Half of them have alerts that come late: some at each kill."""
IN_TRANSACTION = 0.6
"""Of the kills, at least."""
FAILPOINTS = ("before_offsets:1", "during_commit:1", "after_commit:1", "after_publish:1", "after_poll:1")
INSTANCES = ("0", "1")


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
    feed = Feed(settings, prefix, random, chunks=RECORDS // CHUNK, chunk=CHUNK)
    feed.all_but_late_alerts()
    phases: Counter[Phase] = Counter()
    behind = 0
    with ExitStack() as left:
        processes = [left.enter_context(Process(settings, uri, prefix, instance)) for instance in INSTANCES]
        for number in range(KILLS):
            feed.late_alerts()
            victim = processes[number % 2]
            if number % 4 == 3:
                restart(server, number // 4)
            if number % 5:
                wait_until(partial(is_at_work, victim), "it works", 120)
            time.sleep(random.uniform(0, 0.1))
            phases[victim.kill()] += 1
            behind += not feed.is_stored(uri)
            if number % 4 == 1:
                die_at(FAILPOINTS[number // 4], victim, processes[0])
            victim.start()
        wait_until(lambda: feed.is_stored(uri), "everything is stored", 240)
        wait_until(lambda: count(uri, "outbox") == 0, "everything is published", 60)
        assert [process.end() for process in processes] == [0, 0]
        told = {phase.name: times for phase, times in phases.items()}
        print(f"seed {seed}; {len(feed.sent):,} transactions, {len(feed.told):,} alerts; killed while {told}")

    rules = read_rules(rules_file(project, project.pipeline("card")))
    assert differences(settings, own.prefix, uri, feed, rules) == []
    assert (count(uri, "transactions"), behind) == (RECORDS, KILLS)
    assert phases[Phase.IDLE] <= (1 - IN_TRANSACTION) * KILLS


def is_at_work(process: Process) -> bool:
    return process.phase != Phase.IDLE


def die_at(failpoint: str, victim: Process, other: Process) -> None:
    """Have it kill itself there; one at a time publishes."""
    if failpoint.startswith("after_publish"):
        other.kill()
    victim.start(failpoint)
    assert victim.dies(), failpoint
    if failpoint.startswith("after_publish"):
        other.start()


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
