"""A new value of a secret, on a real worker: a restart of the connector alone leaves its tasks with the old one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import requests

from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

DATABASE = f"rotation_{os.getpid()}"
WAIT = 60.0


@pytest.fixture
def collections(settings: Settings) -> Iterator[Any]:
    """How many documents are in a collection of the database of this test."""
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as mongodb:
        yield lambda name: mongodb[DATABASE][name].count_documents({})
        for name in mongodb[DATABASE].list_collection_names():
            mongodb[DATABASE][name].drop()


@pytest.fixture
def secret(settings: Settings) -> Iterator[Path]:
    """A file of the folder that the worker's provider of whole files may read, as Kubernetes mounts secrets."""
    path = settings.data_dir / "secrets" / f"rotation-{os.getpid()}"
    path.write_text("old")
    yield path
    path.unlink()


@pytest.mark.timeout(240)
def test_a_bare_restart_leaves_the_tasks_with_the_old_secret_and_a_rotation_gives_them_the_new_one(
    settings: Settings, project: Project, own: OwnTopics, secret: Path, collections: Any
) -> None:
    source, name = own.create("source", 1), own.prefix + "sink"
    reference = f"${{dir:{secret.parent}:{secret.name}}}"
    config = {
        "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
        "topics": source,
        "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
        "database": DATABASE,
        "collection": reference,
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }
    client = ConnectClient(settings.connect_url)
    client.create(name, config)
    try:
        wait_until(lambda: client.status(name).is_running, "it runs", WAIT)
        write(settings, source, [b"{}"])
        wait_until(lambda: collections("old") == 1, "the record is where the old value says", WAIT)
        secret.write_text("new")
        bare = f"{settings.connect_url}/connectors/{name}/restart"
        wait_until(lambda: requests.post(bare, timeout=30).status_code == 204, "no rebalance is in the way", WAIT)
        wait_until(lambda: client.status(name).is_running, "it runs", WAIT)
        write(settings, source, [b"{}"])
        wait_until(lambda: collections("old") == 2, "the task has the old value still", WAIT)
        assert collections("new") == 0
        words = ["connectors", "secrets", "rotate", reference, "--yes", "--url", settings.connect_url]
        assert run(["--project", str(project.root), *words]) == 0
        write(settings, source, [b"{}"])
        wait_until(lambda: collections("new") == 1, "the record is where the new value says", WAIT)
        assert collections("old") == 2
    finally:
        client.delete(name)
