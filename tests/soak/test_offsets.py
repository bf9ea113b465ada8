"""Offsets of an Iceberg sink, with its two groups, on the real catalog: what is read again is there once more."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.catalog import open_catalog
from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from streamguard.stack.lake import seed_lake

NAME = f"offsets-{os.getpid()}"
CONTROL = f"{NAME}-control"
TABLE = ("offsets", f"rows_{os.getpid()}")
RECORDS = 300


@pytest.fixture(scope="module")
def sink(project: Project, settings: Settings) -> Iterator[ConnectClient]:
    """An Iceberg sink like that of the users, with a table, a topic and a control topic of its own."""
    pipeline = project.pipeline("bank")
    template = next(c for c in render_pipeline(project, settings, pipeline) if c.name == "users-s3-sink")
    config = {key: value for key, value in template.config.items() if not key.startswith("transforms")}
    config |= {
        "topics": NAME,
        "iceberg.tables": ".".join(TABLE),
        "iceberg.tables.auto-create-enabled": "true",
        "iceberg.control.topic": CONTROL,
        "iceberg.control.commit.interval-ms": "1000",
        "errors.deadletterqueue.topic.name": f"{NAME}-dead-letter",
    }
    assert pipeline.lake is not None
    seed_lake(settings, pipeline.lake)
    catalog = open_catalog(settings)
    catalog.create_namespace_if_not_exists(TABLE[0])
    cluster = Cluster(settings)
    cluster.create({NAME: (3, 1), CONTROL: (1, 1)})
    writer = producer(settings)
    for number in range(RECORDS):
        writer.produce(NAME, json.dumps({"number": number}).encode(), str(number).encode())
    assert writer.flush(10) == 0
    client = ConnectClient(settings.connect_url)
    client.put_config(NAME, config)
    yield client
    if NAME in client.connectors():
        client.delete(NAME)
    catalog.drop_table(TABLE)
    cluster.delete([NAME, CONTROL, f"{NAME}-dead-letter"])


def rows(settings: Settings) -> int:
    catalog = open_catalog(settings)
    return catalog.load_table(TABLE).scan().to_arrow().num_rows if catalog.table_exists(TABLE) else 0


def settle_at(settings: Settings, wanted: int, seconds: float = 60.0) -> None:
    """There are so many rows, and still are some commits later."""
    end = time.monotonic() + seconds
    while rows(settings) < wanted and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(4)
    assert rows(settings) == wanted


def offsets(project: Project, settings: Settings, *arguments: str) -> int:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("STREAMGUARD_KAFKA_BOOTSTRAP", settings.kafka_bootstrap)
        url = ("--url", settings.connect_url)
        return run(["--project", str(project.root), "connectors", "offsets", *arguments, *url])


@pytest.mark.timeout(300)
def test_an_iceberg_sink_is_reset_with_both_groups_and_put_back_by_an_import(
    sink: ConnectClient, project: Project, settings: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settle_at(settings, RECORDS)
    assert offsets(project, settings, "export", NAME) == 0
    saved = tmp_path / "offsets.yml"
    saved.write_text(capsys.readouterr().out)

    open_catalog(settings).load_table(TABLE).delete()
    assert offsets(project, settings, "reset", NAME, "--yes", "-o", "json") == 0
    moves = json.loads(capsys.readouterr().out)
    assert [move["topic"] for move in moves] == [NAME] * 3 + [CONTROL]
    assert sink.status(NAME).state == "RUNNING", "as it was before"
    settle_at(settings, RECORDS)

    # The whole control topic again: the table knows what it has.
    assert offsets(project, settings, "reset", NAME, "--to", "latest", "--control", "earliest", "--yes") == 0
    settle_at(settings, RECORDS)

    sink.pause(NAME)
    assert offsets(project, settings, "set", NAME, f"{NAME}:0=0", "--control", "end", "--yes") == 3
    assert "would never be put there" in capsys.readouterr().err
    assert offsets(project, settings, "import", str(saved), "--yes", "--allow-skip") == 0
    assert sink.status(NAME).state == "PAUSED", "as it was before"
    sink.resume(NAME)
    settle_at(settings, RECORDS)
