"""Tens of thousands of records through two ksql servers of one service id, while one of them is killed or frozen.

Which one, when, and what becomes of it is drawn: it is started again at once, or only when the other one has its
partitions, or it was only frozen and wakes as a zombie; or both are killed. A kill counts only if there was an open
transaction or records were waiting. What was written is compared with a reference that was computed offline, each
update exactly once.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.settings import Settings
from tests.stack.ksql_process import KsqlProcess, Topics, wait_for
from tests.stack.test_ksql_servers import Service, topics

__all__ = ["topics"]  # a fixture

PART = 5_000
KILLS = 24
RECORDS = PART * KILLS
FATES = ("restarted", "replaced", "frozen", "both")
WELL_SECONDS = 40.0
"""A session, a transaction that nobody ends, and the work that was left."""


@pytest.fixture
def service(settings: Settings, topics: Topics, tmp_path: Path) -> Iterator[Service]:
    service = Service(settings, topics, tmp_path)
    yield service
    service.end()


@pytest.mark.timeout(1800)
def test_kills_of_either_server_lose_and_repeat_nothing(service: Service, request: pytest.FixtureRequest) -> None:
    seed = request.config.getoption("--seed") or random.randrange(2**32)
    print(f"--seed {seed}")
    chance = random.Random(seed)
    service.declare()
    fates: Counter[str] = Counter()
    recoveries: list[float] = []
    while fates.total() < KILLS:
        assert service.sent < 3 * RECORDS, "the kills came too late"
        before = service.written()
        service.send(PART)
        wait_for(lambda: service.written() > before, WELL_SECONDS, "progress before the kill")  # noqa: B023
        time.sleep(chance.uniform(0, 0.2))  # where in its work the server is hit
        fate = chance.choice(FATES)
        victims = service.servers if fate == "both" else [chance.choice(service.servers)]
        for victim in victims:
            strike(victim, fate)
        counted = service.unfinished()
        began = time.monotonic()
        if fate in {"restarted", "both"}:
            awake(victims, fate)
        service.wait_until_read(WELL_SECONDS)
        if counted:
            fates[fate] += 1
            recoveries.append(time.monotonic() - began)
        if fate in {"replaced", "frozen"}:
            awake(victims, fate)
        for victim in victims:
            wait_for(victim.answers, 20, "the server that was hit")
    service.check()
    print(
        f"{service.sent} records, {dict(fates)}, everything read after at most {max(recoveries):.1f} s, "
        f"half of the times within {sorted(recoveries)[len(recoveries) // 2]:.1f} s"
    )


def awake(victims: list[KsqlProcess], fate: str) -> None:
    """Have them work again."""
    for victim in victims:
        if fate == "frozen":
            assert victim.process is not None
            victim.process.send_signal(signal.SIGCONT)
        else:
            victim.start(wait=False)


def strike(victim: KsqlProcess, fate: str) -> None:
    if fate == "frozen":
        assert victim.process is not None
        victim.process.send_signal(signal.SIGSTOP)
    else:
        victim.kill()
