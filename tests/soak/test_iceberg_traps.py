"""The traps of Apache Iceberg's sink that lint warns of, on the real plugin and catalog: what comes of each."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.exceptions import NoSuchTableError

from streamguard.catalog import open_catalog
from streamguard.commands import run
from streamguard.connect.lint.run import lint
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectorNotFound
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from streamguard.stack.lake import seed_lake
from tests.stack.gate import Gate
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

NAMESPACE = f"traps_{os.getpid()}"
RECORDS = 20
WAIT = 90.0
LONG = 60
"""Records of a control topic: more than a second one gets in the few seconds of the test."""
OFFSETS = "kafka.connect.offsets"
"""With the control topic and group behind it: what a snapshot says that it has of the control topic."""

pytestmark = pytest.mark.timeout(300)


@dataclass
class Catalog(Gate):
    """The way to the catalog, which knows what was asked."""

    asked: bytearray = field(default_factory=bytearray)

    def heard(self, data: bytes) -> None:
        self.asked += data


class Trap:
    """A sink that appends to one table, with topics of its own; the base is the template of the bank's users."""

    def __init__(self, project: Project, settings: Settings, own: OwnTopics) -> None:
        self.project, self.settings, self.own = project, settings, own
        self.source, self.control = own.create("in", 1), own.create("control", 1)
        self.dead = own.create("dead", 1)
        self.name = own.prefix + "sink"
        self.table = (NAMESPACE, own.prefix.replace("-", "_") + "rows")
        self.client, self.cluster = ConnectClient(settings.connect_url), Cluster(settings)
        self.catalog = open_catalog(settings)

    def connector(self, **changed: str | None) -> Connector:
        """A config that lint has nothing against but for what is changed; None takes a key out."""
        pipeline = self.project.pipeline("bank")
        (base,) = [c for c in render_pipeline(self.project, self.settings, pipeline) if c.name == "users-s3-sink"]
        config: dict[str, str | None] = {
            **{key: value for key, value in base.config.items() if not key.startswith("transforms")},
            "topics": self.source,
            "tasks.max": "1",
            "iceberg.tables": ".".join(self.table),
            "iceberg.tables.auto-create-enabled": "true",
            "iceberg.tables.evolve-schema-enabled": "true",
            "iceberg.tables.schema-force-optional": "true",
            "iceberg.control.topic": self.control,
            "iceberg.control.commit.interval-ms": "1000",
            "errors.deadletterqueue.topic.name": self.dead,
            **{key.replace("__", "."): value for key, value in changed.items()},
        }
        return Connector(self.name, {k: v for k, v in config.items() if v is not None}, Path("sink.json.j2"))

    def start(self, connector: Connector) -> None:
        self.client.create(self.name, connector.config)
        wait_until(lambda: self.client.status(self.name).is_running, "the sink runs", WAIT)

    def write(self, first: int = 0) -> None:
        write(self.settings, self.source, [b'{"number": %d}' % number for number in range(first, first + RECORDS)])

    def rows(self) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self.catalog.load_table(self.table).scan().to_arrow().to_pylist()
        except NoSuchTableError:
            return []
        return found

    def numbers(self) -> list[int]:
        return sorted(row["number"] for row in self.rows())

    def read_to(self, offset: int) -> bool:
        """Has the sink committed that it has read so many records?"""
        return [one.offset for one in self.client.offsets(self.name) if one.topic == self.source] == [offset]

    def control_end(self) -> int:
        return sum(self.cluster.ends(self.control).values())

    def is_failed(self) -> bool:
        return bool(self.client.status(self.name).failed)


@pytest.fixture(scope="module")
def namespace(project: Project, settings: Settings) -> Iterator[str]:
    lake = project.pipeline("bank").lake
    assert lake is not None
    seed_lake(settings, lake)
    catalog = open_catalog(settings)
    catalog.create_namespace_if_not_exists(NAMESPACE)
    yield NAMESPACE
    for table in catalog.list_tables(NAMESPACE):
        catalog.drop_table(table)
    catalog.drop_namespace(NAMESPACE)


@pytest.fixture
def trap(project: Project, settings: Settings, own: OwnTopics, namespace: str) -> Iterator[Trap]:
    made = Trap(project, settings, own)
    assert made.table[0] == namespace
    yield made
    with contextlib.suppress(ConnectorNotFound):
        made.client.delete(made.name)


def rules(connector: Connector) -> set[str]:
    return {finding.rule for finding in lint([connector])}


@pytest.mark.parametrize(("reset", "lost"), [(None, True), ("earliest", False)], ids=["latest by default", "earliest"])
def test_a_commit_that_was_interrupted_is_lost_where_the_control_topic_is_read_from_its_end(
    trap: Trap, reset: str | None, lost: bool
) -> None:
    """The catalog is away when the first commit comes: the sink has read the records and written their file. By
    `max-consecutive-failures`, which is 1 by default, this one failure ends its task too."""
    gate = Catalog.before(trap.settings.s3_catalog, 80)
    connector = trap.connector(
        iceberg__kafka__auto__offset__reset=reset,
        iceberg__catalog__uri=gate.through(trap.settings.s3_catalog),
        **{"iceberg.control.commit.interval-ms": "10000", "iceberg.control.commit.max-consecutive-failures": None},
    )
    assert ("iceberg-starts-at-end" in rules(connector)) == lost
    assert "iceberg-commit-failures" in rules(connector)
    trap.write()
    trap.start(connector)
    wait_until(lambda: f"/tables/{trap.table[1]}".encode() in gate.asked, "it has made the table", WAIT)
    wait_until(lambda: trap.catalog.table_exists(trap.table), "the table is there", WAIT)
    gate.shut()
    wait_until(lambda: trap.read_to(RECORDS), "it says that it has read them", WAIT)
    wait_until(trap.is_failed, "its task fails", WAIT)
    assert trap.rows() == []
    gate.open()
    trap.client.restart(trap.name, only_failed=True)
    wait_until(lambda: trap.client.status(trap.name).is_running, "it runs again", WAIT)
    trap.write(RECORDS)
    wait_until(lambda: trap.numbers()[-RECORDS:] == list(range(RECORDS, 2 * RECORDS)), "what comes next is there", WAIT)
    gate.shut()
    assert trap.numbers() == list(range(RECORDS if lost else 0, 2 * RECORDS))


def test_a_control_topic_that_is_made_anew_is_passed_over_until_it_is_as_long_as_the_old_one_and_records_are_lost(
    trap: Trap, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    trap.start(trap.connector())
    trap.write()
    wait_until(lambda: trap.control_end() > LONG, "the control topic is long", WAIT)
    trap.write(RECORDS)
    wait_until(lambda: trap.numbers() == list(range(2 * RECORDS)), "the records are in the table", WAIT)
    snapshot = trap.catalog.load_table(trap.table).current_snapshot()
    assert snapshot is not None
    assert snapshot.summary is not None
    (stored,) = [
        json.loads(value)["0"]
        for key, value in snapshot.summary.additional_properties.items()
        if key.startswith(f"{OFFSETS}.{trap.control}")
    ]
    assert stored > LONG, "a snapshot has the offset of the control topic, not of the records"
    trap.client.stop(trap.name)
    wait_until(lambda: not trap.client.status(trap.name).tasks, "it has stopped", WAIT)
    trap.cluster.delete([trap.control])
    wait_until(lambda: trap.control not in trap.cluster.partitions(), "the topic is gone", WAIT)
    trap.cluster.create({trap.control: (1, 1)})
    trap.write(2 * RECORDS)
    trap.client.resume(trap.name)
    wait_until(lambda: trap.read_to(3 * RECORDS), "it says that it has read them", WAIT)
    end = trap.control_end()
    wait_until(lambda: trap.control_end() > end + 8, "there was a commit since", WAIT)
    assert trap.control_end() < stored
    assert trap.numbers() == list(range(2 * RECORDS)), "the others are in files that no snapshot has"
    monkeypatch.setenv("STREAMGUARD_KAFKA_BOOTSTRAP", trap.settings.kafka_bootstrap)
    words = ["connectors", "offsets", "get", trap.name, "--url", trap.settings.connect_url]
    assert run(["--project", str(trap.project.root), *words]) == 0
    assert f"the {stored} that {'.'.join(trap.table)} remembers: the topic was made anew" in capsys.readouterr().err
    another = trap.own.create("another-control", 1)
    trap.client.patch_config(trap.name, {"iceberg.control.topic": another})
    trap.write(3 * RECORDS)
    wait_until(lambda: trap.numbers()[-RECORDS:] == list(range(3 * RECORDS, 4 * RECORDS)), "a new name helps", WAIT)
    capsys.readouterr()
    assert run(["--project", str(trap.project.root), *words]) == 0
    assert "made anew" not in capsys.readouterr().err


def test_a_source_topic_that_is_made_anew_is_read_from_its_beginning(trap: Trap) -> None:
    """Unlike a control topic: Kafka has deleted the offsets with it, and no table remembers them."""
    trap.start(trap.connector())
    trap.write()
    wait_until(lambda: trap.numbers() == list(range(RECORDS)) and trap.read_to(RECORDS), "all is in the table", WAIT)
    trap.cluster.delete([trap.source])
    wait_until(lambda: trap.source not in trap.cluster.partitions(), "the topic is gone", WAIT)
    trap.cluster.create({trap.source: (1, 1)})
    trap.write(RECORDS)
    trap.write(2 * RECORDS)
    wait_until(lambda: trap.numbers() == list(range(3 * RECORDS)), "all that came since is there as well, once", WAIT)


def test_rows_of_a_branch_are_not_in_the_table_until_somebody_puts_them_there(trap: Trap) -> None:
    trap.start(trap.connector(**{"iceberg.tables.default-commit-branch": "audit"}))
    trap.write()

    def audited() -> int:
        if not trap.catalog.table_exists(trap.table):
            return 0
        table = trap.catalog.load_table(trap.table)
        return table.scan().use_ref("audit").to_arrow().num_rows if "audit" in table.refs() else 0

    wait_until(lambda: audited() == RECORDS, "the rows are in the branch", WAIT)
    assert trap.rows() == []


def test_the_sink_only_appends_though_columns_are_named_as_the_id(trap: Trap) -> None:
    """A key that repeats is a second row; the keys for upserts that another sink had are taken without a word."""
    upserts = {"iceberg.tables.default-id-columns": "number", "iceberg.tables.upsert-mode-enabled": "true"}
    connector = trap.connector(**upserts)
    assert "removed-key" in rules(connector)
    trap.start(connector)
    trap.write()
    trap.write()
    wait_until(lambda: len(trap.rows()) >= 2 * RECORDS, "every record is a row", WAIT)
    assert trap.numbers() == sorted([*range(RECORDS)] * 2)


@pytest.mark.parametrize(
    ("optional", "rows"), [(None, 0), ("true", 2)], ids=["required by default", "schema-force-optional"]
)
def test_a_column_that_a_later_record_lacks_fails_the_task_unless_every_column_is_optional(
    trap: Trap, optional: str | None, rows: int
) -> None:
    connector = trap.connector(
        value__converter__schemas__enable="true", **{"iceberg.tables.schema-force-optional": optional}
    )
    assert ("iceberg-evolution" in rules(connector)) == (optional is None)
    write(trap.settings, trap.source, [with_schema({"a": 1, "b": 2}), with_schema({"a": 2})])
    trap.client.create(trap.name, connector.config)
    if rows:
        wait_until(lambda: len(trap.rows()) == rows, "both are in the table", WAIT)
        assert sorted((row["a"], row["b"]) for row in trap.rows() if row["a"] == 1) == [(1, 2)]
        return
    wait_until(trap.is_failed, "its task fails", WAIT)
    assert trap.rows() == []


def with_schema(value: Mapping[str, int]) -> bytes:
    fields: Sequence[dict[str, Any]] = [{"field": name, "type": "int32", "optional": False} for name in value]
    return json.dumps({"schema": {"type": "struct", "fields": fields}, "payload": value}).encode()
