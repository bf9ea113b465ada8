"""Every piece of templates against the real plugins; export, explain and loggers against real workers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.connect.deploying.plan import diff
from streamguard.connect.lint.definitions import asked
from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import errors, lint
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector, render
from streamguard.project import Project
from streamguard.settings import Settings, inherited_environment
from tests.connect.templates.test_sinks import GIVEN, VARIANTS
from tests.stack.loops import wait_until

pytestmark = pytest.mark.usefixtures("connect")

NAME = "trial-export-sink"
LOGGER = "org.apache.kafka.connect.storage.KafkaConfigBackingStore"
PLUGINS_THERE = ("mongodb", "iceberg", "postgres")


@pytest.fixture(scope="module")
def client(settings: Settings) -> ConnectClient:
    return ConnectClient(settings.connect_url)


@pytest.fixture
def root(tmp_path: Path, project: Project) -> Path:
    for name in ("connectors", "init", "ksql"):
        shutil.copytree(project.root / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def stopped(client: ConnectClient) -> Iterator[str]:
    """A connector that is there and does nothing."""
    config = {
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": "trial-none",
        "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
        "database": "trial",
        "collection": "c {{ d }}",
        "tasks.max": "1",
    }
    client.create(NAME, config, "stopped")
    wait_until(lambda: client.status(NAME).state == "STOPPED", f"{NAME} is stopped")
    yield NAME
    client.delete(NAME)


def test_the_plugins_know_every_key_that_the_pieces_write_and_take_its_value(
    client: ConnectClient, settings: Settings, root: Path
) -> None:
    made: list[Connector] = []
    for number, (kind, given) in enumerate(VARIANTS):
        if kind not in PLUGINS_THERE or given.get("value_format") == "avro":
            continue  # Confluent's plugins are not on Maven Central; tests/connect/test_sinks.py has their keys
        path = root / "connectors" / "bank" / f"{kind}-{number}.json.j2"
        path.write_text(f'{{ {{%- include "shared/{kind}-sink.j2" -%}} }}')
        values = {**GIVEN[kind], **given, "mongodb_uri_variable": "STREAMGUARD_MONGODB_URI", "s3_endpoint": ""}
        made.append(render(path, {key: values[key] for key in values if values[key] is not None}, root / "connectors"))
    assert len(made) > 8
    facts = Facts(definitions=asked(client, made))
    assert [str(finding) for finding in errors(lint(made, facts))] == []
    for connector in made:
        if "timeseries.timefield" in connector.config:
            continue  # validating makes the collection, and SecantusDB has no time series
        told = client.validate(connector.class_name, {**connector.config, "name": connector.name}).errors
        assert told == (), connector.name
    assert settings.s3_secret_key not in str(made)


def test_an_exported_connector_is_unchanged_by_the_plan_of_its_template(
    client: ConnectClient, settings: Settings, root: Path, stopped: str
) -> None:
    command = ["connectors", "export", stopped, "-p", "bank", "--url", settings.connect_url]
    assert run(["--project", str(root), *command]) == 0
    exported = render(root / "connectors" / "bank" / f"{stopped}.json.j2", {}, root / "connectors")
    assert exported.state == "stopped"
    (change,) = diff([exported], client.connectors())
    assert change.action == "unchanged"


def test_explain_and_describe_have_the_plugins_own_words(
    settings: Settings, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--project", str(root), "connectors"]
    options = ["--url", settings.connect_url, "-o", "json"]
    assert run([*command, "explain", "insert.mode", *options]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["plugins"] == ["io.debezium.connector.jdbc.JdbcSinkConnector"]
    assert "upsert" in found["documentation"]
    assert run([*command, "plugins", "describe", "IcebergSinkConnector", *options]) == 0
    assert "iceberg.control.topic" in {row["key"] for row in json.loads(capsys.readouterr().out)}


def test_the_level_of_a_logger_is_set_on_every_worker_and_set_back_on_ctrl_c(
    workers: tuple[str, str], root: Path
) -> None:
    def levels() -> list[str]:
        found = [{logger.name: logger.level for logger in ConnectClient(url).loggers()} for url in workers]
        return [listed[LOGGER] for listed in found]

    before = levels()
    command = [sys.executable, "-m", "streamguard", "--project", str(root), "connectors", "loggers", "set"]
    options = [LOGGER, "ERROR", "--for", "10m", "--url", workers[0]]
    process = subprocess.Popen([*command, *options], env=inherited_environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: levels() == ["ERROR"] * 2, "the level is set", 15)
    finally:
        process.send_signal(2)
        assert process.wait(10) == 0
    wait_until(lambda: levels() == before, "the level is set back", 5)
