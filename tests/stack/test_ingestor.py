"""The ingestor on a real broker, as a handler of the loop and as the command that people run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from confluent_kafka import Message

from streamguard.errors import Fenced
from streamguard.kafka import clients
from streamguard.kafka.loop import Loop
from streamguard.kafka.metrics import Counts, listen
from streamguard.kafka.produce import Produce
from streamguard.kafka.topics import create_topic
from streamguard.model import Topic
from streamguard.project import FOLDERS
from streamguard.services.ingestor import Ingestor
from streamguard.settings import Settings, inherited_environment
from tests.stack.records import read, write

PERSON_FIELDS = (
    "id",
    "name",
    "address",
    "email",
    "birthdate",
    "phone_number",
    "job",
    "company",
    "ssn",
    "blood_group",
    "website",
    "username",
    "bank_account",
)
EVALUATIONS = ("fraudulent", "unidentified", "legitimate", "odd")
POISON = (None, b"", b"{", b"\xff", b"[1]", b"[" * 5000, b'{"evaluation": "fraudulent"}')


@pytest.fixture
def prefix(settings: Settings) -> Iterator[str]:
    """The beginning of the names of this test's topics, which are removed afterwards."""
    prefix = f"ingest-{os.getpid()}-{time.monotonic_ns() % 10**6}-"
    names = ["in", "in-dead-letter", "fraudulent-transactions", "unidentified-transactions"]
    for name in names:
        create_topic(settings, Topic(prefix + name, 2))
    yield prefix
    admin = clients.admin(settings)
    for answer in admin.delete_topics([prefix + name for name in names]).values():
        answer.result(10)


def transaction(number: int) -> bytes:
    person = dict.fromkeys(PERSON_FIELDS, "x")
    document = {
        "transaction_id": f"t-{number}",
        "sender_bank_account": "a",
        "sender_details": person,
        "receiver_bank_account": "b",
        "receiver_details": person,
        "amount": number,
        "status": "completed",
        "evaluation": EVALUATIONS[number % len(EVALUATIONS)],
        "transfer_date": "2024-01-31T12:00:00Z",
        "sender_bank": "c",
    }
    return json.dumps(document).encode()


def test_what_comes_in_goes_out_or_is_dropped_or_is_a_dead_letter(settings: Settings, prefix: str) -> None:
    sent = [transaction(number) for number in range(4000)] + list(POISON) * 10
    write(settings, prefix + "in", sent)
    counts = Counts()
    ingestor = Ingestor(prefix + "in", counts)

    def handle(batch: Sequence[Message], produce: Produce) -> None:
        def prefixed(topic: str, *record: Any, **more: Any) -> None:
            produce(topic if topic.startswith(prefix) else prefix + topic, *record, **more)

        ingestor.handle(batch, prefixed)

    stop = threading.Event()

    def stop_at_the_end() -> None:
        counts.commit()
        if sum(number for (name, *_), number in counts.totals()[0].items() if name == "in") >= len(sent):
            stop.set()

    Loop(settings, group=f"sg.{prefix}", topics=[prefix + "in"], handle=handle, on_commit=stop_at_the_end).run(stop)

    fraudulent, unidentified, dead = (
        [record.value for record in read(settings, prefix + name)]
        for name in ("fraudulent-transactions", "unidentified-transactions", "in-dead-letter")
    )
    assert Counter(fraudulent) == Counter(sent[0:4000:4])
    assert Counter(unidentified) == Counter(sent[1:4000:4])
    assert Counter(dead) == Counter(sent[3:4000:4] + list(POISON) * 10)
    sums: Counter[str] = Counter()
    for (name, *_), number in counts.totals()[0].items():
        sums[name] += number
    assert sums["in"] == len(sent) == sums["out"] + sums["dead_letter"] + sums["filtered"]
    assert sums["dead_letter"] == 1000 + 10 * len(POISON)


class Service:
    """`streamguard service ingestor` with a project, a pipeline and a port of its own."""

    def __init__(self, settings: Settings, folder: Path, prefix: str) -> None:
        with listen(0, "test") as listener:
            port = listener.getsockname()[1]
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        topics = [prefix + "in", prefix + "in-dead-letter", "fraudulent-transactions", "unidentified-transactions"]
        lines = [f"  {topic}: {{partitions: 2}}\n" for topic in topics]
        text = f"topics:\n{''.join(lines)}generator: {{world: bank, topic: {prefix}in}}\n"
        (folder / "init" / "quiet.yml").write_text(text)
        self.url = f"http://127.0.0.1:{port}"
        own = replace(settings, ingestor_port=port, instance=prefix)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(folder), "service", "ingestor", "quiet"],
            env={**inherited_environment(), **own.environment()},
            stderr=subprocess.PIPE,
        )

    def wait_until_ready(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            try:
                if requests.get(f"{self.url}/health", timeout=2).ok:
                    return
            except requests.ConnectionError:
                pass
            time.sleep(0.02)
        raise AssertionError(f"not ready: {self.end()}")

    def end(self) -> tuple[int, str]:
        """Ask it to stop; its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said.decode()


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
