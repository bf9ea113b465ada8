"""The other ways in which rows get into PostgreSQL: by fields of the value, appended, into a table the sink makes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.deploying.apply import deploy, raise_for
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import render
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until
from tests.stack.postgres import Postgres, postgres

COLUMNS = {"id": "string", "amount": "double", "n": "long", "ok": "boolean", "i": "int", "f": "float"}
TABLE = "(id text {key}, amount double precision, n bigint, ok boolean, i integer, f real)"
PLACED = (
    "(__connect_topic text, __connect_partition integer, __connect_offset bigint,"
    + TABLE.format(key="")[1:-1]
    + ", PRIMARY KEY (__connect_topic, __connect_partition, __connect_offset))"
)
MODES: dict[str, tuple[dict[str, Any], str, int]] = {
    "value": ({"id_source": "value", "id_fields": ["id"]}, TABLE.format(key="PRIMARY KEY"), 20),
    "update": ({"id_fields": ["id"], "write_mode": "update"}, TABLE.format(key="PRIMARY KEY"), 0),
    "position": ({"id_source": "position"}, PLACED, 40),
    "made": ({"id_fields": ["id"], "schema_evolution": "basic"}, "", 20),
    "schema": ({"id_fields": ["id"], "value_format": "json_with_schema"}, TABLE.format(key="PRIMARY KEY"), 20),
}
"""Parameters, the table, and the rows that 20 records and their repetition make; updates change rows and add none."""


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        running.ask("CREATE USER sink PASSWORD 'trial'")
        running.ask("GRANT ALL ON SCHEMA public TO sink")
        yield running


def value(number: int, schema: bool) -> bytes:
    """As ksqlDB writes it, or with its schema."""
    fields = {"ID": f"r{number}", "AMOUNT": number / 4, "N": number, "OK": True, "I": number, "F": 0.5}
    if not schema:
        return json.dumps(fields).encode()
    types = {"ID": "string", "AMOUNT": "double", "N": "int64", "OK": "boolean", "I": "int32", "F": "float"}
    listed = [{"field": name, "type": kind, "optional": True} for name, kind in types.items()]
    return json.dumps({"schema": {"type": "struct", "fields": listed}, "payload": fields}).encode()


@pytest.mark.parametrize("mode", MODES)
def test_rows_get_into_the_table_in_every_mode(
    tmp_path: Path, project: Project, settings: Settings, server: Postgres, mode: str
) -> None:
    given, table, wanted = MODES[mode]
    name = f"rows-{mode}-{os.getpid()}"
    file = settings.data_dir / "secrets" / f"{name}.properties"
    file.write_text("user=sink\npassword=trial\n")
    root = tmp_path / "connectors"
    (root / "trial").mkdir(parents=True)
    shutil.copytree(project.connectors / "shared", root / "shared")
    template = root / "trial" / f"{name}.json.j2"
    template.write_text('{ {%- include "shared/postgres-sink.j2" -%} }')
    values = {
        "topics": [name],
        "table": f"rows_{mode}",
        "columns": COLUMNS,
        "postgres_url": server.url,
        "postgres_credentials_file": str(file),
        "kafka_replication": 1,
        **given,
    }
    if table:
        server.ask(f"SET ROLE sink; CREATE TABLE rows_{mode} {table}")
    if mode == "update":
        server.ask("SET ROLE sink; INSERT INTO rows_update VALUES ('r3', 0)")
    topics = [name, f"{name}-dead-letter"]
    Cluster(settings).create(dict.fromkeys(topics, (1, 1)))
    client = ConnectClient(settings.connect_url)
    try:
        connector = render(template, values, root)
        raise_for(deploy(client, [connector], topics=Cluster(settings).partitions()))
        writer = producer(settings)
        for number in [*range(20), *range(20)]:
            writer.produce(name, value(number, mode == "schema"), b"r%d" % number)
        assert writer.flush(10) == 0
        if mode == "update":
            wait_until(lambda: server.ask("SELECT amount FROM rows_update") == "0.75", "the row is changed", 30)
        else:
            counted = f"SELECT count(*), sum(amount), max(n) FROM rows_{mode}"  # noqa: S608
            wait_until(lambda: server.ask(f"SELECT to_regclass('rows_{mode}')") != "", "the table", 30)
            total = sum(number / 4 for number in range(20)) * wanted / 20
            wait_until(lambda: server.ask(counted) == f"{wanted}|{total:g}|19", "all rows", 30)
    finally:
        client.delete(name)
        Cluster(settings).delete(topics)
        file.unlink()
