"""A thousand poison records among ten thousand, and a replay of them that is killed again and again."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from streamguard.kafka.letters.replay import TRANSACTION_RECORDS
from streamguard.project import Project
from streamguard.settings import Settings, inherited_environment
from tests.stack.letters import START, Place
from tests.stack.loops import wait_until
from tests.stack.poisoned import AFTER, BEFORE, Poisoned
from tests.stack.records import OwnTopics

ROOT = Path(__file__).parents[2]
RECORDS = 10_000
POINTS = ("after_begin", f"mid_produce:{TRANSACTION_RECORDS + 9}", "before_offsets", "after_offsets", "during_commit")
KILLS = 10
RATE = 20
LONGEST_LIFE = 1.0
"""Seconds after its first transaction within which a replay is killed."""


@pytest.mark.timeout(900)
def test_a_thousand_poison_records_among_ten_thousand_come_back_once_through_fifteen_kills(
    settings: Settings,
    project: Project,
    own: OwnTopics,
    *,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
    pytestconfig: pytest.Config,
) -> None:
    seed = pytestconfig.getoption("--seed") or random.randrange(1 << 30)
    place, moments = Place(settings, project, own), random.Random(seed)
    dlq = partial(place.command(monkeypatch, capfdbinary), "connectors", "dlq")
    told = [f"seed {seed}, load {os.getloadavg()[0]:.1f}"]
    with Poisoned(place, RECORDS) as poisoned:
        sink, bad = poisoned.sink, sum(map(len, poisoned.bad.values()))
        assert bad == RECORDS // 10
        poisoned.deploy(BEFORE)
        begun = time.monotonic()
        poisoned.refuse()
        told.append(f"{RECORDS} records, {bad} of them poison, sunk or refused: {time.monotonic() - begun:.1f} s")
        begun = time.monotonic()
        poisoned.check_listed(dlq("list", sink, "-o", "json"), replayed=False)
        told.append(f"listed by cause: {time.monotonic() - begun:.1f} s")

        repeated = naive_repeats(poisoned, place.create("naive"))
        told.append(f"a naive replay, killed once, repeats {repeated}")
        assert repeated > 0, "the test would see it"

        poisoned.deploy(AFTER)
        replay = ("connectors", "dlq", "replay", sink, "--yes")
        for point in POINTS:
            place.killed(point, *replay)
        begun = time.monotonic()
        for _ in range(KILLS):
            kill_at_random(poisoned, replay, moments)
        told.append(f"{KILLS} kills at random moments: {time.monotonic() - begun:.1f} s")
        begun, left = time.monotonic(), bad - poisoned.replayed()
        dlq("replay", sink, "--yes").check(0, f"Replayed {left} records")
        told.append(f"the last {left} replayed: {time.monotonic() - begun:.1f} s")
        dlq("replay", sink, "--yes").check(0, "Nothing to do")
        poisoned.check_replayed()
        poisoned.check_listed(dlq("list", sink, "-o", "json"), replayed=True)
    print("\n".join(told))


ORDERED = {
    **{key: value for key, value in BEFORE.items() if not key.startswith("transforms")},
    "bulk.write.ordered": "true",
    "writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.InsertOneDefaultStrategy",
}


def test_what_an_ordered_batch_skips_behind_a_bad_document_is_a_cause_of_its_own_and_arrives_by_a_replay_of_it(
    settings: Settings,
    project: Project,
    own: OwnTopics,
    monkeypatch: pytest.MonkeyPatch,
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    place = Place(settings, project, own)
    dlq = partial(place.command(monkeypatch, capfdbinary), "connectors", "dlq")
    with Poisoned(place, 0) as poisoned:
        documents = [b'{"_id": %d, "name": "Schroeder"}' % number for number in (1, 1, 2, 3)]
        place.write(poisoned.source, [(b"k", document, START, ()) for document in documents])
        poisoned.deploy(ORDERED)
        wait_until(lambda: poisoned.end_of(poisoned.dead) == 3, "one is refused and two are skipped", 60)
        listed = dlq("list", poisoned.sink, "-o", "json")
        assert {row["code"]: row["records"] for row in listed.document} == {
            "WriteException": 1,
            "WriteSkippedException": 2,
        }
        assert b"Schroeder" not in listed.out
        dlq("replay", poisoned.sink, "--cause", "WriteSkippedException", "--yes").check(0, "Replayed 2 records")
        wait_until(lambda: len(poisoned.rows("rows")) == 3, "what was skipped has arrived", 60)
        left = {row["code"]: row["not_replayed"] for row in dlq("list", poisoned.sink, "-o", "json").document}
        assert left == {"WriteException": 1, "WriteSkippedException": 0}


def naive_repeats(poisoned: Poisoned, to: str) -> int:
    """How many records a naive replay writes more than once if it is killed in the middle."""
    environment = {**inherited_environment(), **poisoned.place.settings.environment()}
    for dies_after, code in ((RECORDS // 20, -signal.SIGKILL), (0, 0)):
        command = [sys.executable, "-m", "tests.stack.naive_replay", poisoned.dead, to, str(dies_after)]
        assert subprocess.run(command, env=environment, cwd=ROOT, check=False, timeout=90).returncode == code
    found = [record.value for record in poisoned.place.read(to)]
    assert len(set(found)) == RECORDS // 10
    return len(found) - len(set(found))


def kill_at_random(poisoned: Poisoned, replay: tuple[str, ...], moments: random.Random) -> None:
    """A slow replay is killed some time after it has written something."""
    before = poisoned.end_of(poisoned.source)
    process = poisoned.place.start(*replay, "--rate", str(RATE))
    wait_until(lambda: poisoned.end_of(poisoned.source) > before, "something is replayed", 30)
    time.sleep(moments.random() * LONGEST_LIFE)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
