from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from streamguard.connect.offsets.moves import Standing
from streamguard.connect.offsets.reading import control_of
from streamguard.connect.offsets.remembered import newest, with_tables
from streamguard.settings import load

CONFIG = {
    "connector.class": "IcebergSinkConnector",
    "iceberg.tables": "shop.orders",
    "iceberg.control.topic": "c",
    "iceberg.catalog.uri": "http://127.0.0.1:1",
}
CONTROL = control_of("sink", CONFIG)
KEY = "kafka.connect.offsets.c.connect-sink"


@dataclass
class Table:
    """Snapshots by number, each with the one before it and what its summary says."""

    snapshots: dict[int, tuple[int | None, dict[str, str]]]
    branches: dict[str, int] = field(default_factory=dict)

    def snapshot_by_id(self, number: int) -> Any:
        parent, said = self.snapshots[number]
        return SimpleNamespace(parent_snapshot_id=parent, summary=SimpleNamespace(additional_properties=said))

    def snapshot_by_name(self, name: str) -> Any:
        return self.snapshot_by_id(self.branches[name])

    def current_snapshot(self) -> Any:
        return self.snapshot_by_id(max(self.snapshots)) if self.snapshots else None


def found(table: Table, branch: str | None = None) -> dict[int, int]:
    assert CONTROL is not None
    return newest(table, CONTROL, branch)  # type: ignore[arg-type]


def test_the_newest_snapshot_that_remembers_the_topic_counts_though_others_wrote_since() -> None:
    by_sink = {1: (None, {KEY: '{"0": 7}'}), 2: (1, {KEY: '{"0": 9, "1": 3}'})}
    assert found(Table({**by_sink, 3: (2, {"operation": "replace"})})) == {0: 9, 1: 3}
    assert found(Table({**by_sink, 3: (2, {"kafka.connect.offsets.other.connect-sink": '{"0": 99}'})})) == {0: 9, 1: 3}


def test_a_branch_has_its_own_memory() -> None:
    table = Table({1: (None, {KEY: '{"0": 7}'}), 2: (1, {KEY: '{"0": 9}'})}, {"audit": 1})
    assert found(table, "audit") == {0: 7}


def test_an_empty_table_and_one_of_another_sink_remember_nothing() -> None:
    assert found(Table({})) == {}
    assert found(Table({1: (None, {})})) == {}


@pytest.mark.slow  # the client of catalogs takes a while to import
def test_without_an_answer_of_the_catalog_or_with_another_catalog_nothing_is_told() -> None:
    stand = {"sink": Standing("sink", "connect-sink", (), control=CONTROL)}
    for catalog in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        settings = load(Path("/nonexistent"), environ={"STREAMGUARD_S3_CATALOG": catalog})
        assert with_tables(settings, stand, {"sink": CONFIG}) == stand
