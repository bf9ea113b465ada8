"""The broker is killed and frozen while records flow: everybody comes back, nothing is lost, nothing is there twice."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from streamguard.stack.stack import Stack
from tests.stack.loops import Copier, Feeder, in_transaction, lag, wait_until
from tests.stack.records import OwnTopics, read
from tests.stack.service import Service

COMES_BACK = 30.0
"""Seconds within which the broker runs again and the next transaction is committed."""
FREEZE = 15.0
"""Longer than the session of a consumer and the transaction of a producer live without a sign."""
RATE = 2_000
KILLS = 10
FREEZES = 2


class Commits:
    """Reads what a copier prints: a line a commit."""

    def __init__(self, copier: Copier) -> None:
        self.count = 0
        self._copier = copier
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for _ in self._copier.process.stdout or ():
            self.count += 1

    def await_next(self) -> None:
        """Wait until another transaction is committed."""
        before = self.count
        wait_until(lambda: self.count > before, "another transaction is committed", COMES_BACK)


@pytest.mark.timeout(900)
def test_a_broker_that_is_killed_and_frozen_under_load_costs_nobody_a_record(
    stack: Stack, own: OwnTopics, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    prefix, source, target = own.prefix, own.create("in"), own.create("out")
    own.create(f"{source}-dead-letter")
    settings = replace(stack.settings, phase_dir=str(tmp_path / "phases"))
    group = f"sg.{prefix}copy"
    copier = Copier(settings, source, target, group, "500")
    ingestor = Service(settings, tmp_path, prefix)
    request.addfinalizer(copier.process.kill)
    request.addfinalizer(lambda: ingestor.process.kill())  # noqa: PLW0108  the last one
    commits = Commits(copier)
    with Feeder(settings, source, lambda number: b"%d" % number, RATE) as feeder:
        ingestor.wait_until_ready()
        commits.await_next()

        for _ in range(KILLS):
            kill_broker(stack, lambda: in_transaction(settings, group))
            commits.await_next()
        for _ in range(FREEZES):
            wait_until(lambda: in_transaction(settings, group), "a transaction is open")
            with frozen(stack, FREEZE):
                wait_until(lambda: status(ingestor) == 503, "the ingestor says that Kafka is away", 12)  # noqa: B023
                begun = time.monotonic()
                assert ingestor.end()[0] == 0
                assert time.monotonic() - begun < 5
            commits.await_next()
            ingestor = Service(settings, tmp_path, prefix)
            ingestor.wait_until_ready()

        sent = feeder.end()

    for reader in (group, "sg.quiet.ingestor"):
        wait_until(lambda: lag(settings, reader, source) == 0, f"{reader} has everything", COMES_BACK)  # noqa: B023
    law = counted(ingestor)
    assert copier.end(signal.SIGTERM) == 0
    assert ingestor.end()[0] == 0
    for topic in (target, f"{source}-dead-letter"):
        assert Counter(record.value for record in read(settings, topic)) == Counter(sent)
    assert law["in"] == law["dead_letter"] > 0


def kill_broker(stack: Stack, busy: Callable[[], bool]) -> None:
    """Kill it in the middle of a transaction; the supervisor starts it again."""
    wait_until(busy, "a transaction is open")
    killed = stack.supervisor.processes()["kafka"].pid
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: stack.supervisor.processes()["kafka"].pid not in (0, killed), "it is started again", COMES_BACK)


@contextmanager
def frozen(stack: Stack, seconds: float) -> Iterator[None]:
    """The broker keeps its connections and answers nothing, for that long at least."""
    pid, begun = stack.supervisor.processes()["kafka"].pid, time.monotonic()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
        time.sleep(max(0.0, seconds - (time.monotonic() - begun)))
    finally:
        os.kill(pid, signal.SIGCONT)


def status(service: Service) -> int:
    return requests.get(f"{service.url}/ready", timeout=5).status_code


def counted(service: Service) -> Counter[str]:
    """What the service counted, by the name of the counter."""
    text = requests.get(f"{service.url}/metrics", timeout=5).text
    found: Counter[str] = Counter()
    for name, number in re.findall(r"^streamguard_records_(\w+)_total{.*} ([0-9.e+]+)$", text, re.M):
        found[name] += int(float(number))
    return found
