"""The pieces in connectors/shared, with what a new connector needs: lint has nothing against them, or they say why."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.lint.run import lint
from streamguard.connect.templates.parameters import kinds
from streamguard.connect.templates.pieces import PIECES
from streamguard.connect.templates.render import Connector, render
from tests.connect.templates.test_sinks import CONNECTORS, GIVEN

pytestmark = pytest.mark.slow

BY_VALUE = {"id_source": "value", "id_fields": ["id"]}
CLEAN: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in GIVEN),
    ("mongodb", {"ordered": True}),
    ("mongodb", {"delete_on_null": True, "redact_fields": ["ssn"]}),
    ("mongodb", BY_VALUE),
    ("mongodb", {"id_source": "position"}),
    ("mongodb", {"write_mode": "insert", "timeseries": {"time_field": "at"}}),
    ("iceberg", {"auto_create": True, "partition_by": ["days(at)"]}),
    ("iceberg", {"evolve": True}),
    ("iceberg", {"iceberg_catalog_type": "glue", "s3_endpoint": None}),
    ("s3", {"time": "at", "max_open_files": 24}),
    ("s3", {"file_format": "parquet", "value_format": "json_with_schema"}),
    ("postgres", {"delete_on_null": True}),
    ("postgres", BY_VALUE),
]
RISKY: list[tuple[str, dict[str, Any], str, str]] = [
    ("mongodb", {**BY_VALUE, "write_mode": "update"}, "mongodb-replay-differs", "write_mode"),
    ("iceberg", {"auto_create": True, "partition_by": ["hours(at)"]}, "iceberg-partitions", "partition_by"),
    ("s3", {"part_size_mb": 25}, "s3-memory", "part_size_mb"),
    ("s3", {"rotate_schedule_minutes": 0}, "s3-quiet-partitions", "rotate_minutes"),
]


def connector(folder: Path, kind: str, given: dict[str, Any]) -> Connector:
    shutil.copytree(CONNECTORS / PIECES, folder / PIECES)
    (folder / "p").mkdir()
    template = folder / "p" / "one-sink.json.j2"
    template.write_text(f'{{ {{%- include "shared/{kind}-sink.j2" -%}} }}')
    values = {name: value for name, value in {**GIVEN[kind], **given}.items() if value is not None}
    return render(template, values, folder)


def test_every_kind_of_sink_is_looked_at() -> None:
    assert set(GIVEN) == set(kinds(CONNECTORS))


@pytest.mark.parametrize(("kind", "given"), CLEAN, ids=str)
def test_a_shipped_sink_is_clean(tmp_path: Path, kind: str, given: dict[str, Any]) -> None:
    assert lint([connector(tmp_path, kind, given)]) == []


@pytest.mark.parametrize(("kind", "given", "rule", "parameter"), RISKY, ids=str)
def test_a_risky_parameter_is_told_by_its_name(
    tmp_path: Path, kind: str, given: dict[str, Any], rule: str, parameter: str
) -> None:
    assert [(found.rule, found.parameter) for found in lint([connector(tmp_path, kind, given)])] == [(rule, parameter)]
