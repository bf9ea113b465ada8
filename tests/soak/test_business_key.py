"""Documents that are found by fields of their value, in a real MongoDB: with and without the index of the companion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from streamguard.connect.deploying.apply import deploy, raise_for
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.companions import companions
from streamguard.connect.templates.parameters import complete
from streamguard.connect.templates.render import Connector, render
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from tests.connect.templates.test_companions import RUNS
from tests.stack.loops import wait_until

NAME = f"business-{os.getpid()}-sink"
TOPIC = f"business-{os.getpid()}"
DATABASE = f"business_{os.getpid()}"
RECORDS = 2000
VALUES: dict[str, Any] = {
    "topics": [TOPIC],
    "mongodb_database": DATABASE,
    "collection": "rows",
    "id_source": "value",
    "id_fields": ["ID"],
    "tasks_max": 2,
    "ordered": True,
    "redact_fields": ["SECRET"],
    "kafka_replication": 1,
    "indexes": ["NOTE"],
}


@pytest.fixture
def sink(tmp_path: Path, project: Project, settings: Settings) -> Iterator[Connector]:
    """The connector with its index, running."""
    root = tmp_path / "connectors"
    (root / "trial").mkdir(parents=True)
    shutil.copytree(project.connectors / "shared", root / "shared")
    template = root / "trial" / f"{NAME}.json.j2"
    template.write_text('{ {%- include "shared/mongodb-sink.j2" -%} }')
    Cluster(settings).create({TOPIC: (2, 1), f"{NAME}-dead-letter": (1, 1)})
    (script,) = companions("mongodb", NAME, complete(template, VALUES, root))
    asked = json.loads(subprocess.run(["node", "-e", RUNS % script.text], capture_output=True, check=True).stdout)
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as mongodb:
        for _, keys, *options in (call for call in asked if call[0] == "createIndex"):
            mongodb[DATABASE]["rows"].create_index(list(keys.items()), **(options[0] if options else {}))
        client = ConnectClient(settings.connect_url)
        connector = render(template, VALUES, root)
        raise_for(deploy(client, [connector], topics=Cluster(settings).partitions()))
        yield connector
        client.delete(NAME)
        mongodb[DATABASE]["rows"].drop()
    Cluster(settings).delete([TOPIC, f"{NAME}-dead-letter"])


@pytest.mark.timeout(240)
def test_two_tasks_that_write_the_same_documents_keep_one_of_each_and_no_field_that_is_redacted(
    sink: Connector, settings: Settings
) -> None:
    assert sink.config["tasks.max"] == "2"
    writer = producer(settings)
    for number in range(RECORDS):
        value = json.dumps({"ID": number % 200, "NOTE": number, "SECRET": "x"})
        for partition in (0, 1):  # the same document at the same time from both tasks
            writer.produce(TOPIC, value, b"%d" % number, partition=partition)
    assert writer.flush(30) == 0
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as mongodb:
        rows = mongodb[DATABASE]["rows"]
        wait_until(lambda: rows.count_documents({"NOTE": {"$gte": RECORDS - 200}}) == 200, "the last of each", 120)
        documents = list(rows.find())
    assert sorted(document["ID"] for document in documents) == list(range(200))
    assert not any("SECRET" in document for document in documents)
    assert sum(Cluster(settings).ends(f"{NAME}-dead-letter").values()) == 0
