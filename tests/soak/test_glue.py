"""The values of the cloud whole: the real Iceberg sink with its client of AWS Glue, moto's Glue and the stack's S3.

The tables are made by `lake apply`; the worker gets its keys by `.env` and a second start; the rows are read back
through Glue, as they are in mode external.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto.server import ThreadedMotoServer

from streamguard.catalog import open_catalog
from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectorNotFound
from streamguard.kafka.clients import producer
from streamguard.project import Project
from streamguard.settings import GLUE, Settings, in_cloud, load
from streamguard.stack.programs import BUCKET
from streamguard.stack.stack import Stack
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics

NAME = "glued-s3-sink"
RECORDS = 500


@pytest.fixture
def glue() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def accounts(connect: Stack, glue: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The worker, started anew with the keys of an account whose S3 is the stack's and whose Glue is moto's."""
    settings = connect.settings
    own = {
        "MY_AWS_ACCESS_KEY_ID": settings.s3_access_key,
        "MY_AWS_SECRET_ACCESS_KEY": settings.s3_secret_key,
        "MY_AWS_REGION": settings.s3_region,
        "MY_S3_BUCKET": BUCKET,
        "MY_GLUE_DATABASE": "glued",
    }
    with monkeypatch.context() as patched:
        for name, value in {**settings.environment(), **own, "AWS_ENDPOINT_URL_GLUE": glue}.items():
            patched.setenv(name, value)
        there = load(connect.project.root)
        before = {row.name: row.pid for row in connect.status()}
        taken = Stack(there, connect.project).start(["kafka", "s3", "mongodb", "connect"])
        assert [name for name, seconds in taken.items() if seconds] == ["connect"]
        after = {row.name: row.pid for row in connect.status()}
        assert [name for name in after if after[name] != before[name]] == ["connect"]
        yield there
    connect.start(["connect"])  # without them again


@pytest.fixture
def glued(tmp_path: Path, project: Project, accounts: Settings, own: OwnTopics) -> Iterator[Path]:
    """A project of one sink, with the shipped values of the cloud."""
    topic, letters, control = (own.create(name, 1) for name in ("in", "letters", "control"))
    for name in ("connectors/glued", "ksql", "init"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("shared", "values"):
        shutil.copytree(project.connectors / name, tmp_path / "connectors" / name)
    one, columns = "{partitions: 1}", "{n: long, amount: double, _partition: int, _offset: long}"
    (tmp_path / "init" / "glued.yml").write_text(
        f"topics: {{{topic}: {one}, {letters}: {one}, {control}: {one}}}\n"
        f"lake: {{namespace: glued, tables: {{rows: {columns}}}}}\n"
    )
    (tmp_path / "connectors" / "glued" / f"{NAME}.json.j2").write_text('{ {%- include "shared/lake.j2" -%} }')
    (tmp_path / "connectors" / "glued" / f"{NAME}.yml").write_text(
        f"topics: [{topic}]\ndead_letter_topic: {letters}\ncontrol_topic: {control}\ntable: rows\n"
    )
    yield tmp_path
    try:
        ConnectClient(accounts.connect_url).delete(NAME)
    except ConnectorNotFound:
        return


@pytest.mark.timeout(240)
def test_rows_reach_a_table_of_glue_exactly_once_and_are_read_back_through_it(
    glued: Path, glue: str, accounts: Settings, own: OwnTopics
) -> None:
    overrides = ("--values", "cloud", "--set", f"s3_endpoint={accounts.s3_endpoint}")
    assert run(["--project", str(glued), "lake", "apply", "glued", *overrides]) == 0
    more = ("--set", f"glue_endpoint={glue}", "--set", "iceberg_commit_interval_ms=2000")
    assert run(["--project", str(glued), "connectors", "deploy", NAME, *overrides, *more]) == 0
    client = producer(accounts)
    for number in range(RECORDS):
        client.produce(f"{own.prefix}in", json.dumps({"N": number, "AMOUNT": number / 4}).encode(), b"%d" % number)
    assert client.flush(10) == 0
    there = in_cloud(replace(accounts, s3_catalog=GLUE, s3_warehouse=Settings.s3_warehouse))
    assert there.s3_warehouse == f"s3://{BUCKET}/lake"

    def rows() -> list[dict[str, Any]]:
        table = open_catalog(there).load_table(("glued", "rows"))
        found: list[dict[str, Any]] = table.scan().to_arrow().to_pylist()
        return found

    wait_until(lambda: len(rows()) >= RECORDS, f"{RECORDS} rows", 120)
    found = rows()
    assert sorted((row["n"], row["amount"]) for row in found) == [(number, number / 4) for number in range(RECORDS)]
    assert {row["_offset"] for row in found} == set(range(RECORDS))
