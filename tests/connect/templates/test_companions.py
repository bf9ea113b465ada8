from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import sqlglot

from streamguard.connect.templates.companions import Companion, companions
from streamguard.connect.templates.parameters import parameters_of_kind

CONNECTORS = Path(__file__).parents[3] / "connectors"
COLUMNS = {"id": "string", "amount": "double", "n": "long", "ok": "boolean", "at": "timestamptz"}
LAKE = {"lake_namespace": "bank", "lake_tables": {"t": COLUMNS}}
RUNS = """
const made = [];
const documents = {createIndex: (...a) => made.push(["createIndex", ...a])};
const db = {getSiblingDB: (n) => (made.push(["db", n]), {
  createCollection: (...a) => made.push(["createCollection", ...a]),
  getCollection: (n) => (made.push(["collection", n]), documents)})};
(function () { %s })();
console.log(JSON.stringify(made));
"""


def made(kind: str, **given: Any) -> list[Companion]:
    return companions(kind, "one-sink", {**parameters_of_kind(kind, CONNECTORS).defaults, **given})


def ran(companion: Companion) -> list[Any]:
    """What the script asks of mongosh's `db`, run by Node."""
    command = ["node", "-e", RUNS % companion.text]
    found: list[Any] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def test_documents_that_are_found_by_fields_get_a_unique_index_without_which_two_tasks_insert_one_twice() -> None:
    (script,) = made(
        "mongodb", mongodb_database="d", collection="c", id_source="value", id_fields=["A", "b.c"], indexes=["A,-at"]
    )
    assert script.file == "one-sink.indexes.js"
    assert ran(script) == [
        ["db", "d"],
        ["collection", "c"],
        ["createIndex", {"A": 1, "b.c": 1}, {"unique": True}],
        ["createIndex", {"A": 1, "at": -1}],
    ]


def test_documents_that_are_found_by_their_id_need_no_further_index() -> None:
    (script,) = made("mongodb", mongodb_database="d", collection="c")
    assert [call[0] for call in ran(script)] == ["db", "collection"]


def test_a_time_series_is_made_beforehand() -> None:
    series = {"time_field": "at", "meta_field": "who", "granularity": "minutes", "expire_after_seconds": 60}
    (script,) = made("mongodb", mongodb_database="d", collection="c", write_mode="insert", timeseries=series)
    options = {"timeField": "at", "metaField": "who", "granularity": "minutes"}
    assert ["createCollection", "c", {"timeseries": options, "expireAfterSeconds": 60}] in ran(script)


def test_no_name_breaks_out_of_the_script() -> None:
    (script,) = made("mongodb", mongodb_database='d"); evil("', collection='c\n"); evil("')
    assert ran(script)[:2] == [["db", 'd"); evil("'], ["collection", 'c\n"); evil("']]


def test_the_files_are_a_table_of_athena_whose_folders_are_worked_out() -> None:
    (ddl,) = made("s3", topics=["Users.v-1"], s3_bucket="b", prefix="raw", columns=COLUMNS)
    tree = sqlglot.parse_one(ddl.text, dialect="athena")
    assert {column.name for column in tree.find_all(sqlglot.exp.ColumnDef)} == {*COLUMNS, "dt", "hour"}
    assert "`users_v_1`" in ddl.text
    assert "`n` bigint" in ddl.text
    assert "'storage.location.template' = 's3://b/raw/Users.v-1/dt=${dt}/hour=${hour}/'" in ddl.text
    assert "'projection.hour.range' = '0,23'" in ddl.text
    assert "'projection.hour.digits' = '2'" in ddl.text
    assert "'projection.dt.format' = 'yyyy-MM-dd'" in ddl.text


@pytest.mark.parametrize(
    ("given", "has", "has_not"),
    [
        ({"partition": "day"}, "s3://b/topics/t/dt=${dt}/'", "`hour`"),
        ({"partition_fields": ["id"]}, "'projection.id.type' = 'injected'", "`id` string,"),
        ({"file_format": "parquet"}, "STORED AS PARQUET", "JsonSerDe"),
    ],
)
def test_the_table_follows_the_parameters_of_the_files(given: dict[str, Any], has: str, has_not: str) -> None:
    (ddl,) = made("s3", topics=["t"], s3_bucket="b", columns=COLUMNS, **given)
    assert has in ddl.text
    assert has_not not in ddl.text
    sqlglot.parse_one(ddl.text, dialect="athena")


def test_an_iceberg_table_has_its_ddl_and_the_maintenance_that_the_sink_does_not_do() -> None:
    found = {
        companion.file: companion.text for companion in made("iceberg", table="t", partition_by=["days(at)"], **LAKE)
    }
    assert list(found) == ["one-sink.athena.sql"] + [
        f"one-sink.maintenance.{engine}.sql" for engine in ("spark", "trino", "athena")
    ]
    assert "PARTITIONED BY (day(at))" in found["one-sink.athena.sql"]
    assert "`_offset` bigint" in found["one-sink.athena.sql"]
    for statement in ("rewrite_data_files", "rewrite_manifests", "expire_snapshots", "remove_orphan_files"):
        assert f"CALL lake.system.{statement}(table => 'bank.t'" in found["one-sink.maintenance.spark.sql"]
    for engine in ("spark", "trino"):
        assert len(sqlglot.parse(found[f"one-sink.maintenance.{engine}.sql"], dialect=engine)) == 4
    assert "VACUUM bank.t;" in found["one-sink.maintenance.athena.sql"]


def test_every_routed_table_is_maintained() -> None:
    found = made("iceberg", routes={"a": "x", "b": "y"}, route_field="kind", **LAKE)
    assert all(f"bank.{table}" in companion.text for table in "ab" for companion in found)


def test_the_table_of_postgresql_has_the_primary_key_that_the_sink_looks_for() -> None:
    (ddl,) = made("postgres", table="public.users", columns={"id": "string", "n": "long"}, id_fields=["id", "kind"])
    tree = sqlglot.parse_one(ddl.text, dialect="postgres")
    assert [column.name for column in tree.find_all(sqlglot.exp.ColumnDef)] == ["kind", "id", "n"]
    assert 'PRIMARY KEY ("id", "kind")' in ddl.text
    assert '"public"."users"' in ddl.text
    (ddl,) = made("postgres", table="t", columns={"n": "long"}, id_source="position")
    assert 'PRIMARY KEY ("__connect_topic", "__connect_partition", "__connect_offset")' in ddl.text
    assert '"__connect_offset" bigint' in ddl.text


def test_what_has_no_parameters_for_it_has_no_companion() -> None:
    assert made("mongodb", mongodb_database="d") == []
    assert made("s3", topics=["t"], s3_bucket="b") == []
    assert made("postgres", table="t") == []
    assert companions("other", "x", {}) == []
