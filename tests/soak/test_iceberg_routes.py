"""Records that are routed to several Iceberg tables, which the sink makes and extends itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.exceptions import NoSuchTableError

from streamguard.catalog import open_catalog
from streamguard.connect.deploying.apply import deploy, raise_for
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector, render
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until

NAME = f"routes-{os.getpid()}-sink"
TOPIC = f"routes-{os.getpid()}"
NAMESPACE = f"routes_{os.getpid()}"


@pytest.fixture
def sink(tmp_path: Path, project: Project, settings: Settings) -> Iterator[Connector]:
    """The connector, running."""
    values: dict[str, Any] = {
        "topics": [TOPIC],
        "lake_namespace": NAMESPACE,
        "routes": {"bank": "B.*", "card": "C.*"},
        "route_field": "KIND",
        "auto_create": True,
        "evolve": True,
        "partition_by": ["KIND"],
        "iceberg_commit_interval_ms": 2000,
        "kafka_replication": 1,
        **{name: getattr(settings, name) for name in ("s3_endpoint", "s3_catalog", "s3_warehouse", "s3_region")},
    }
    root = tmp_path / "connectors"
    (root / "trial").mkdir(parents=True)
    shutil.copytree(project.connectors / "shared", root / "shared")
    template = root / "trial" / f"{NAME}.json.j2"
    template.write_text('{ {%- include "shared/iceberg-sink.j2" -%} }')
    topics = [TOPIC, f"{NAME}-dead-letter", f"{NAME}-control"]
    Cluster(settings).create(dict.fromkeys(topics, (1, 1)))
    catalog = open_catalog(settings)
    catalog.create_namespace(NAMESPACE)
    connector = render(template, values, root)
    client = ConnectClient(settings.connect_url)
    raise_for(deploy(client, [connector], topics=Cluster(settings).partitions()))
    yield connector
    client.delete(NAME)
    for table in catalog.list_tables(NAMESPACE):
        catalog.drop_table(table)
    catalog.drop_namespace(NAMESPACE)
    Cluster(settings).delete(topics)


@pytest.mark.timeout(240)
def test_each_record_goes_to_the_table_of_its_route_and_new_fields_become_columns(
    sink: Connector, settings: Settings
) -> None:
    assert sink.config["iceberg.tables"] == f"{NAMESPACE}.bank,{NAMESPACE}.card"
    catalog = open_catalog(settings)

    def rows(table: str) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = catalog.load_table((NAMESPACE, table)).scan().to_arrow().to_pylist()
        except NoSuchTableError:
            return []
        return found

    writer = producer(settings)
    for number in range(100):
        value = {"ID": number, "KIND": "Bank" if number % 2 else "Card", **({"LATE": "x"} if number > 49 else {})}
        writer.produce(TOPIC, json.dumps(value), b"k")
    writer.produce(TOPIC, json.dumps({"ID": -1, "KIND": "neither"}), b"k")  # left out, and no dead letter either
    assert writer.flush(10) == 0
    wait_until(lambda: len(rows("bank")) == len(rows("card")) == 50, "50 rows in each table", 90)
    assert {row["ID"] % 2 for row in rows("bank")} == {1}
    assert {row["KIND"] for row in rows("card")} == {"Card"}
    assert sum(row["LATE"] == "x" for table in ("bank", "card") for row in rows(table)) == 50
    assert len({(row["_partition"], row["_offset"]) for table in ("bank", "card") for row in rows(table)}) == 100
    assert sum(Cluster(settings).ends(f"{NAME}-dead-letter").values()) == 0
