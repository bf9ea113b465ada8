"""What commands of `connectors` do on Kafka shows no secret either, however the worker fails; see tests/commands.

Kafka is a real one. The worker is `leaky.py`, which claims to work on it, and says what real ones say only at times.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.connect.secrecy.secrets import forget
from streamguard.kafka import clients
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings, inherited_environment
from tests.commands.leaky import Failure, Leaky, leaking
from tests.commands.planting import (
    SECRETS,
    cases,
    check_silent,
    command_of,
    found_in,
    live,
    write_contexts,
    write_project,
)
from tests.stack.records import OwnTopics, read, write
from tests.stack.sentinels import ON_KAFKA

ALTERED: tuple[Failure, ...] = ("none", "error", "page", "garbled", "shapeless", "traces", "invalid")
"""All of them, with all outputs, are for `make soak`; otherwise traces, and for what writes an error."""
LETTERS = 3


@dataclass
class Place:
    """A project, a worker that leaks, and the topics that its connectors read and refuse to."""

    worker: Leaky
    root: Path
    contexts: Path
    topic: str
    letters: str
    other: str
    file: Path

    def words(self, text: str) -> list[str]:
        """Of a command in `ON_KAFKA`."""
        return text.format(topic=self.topic, file=self.file, other=self.other).split()

    def start_again(self, failure: Failure) -> None:
        """As in the beginning."""
        forget()
        self.worker.start_again(live(self.topic, errors_deadletterqueue_topic_name=self.letters))
        self.worker.failure = failure


@pytest.fixture(scope="module")
def place(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    own = OwnTopics(settings, "sentinels")
    folder = tmp_path_factory.mktemp("sentinels")
    topic, letters, other = (own.create(name, 1) for name in ("source", "dead-letter", "other"))
    write(settings, topic, [b"{}"] * 3)
    with leaking(SECRETS) as worker:
        worker.cluster_id = Cluster(settings).cluster_id()
        write_project(folder / "project", topic)
        write_contexts(folder / "contexts.yml", worker, kafka_bootstrap=settings.kafka_bootstrap)
        found = Place(worker, folder / "project", folder / "contexts.yml", topic, letters, other, folder / "saved.json")
        entry = {"topic": topic, "partition": 0, "offset": 2}
        saved = {"name": "foreign", "offsets": [entry]}
        document = {"version": 1, "kafka_cluster": worker.cluster_id, "connectors": [saved]}
        found.file.write_text(json.dumps(document))
        refuse(settings, found)
        yield found
    own.remove()


def refuse(settings: Settings, place: Place) -> None:
    """Dead letters as Connect writes them: what the exceptions say has the values of references in it."""
    place.start_again("traces")
    config = place.worker.configs["foreign"]
    producer = clients.producer(settings)
    for number in range(LETTERS):
        facts = {
            "topic": place.topic,
            "partition": "0",
            "offset": str(number),
            "connector.name": "foreign",
            "task.id": "0",
            "stage": "TASK_PUT",
            "class.name": "org.example.LeakySinkTask",
            "exception.class.name": "org.apache.kafka.connect.errors.ConnectException",
            "exception.message": place.worker.complaint(config),
            "exception.stacktrace": place.worker.trace(config),
        }
        headers: list[tuple[str, str | bytes | None]] = [
            (f"__connect.errors.{name}", fact) for name, fact in facts.items()
        ]
        producer.produce(place.letters, b"{}", b"%d" % number, headers=headers)
    assert producer.flush(30) == 0


@pytest.fixture(autouse=True)
def fresh(place: Place, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Commands mean this worker; what one test teaches the process, the next one does not know."""
    handler = signal.getsignal(signal.SIGTERM)
    for name, value in environment(place, settings).items():
        monkeypatch.setenv(name, value)
    yield
    forget()
    signal.signal(signal.SIGTERM, handler)


def environment(place: Place, settings: Settings) -> dict[str, str]:
    """Of a process whose settings are those of the stack, with the worker's context."""
    theirs = {name: value for name, value in settings.environment().items() if "CONNECT_URL" not in name}
    return {**theirs, "STREAMGUARD_CONTEXTS_FILE": str(place.contexts), "STREAMGUARD_CONNECT_CONTEXT": "leaky"}


@pytest.mark.timeout(900)
def test_letters_and_offsets_show_no_secret_however_the_worker_fails(
    place: Place, settings: Settings, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    every, done = pytestconfig.getoption("--soak"), set[str]()
    assert found_in(str(read(settings, place.letters))) == ["in clear", "a word"], "there is something to find"
    called = cases({text: [] for text in ON_KAFKA}, few=not every)
    for name, words in called if every else [case for case in called if not case[0].endswith("table")]:
        few: tuple[Failure, ...] = ("traces", "error") if "-y" in words else ("traces",)
        for failure in ALTERED if every else few:
            place.start_again(failure)
            filled = place.words(" ".join(words))
            code = run(["-vvv", "--project", str(place.root), "connectors", *filled])
            told = capsys.readouterr()
            check_silent(f"{name}, {failure}: {code}\n", code, told.out, told.err, place.root.parent)
            if failure == "traces" and code == 0:
                done.add(command_of(name))
    assert done >= {command_of(text) for text in ON_KAFKA if not text.startswith(("deploy", "wait"))}, "they do work"


def test_ctrl_c_in_the_middle_of_altering_says_no_secret(place: Place, settings: Settings) -> None:
    with leaking(SECRETS) as worker:
        worker.cluster_id = place.worker.cluster_id
        worker.configs = live(place.topic, errors_deadletterqueue_topic_name=place.letters)
        worker.failure = "hang"
        contexts = place.root.parent / "hanging.yml"
        write_contexts(contexts, worker, kafka_bootstrap=settings.kafka_bootstrap)
        words = ["-vvv", "--project", str(place.root), "connectors", "offsets", "reset", "foreign", "-y"]
        process = subprocess.Popen(
            [sys.executable, "-m", "streamguard", *words],
            env={
                **inherited_environment(),
                **environment(place, settings),
                "STREAMGUARD_CONTEXTS_FILE": str(contexts),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.reached.wait(30)
        process.send_signal(signal.SIGINT)
        threading.Timer(0.3, worker.stopping.set).start()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert found_in(out + err) == []
    assert "Traceback" not in err
