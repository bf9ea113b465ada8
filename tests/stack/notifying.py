"""The notifier as the command that people run, with topics, channels and a port of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import requests
import yaml

from streamguard.kafka import clients
from streamguard.kafka.topics import create_topic, existing_topics
from streamguard.model import Topic
from streamguard.project import FOLDERS
from streamguard.services.notifier.service import SOURCE
from streamguard.services.notifier.told import TOPIC as SENT
from streamguard.settings import Settings, inherited_environment
from tests.services.notifier.made import value
from tests.stack.loops import wait_until
from tests.stack.service import answers, random_port

TOPICS = (
    Topic(SOURCE, 6),
    Topic(SENT, 6, config={"cleanup.policy": "compact,delete"}),
    Topic(f"{SOURCE}-dead-letter", 1),
)


class Notifier:
    """`streamguard service notifier NAME` in a project of its own; every name is a consumer group of its own."""

    def __init__(self, settings: Settings, folder: Path, name: str, channels: Mapping[str, Any]) -> None:
        for each in FOLDERS:
            (folder / each).mkdir(exist_ok=True)
        (folder / "init" / f"{name}.yml").write_text(
            "topics:\n" + "".join(f"  {topic.name}: {{partitions: 1}}\n" for topic in TOPICS)
        )
        (folder / "init" / name).mkdir()
        self._file = folder / "init" / name / "notifications.yml"
        self.channels(channels)
        self.name = name
        self._settings, self._folder = settings, folder
        existing = existing_topics(settings, [topic.name for topic in TOPICS])
        for topic in TOPICS:
            if topic.name not in existing:
                create_topic(settings, topic)
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """A test that failed leaves no process."""
        if self.process is not None:
            self.kill()

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def channels(self, channels: Mapping[str, Any]) -> None:
        """From now on."""
        self._file.write_text(yaml.safe_dump({"channels": dict(channels)}))

    def health(self) -> dict[str, Any]:
        """What /health says."""
        found: dict[str, Any] = requests.get(f"{self.url}/health", timeout=2).json()
        return found

    @property
    def environment(self) -> dict[str, str]:
        port = random_port()
        self.url = f"http://127.0.0.1:{port}"
        own = replace(self._settings, notifier_port=port)
        return {**inherited_environment(), **own.environment()}

    def start(self, *, ready: bool = True) -> None:
        """Start it, and wait until it has its partitions."""
        command = [
            sys.executable,
            "-m",
            "streamguard",
            "--project",
            str(self._folder),
            "service",
            "notifier",
            self.name,
        ]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE)
        if ready:
            wait_until(lambda: answers(f"{self.url}/ready"), "the notifier is ready")

    def missing(self) -> str:
        """What /ready says."""
        return str(requests.get(f"{self.url}/ready", timeout=2).json()["missing"])

    def counted(self) -> dict[tuple[str, ...], float]:
        """Decisions by channel and outcome."""
        from prometheus_client.parser import text_string_to_metric_families

        text = requests.get(f"{self.url}/metrics", timeout=2).text
        return {
            (sample.labels["channel"], sample.labels["outcome"]): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "streamguard_notifier_decisions_total"
        }

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()
        self.process = None

    def end(self) -> tuple[int, str]:
        """SIGTERM: the exit code, within 5 s, and everything that it has logged."""
        assert self.process is not None
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=10)
        assert time.monotonic() - begun < 5
        code, self.process = self.process.returncode, None
        return code, log.decode()


def publish(settings: Settings, values: Iterable[bytes]) -> None:
    """Write decisions, each to the partition that its number has."""
    producer = clients.producer(settings)
    for number, each in enumerate(values):
        producer.produce(SOURCE, each, b"%d" % number)
    assert producer.flush(30) == 0


def decisions(prefix: str, numbers: Iterable[int], **fields: Any) -> list[bytes]:
    """Decisions whose ids begin with a prefix, as the topic may have those of other tests."""
    return [value(number, decision_id=f"{prefix}{number}", **fields) for number in numbers]
