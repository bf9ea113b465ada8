"""The values of the cloud on a real worker: MongoDB by the URI that the launcher made, a user and password that no URI
holds as they are; and what a worker lacks, told before anything is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pymongo
import pytest

from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectorNotFound
from streamguard.kafka.clients import producer
from streamguard.project import Project
from streamguard.settings import Settings
from streamguard.stack import credentials
from streamguard.stack.stack import Stack
from tests.stack.records import OwnTopics
from tests.stack.sentinels import MONGODB, MONGODB_USER, found_in
from tests.stack.test_servers import until

NAME = "clouded-mongodb-sink"
FILES = "clouded-s3-sink"
DATABASE = "clouded_db"


@pytest.fixture
def clouded(
    tmp_path: Path, project: Project, connect: Stack, own: OwnTopics, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A project whose sinks read a topic of the test's own, with the shipped values of the cloud."""
    topic, letters, control = (own.create(name, 1) for name in ("in", "letters", "control"))
    for name in ("connectors/clouded", "ksql", "init"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("shared", "values"):
        shutil.copytree(project.connectors / name, tmp_path / "connectors" / name)
    one = "{partitions: 1}"
    columns = "{id: string, _partition: int, _offset: long}"
    (tmp_path / "init" / "clouded.yml").write_text(
        f"topics: {{{topic}: {one}, {letters}: {one}, {control}: {one}}}\nmongodb: {{database: {DATABASE}}}\n"
        f"lake: {{namespace: clouded, tables: {{rows: {columns}}}}}\n"
    )
    folder = tmp_path / "connectors" / "clouded"
    (folder / f"{NAME}.json.j2").write_text('{ {%- include "shared/mongodb-sink.j2" -%} }')
    (folder / f"{NAME}.yml").write_text(f"topics: [{topic}]\ndead_letter_topic: {letters}\ncollection: rows\n")
    (folder / f"{FILES}.json.j2").write_text('{ {%- include "shared/lake.j2" -%} }')
    (folder / f"{FILES}.yml").write_text(
        f"topics: [{topic}]\ndead_letter_topic: {letters}\ncontrol_topic: {control}\ntable: rows\n"
    )
    settings = connect.settings
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)
    yield tmp_path
    for name in (NAME, FILES):
        try:
            ConnectClient(settings.connect_url).delete(name)
        except ConnectorNotFound:
            continue
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as client:
        client[DATABASE].drop_collection("rows")


def test_the_launcher_made_one_uri_of_user_password_and_cluster(connect: Stack) -> None:
    settings = connect.settings
    assert (settings.my_mongodb_user, settings.my_mongodb_pass) == (MONGODB_USER, MONGODB)
    person = f"{quote(MONGODB_USER, safe='')}:{quote(MONGODB, safe='')}"
    uri = credentials.read(settings.data_dir)["MY_MONGODB_URI"]
    assert uri == f"mongodb://{person}@127.0.0.1:{settings.mongodb_port}/?retryWrites=true&w=majority"


def test_records_reach_mongodb_by_the_uri_of_the_workers_environment(
    clouded: Path, settings: Settings, own: OwnTopics, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["--project", str(clouded), "connectors", "deploy", NAME, "--values", "cloud", "--settle", "0"]
    assert run(call) == 0
    client = producer(settings)
    client.produce(f"{own.prefix}in", json.dumps({"N": 1}).encode(), "a")
    assert client.flush(10) == 0
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as mongodb:
        rows = mongodb[DATABASE]["rows"]
        until(lambda: rows.count_documents({"_id": "a", "N": 1}) == 1, "a document")
    config = ConnectClient(settings.connect_url).connectors()[NAME].config
    assert config["connection.uri"] == "${env:MY_MONGODB_URI}"
    assert found_in("".join(capsys.readouterr())) == []


def test_what_the_worker_lacks_is_told_before_anything_is_written(
    clouded: Path, settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"AWS_REGION": "eu-central-1", "S3_BUCKET": "acme-fraud", "GLUE_DATABASE": "fraud"}.items():
        monkeypatch.setenv(f"MY_{name}", value)
    assert run(["--project", str(clouded), "connectors", "deploy", FILES, "--values", "cloud"]) == 1
    told = capsys.readouterr().err
    assert "the worker does not resolve ${env:AWS_ACCESS_KEY_ID}: the variable is not set there" in told
    assert "`connectors secrets env --into FILE` writes it for another" in told
    assert FILES not in ConnectClient(settings.connect_url).connectors()
