"""The ingestor on a real broker, as a handler of the loop and as the command that people run."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from confluent_kafka import Message

from streamguard.errors import Fenced
from streamguard.kafka.exactly_once.loop import Loop
from streamguard.project import find_project
from streamguard.services import ingestor
from streamguard.services.frame import Decision, Frame
from streamguard.services.frame import Service as ServiceOf
from streamguard.settings import Settings, inherited_environment
from tests.stack.records import OwnTopics, read, write
from tests.stack.service import Service, transaction

POISON = (None, b"", b"{", b"\xff", b"[1]", b"[" * 5000, b'{"evaluation": "fraudulent"}')

LARGEST = 1_048_400
"""Bytes of a value that can not be compressed: with key and framing as much as a topic takes by default, 1,048,588."""


def random_text(length: int) -> bytes:
    """That many letters, which can hardly be compressed."""
    return base64.b64encode(os.urandom(length))[:length]


@pytest.fixture
def prefix(own: OwnTopics) -> str:
    """The beginning of the names of this test's topics, which are as those of the pipeline."""
    shipped = find_project(Path(__file__)).pipeline("bank")
    names = {
        "in": "bank-transactions",
        "in-dead-letter": "bank-transactions-dead-letter",
        "fraudulent-transactions": "fraudulent-transactions",
        "unidentified-transactions": "unidentified-transactions",
    }
    for name, like in names.items():
        topic = shipped.topic(like)
        assert topic is not None
        own.create(name, 2, **topic.config)
    return own.prefix


def test_what_comes_in_goes_out_or_is_dropped_or_is_a_dead_letter(settings: Settings, prefix: str) -> None:
    sent = [transaction(number) for number in range(4000)] + list(POISON) * 10
    large = [os.urandom(LARGEST), transaction(0)[:-1] + b', "note": "' + random_text(LARGEST - 1000) + b'"}']
    sent += large
    write(settings, prefix + "in", sent)

    def prefixed(record: Message) -> Decision:
        decision = ingestor.decide(record)
        return decision if isinstance(decision, str) else [(prefix + one[0], *one[1:]) for one in decision]

    frame = Frame(ServiceOf("ingestor", f"sg.{prefix}", prefix + "in", 0, decide=prefixed))
    counts = frame.counts
    stop = threading.Event()

    def stop_at_the_end() -> None:
        counts.commit()
        if sum(number for (name, *_), number in counts.totals()[0].items() if name == "in") >= len(sent):
            stop.set()

    loop = Loop(settings, group=f"sg.{prefix}", topics=[prefix + "in"], handle=frame.handle, on_commit=stop_at_the_end)
    loop.run(stop)

    fraudulent, unidentified, dead = (
        [record.value for record in read(settings, prefix + name)]
        for name in ("fraudulent-transactions", "unidentified-transactions", "in-dead-letter")
    )
    assert Counter(fraudulent) == Counter([*sent[0:4000:4], large[1]])
    assert Counter(unidentified) == Counter(sent[1:4000:4])
    assert Counter(dead) == Counter([*sent[3:4000:4], *POISON * 10, large[0]])
    sums: Counter[str] = Counter()
    for (name, *_), number in counts.totals()[0].items():
        sums[name] += number
    assert sums["in"] == len(sent) == sums["out"] + sums["dead_letter"] + sums["filtered"]
    assert sums["dead_letter"] == 1000 + 10 * len(POISON) + 1


def test_the_command_serves_health_and_ends_quickly_and_quietly(
    settings: Settings, prefix: str, tmp_path: Path
) -> None:
    service = Service(settings, tmp_path, prefix)
    service.wait_until_ready()
    assert "streamguard_transactions_committed_total" in requests.get(f"{service.url}/metrics", timeout=5).text
    begun = time.monotonic()
    code, said = service.end()
    assert (code, time.monotonic() - begun < 5) == (0, True)
    assert [json.loads(line)["event"] for line in said.splitlines()] == ["stopped"]


def test_a_second_start_ends_the_first_with_exit_code_6(settings: Settings, prefix: str, tmp_path: Path) -> None:
    first = Service(settings, tmp_path, prefix)
    first.wait_until_ready()
    second = Service(settings, tmp_path, prefix)
    second.wait_until_ready()
    code, said = first.wait()
    assert code == Fenced.exit_code
    assert "has taken over" in said
    assert "Traceback" not in said
    assert second.end()[0] == 0


def test_a_port_in_use_is_one_sentence(settings: Settings, prefix: str, tmp_path: Path) -> None:
    first = Service(settings, tmp_path, prefix)
    first.wait_until_ready()
    environment = {**inherited_environment(), **replace(settings, ingestor_port=int(first.url[-5:])).environment()}
    shutil.copy(tmp_path / "init" / "quiet.yml", tmp_path / "init" / "twin.yml")
    command = [sys.executable, "-m", "streamguard", "--project", str(tmp_path), "service", "ingestor", "twin"]
    twin = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    first.end()
    assert twin.returncode == 1
    assert "STREAMGUARD_INGESTOR_PORT" in twin.stderr
    assert "Traceback" not in twin.stderr
