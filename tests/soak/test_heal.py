"""Heal on real workers: what lasts is left alone, by what it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.connect.operating.heal import EQUAL_TRACES
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.lake import seed_lake

PREFIX = f"heal-{os.getpid()}"
MONGODB, S3 = "users-mongodb-sink", "users-s3-sink"
BROKEN: dict[str, tuple[str, dict[str, str]]] = {
    f"{PREFIX}-session": (MONGODB, {"consumer.override.session.timeout.ms": "4000000", "tasks.max": "1"}),
    f"{PREFIX}-class": (S3, {"iceberg.catalog.catalog-impl": "no.such.Catalog", "iceberg.catalog.type": ""}),
    f"{PREFIX}-denied": (S3, {"iceberg.catalog.rest.secret-access-key": "${env:NO_SUCH_VARIABLE}"}),
}
MOST_RESTARTS = {f"{PREFIX}-session": EQUAL_TRACES - 1, f"{PREFIX}-class": 0, f"{PREFIX}-denied": 1}


@pytest.fixture
def broken(project: Project, settings: Settings) -> Iterator[ConnectClient]:
    """Three sinks that can not run, each for another reason."""
    pipeline = project.pipeline("bank")
    assert pipeline.lake is not None
    seed_lake(settings, pipeline.lake)
    cluster = Cluster(settings)
    control = f"{PREFIX}-control"
    cluster.create({PREFIX: (1, 1), control: (1, 1)})
    writer = producer(settings)
    writer.produce(PREFIX, b'{"id": "x"}', b"x")  # a sink asks the catalog once it has something to write
    assert writer.flush(10) == 0
    templates = {one.name: one.config for one in render_pipeline(project, settings, pipeline)}
    client = ConnectClient(settings.connect_url)
    for name, (template, changes) in BROKEN.items():
        config = {**templates[template], "topics": PREFIX, "errors.deadletterqueue.topic.name": f"{PREFIX}-dead-letter"}
        config |= {"iceberg.control.topic": control} if template == S3 else {}
        client.put_config(name, {key: value for key, value in {**config, **changes}.items() if value})
    yield client
    for name in BROKEN:
        client.delete(name)
    cluster.delete([PREFIX, control, f"{PREFIX}-dead-letter"])


@pytest.mark.timeout(240)
def test_neither_a_wrong_config_nor_wrong_credentials_are_restarted_for_ever(
    broken: ConnectClient, project: Project, settings: Settings, tmp_path: Path
) -> None:
    log = tmp_path / "heal.log"
    with log.open("wb") as target:
        healer = subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(project.root), "connectors", "heal", f"{PREFIX}-*"],
            env={**inherited_environment(), **settings.environment(), "STREAMGUARD_LOG_FORMAT": "json"},
            stderr=target,
        )
        try:
            end = time.monotonic() + 150
            while time.monotonic() < end and left_alone(log) != set(BROKEN):
                time.sleep(1)
            time.sleep(20)  # nothing more happens
        finally:
            healer.send_signal(signal.SIGTERM)
            assert healer.wait(10) == 0
    assert left_alone(log) == set(BROKEN), log.read_text()
    restarts = Counter(name for event, name in told(log) if event == "restarting")
    assert all(restarts[name] <= most for name, most in MOST_RESTARTS.items()), restarts
    assert all(broken.status(name).failed for name in BROKEN)


def told(log: Path) -> list[tuple[str, str]]:
    """What heal said, and about which connector."""
    entries = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
    return [(entry["event"], str(entry.get("part", "")).partition(",")[0]) for entry in entries]


def left_alone(log: Path) -> set[str]:
    return {name for event, name in told(log) if "left alone" in event}
