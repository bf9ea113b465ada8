"""SIGTERM at any moment under full load: exit 0 in time, no open transaction, nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from streamguard.kafka import clients
from streamguard.kafka.phase import Phase, read_phase
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.settings import Settings, inherited_environment
from tests.stack.loops import PARTITIONS, Feeder, lag, open_transactions, wait_until
from tests.stack.records import read
from tests.stack.service import EVALUATIONS, random_port, transaction

TERMS, SOAK_TERMS = 10, 50
RATE = 5_000
LONGEST_LIFE = 0.5
"""Seconds after it began to work within which the service is asked to end."""
TARGETS = {
    "fraudulent": "fraudulent-transactions",
    "unidentified": "unidentified-transactions",
    "odd": "in-dead-letter",
}


@pytest.fixture
def prefix(settings: Settings) -> Iterator[str]:
    """The beginning of the names of this test's topics, which are removed afterwards."""
    prefix = f"term-{os.getpid()}-"
    names = [prefix + name for name in ("in", *TARGETS.values())]
    for name in names:
        create_topic(settings, Topic(name, PARTITIONS))
    yield prefix
    admin = clients.admin(settings)
    for answer in admin.delete_topics(names).values():
        answer.result(10)


@pytest.mark.timeout(300)
def test_sigterm_at_random_moments_loses_and_repeats_nothing(
    settings: Settings, prefix: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    terms = SOAK_TERMS if request.config.getoption("--soak") else TERMS
    seed = random.randrange(1 << 30)
    print(f"{terms} SIGTERMs at moments of seed {seed}")
    moments, group = random.Random(seed), f"sg.{prefix}"
    settings = replace(settings, phase_dir=str(tmp_path), ingestor_port=random_port())
    longest = 0.0
    with Feeder(settings, f"{prefix}in", transaction, RATE) as feeder:
        for _ in range(terms):
            with service(settings, prefix) as process:
                wait_until(lambda: (read_phase(str(tmp_path), f"{group}.0") or 0) > Phase.IDLE, "it works")
                time.sleep(moments.random() * LONGEST_LIFE)
                begun = time.monotonic()
                process.terminate()
                _, said = process.communicate(timeout=20)
            longest = max(longest, time.monotonic() - begun)
            assert process.returncode == 0, said
            assert [name for name in TARGETS.values() if open_transactions(settings, prefix + name)] == []
        sent = feeder.end()
    with service(settings, prefix) as process:
        wait_until(lambda: lag(settings, group, f"{prefix}in") == 0, "everything is read", 60)
        process.terminate()
        assert process.wait(20) == 0

    print(f"the slowest end took {longest:.2f} s; {len(sent)} records")
    assert longest < 5
    for evaluation, name in TARGETS.items():
        wanted = Counter(sent[EVALUATIONS.index(evaluation) :: len(EVALUATIONS)])
        assert Counter(one.value for one in read(settings, prefix + name)) == wanted


def service(settings: Settings, prefix: str) -> subprocess.Popen[str]:
    """Start it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.stack.prefixed", prefix],
        env={**inherited_environment(), **settings.environment()},
        cwd=Path(__file__).parents[2],
        stderr=subprocess.PIPE,
        text=True,
    )
