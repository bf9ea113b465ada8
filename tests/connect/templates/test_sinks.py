"""The pieces of templates in connectors/shared: what each parameter does to the config, and the traps they avoid."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.lint.run import errors, lint
from streamguard.connect.secrecy.sensitive import literal_secrets
from streamguard.connect.templates.parameters import kinds, parameters_of_kind
from streamguard.connect.templates.pieces import PIECES
from streamguard.connect.templates.render import Connector, render
from streamguard.errors import TemplateError
from streamguard.stack.kafka_config import CONSUMER_OVERRIDES

pytestmark = pytest.mark.slow

CONNECTORS = Path(__file__).parents[3] / "connectors"
COLUMNS = {"id": "string", "amount": "double", "n": "long", "ok": "boolean"}
GIVEN: dict[str, dict[str, Any]] = {
    "mongodb": {"topics": ["t"], "mongodb_database": "d", "collection": "c"},
    "iceberg": {
        "topics": ["t"],
        "table": "t",
        "lake_namespace": "n",
        "lake_tables": {"t": COLUMNS},
        "s3_catalog": "http://c",
        "s3_warehouse": "s3://lake/",
        "s3_region": "r",
        "s3_endpoint": "http://s3",
    },
    "s3": {"topics": ["t"], "s3_bucket": "bucket", "s3_region": "r"},
    "postgres": {
        "topics": ["t"],
        "postgres_url": "jdbc:postgresql://h/d",
        "table": "t",
        "id_fields": ["id"],
        "columns": COLUMNS,
    },
}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in GIVEN),
    ("mongodb", {"plugin_version": "2.0.1", "tasks_max": 2, "dead_letter_topic": "letters", "ordered": True}),
    ("mongodb", {"id_source": "position", "ordered": False}),
    ("mongodb", {"id_source": "value", "id_fields": ["a"], "redact_fields": ["b"], "ordered": False}),
    (
        "mongodb",
        {"write_mode": "insert", "timeseries": {"time_field": "at", "meta_field": "m", "granularity": "hours"}},
    ),
    (
        "mongodb",
        {
            "rate_limit_batches": 5,
            "rate_limit_pause_ms": 10,
            "max_poll_records": 5,
            "max_poll_interval_ms": 9000,
            "delete_on_null": True,
        },
    ),
    ("iceberg", {"table": None, "routes": {"a": "x"}, "route_field": "f", "branch": "audit", "id_columns": ["id"]}),
    ("iceberg", {"auto_create": True, "evolve": True, "partition_by": ["days(at)"], "s3_catalog_auth": "none"}),
    ("iceberg", {"s3_credentials": "default", "iceberg_catalog_type": "glue", "s3_endpoint": ""}),
    ("s3", {"partition": "day", "time": "at", "keep_keys": True, "keep_headers": True, "s3_credentials": "variables"}),
    ("s3", {"partition_fields": ["a"], "sse": "aws:kms", "sse_kms_key": "k", "s3_endpoint": "http://s3"}),
    ("s3", {"file_format": "parquet", "value_format": "avro", "schema_registry_url": "http://r", "max_open_files": 9}),
    ("s3", {"file_format": "avro", "value_format": "json_with_schema"}),
    ("s3", {"file_format": "bytes", "value_format": "bytes", "compression": "none", "rotate_schedule_minutes": 0}),
    ("postgres", {"id_source": "value", "value_format": "avro", "schema_registry_url": "http://r", "columns": None}),
    ("postgres", {"id_source": "position", "id_fields": None}),
    ("postgres", {"delete_on_null": True, "schema_evolution": "basic", "postgres_credentials_file": "/run/pg"}),
]
"""Parameters that between them make each piece write every key that it knows."""

Make = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """The config of a connector of a kind, with the given parameters over those of GIVEN; None leaves one out."""
    root = tmp_path_factory.mktemp("connectors")
    shutil.copytree(CONNECTORS / PIECES, root / PIECES)
    for kind in GIVEN:
        (root / kind).mkdir()
        (root / kind / "one-sink.json.j2").write_text(f'{{ {{%- include "shared/{kind}-sink.j2" -%}} }}')

    def of(kind: str, **given: Any) -> dict[str, str]:
        values = {name: value for name, value in {**GIVEN[kind], **given}.items() if value is not None}
        return dict(render(root / kind / "one-sink.json.j2", values, root).config)

    return of


@pytest.mark.parametrize("kind", GIVEN)
def test_every_sink_keeps_records_that_do_not_convert_and_never_logs_them(make: Make, kind: str) -> None:
    config = make(kind)
    assert config["errors.tolerance"] == "all"
    assert config["errors.deadletterqueue.topic.name"] == "one-sink-dead-letter"
    assert config["errors.deadletterqueue.context.headers.enable"] == "true"
    assert (config["errors.log.enable"], config["errors.log.include.messages"]) == ("false", "false")
    assert int(config["errors.retry.timeout"]) >= 60_000
    assert config["consumer.override.auto.offset.reset"] == "earliest"
    assert literal_secrets(config) == {}
    assert all(config.values())
    assert {key for key in config if ".override." in key} <= {
        f"consumer.override.{name}" for name in CONSUMER_OVERRIDES
    }


@pytest.mark.parametrize("kind", GIVEN)
def test_every_parameter_is_documented_and_typed(kind: str) -> None:
    for name, spec in parameters_of_kind(kind, CONNECTORS).properties.items():
        assert spec["description"].endswith("."), name
        assert "type" in spec or "enum" in spec, name


def test_every_kind_has_its_fixture() -> None:
    assert set(kinds(CONNECTORS)) == set(GIVEN)


@pytest.mark.parametrize("kind", GIVEN)
@pytest.mark.parametrize("form", ["avro", "protobuf", "json_schema", "json_with_schema"])
def test_records_with_a_schema_are_read_with_it(make: Make, kind: str, form: str) -> None:
    config = make(
        kind, value_format=form, schema_registry_url="http://r:8081", schema_registry_auth_variable="REGISTRY"
    )
    if form == "json_with_schema":
        assert config["value.converter.schemas.enable"] == "true"
        assert "value.converter.schema.content" not in config
    else:
        assert config["value.converter.schema.registry.url"] == "http://r:8081"
        assert config["value.converter.basic.auth.user.info"] == "${env:REGISTRY}"


def test_a_schema_registry_is_asked_for_when_it_is_needed(make: Make) -> None:
    with pytest.raises(TemplateError, match="schema_registry_url is missing, since value_format is avro"):
        make("mongodb", value_format="avro")


def test_topics_are_listed_or_matched_and_not_both(make: Make) -> None:
    assert make("mongodb", topics=None, topics_regex="a.*")["topics.regex"] == "a.*"
    with pytest.raises(TemplateError, match="topics and topics_regex exclude each other"):
        make("mongodb", topics_regex="a.*")


def test_mongodb_replaces_a_document_by_its_key_so_that_a_replay_does_not_duplicate(make: Make) -> None:
    config = make("mongodb")
    assert config["document.id.strategy"].endswith(".ProvidedInKeyStrategy")
    assert config["writemodel.strategy"].endswith(".ReplaceOneDefaultStrategy")


def test_mongodb_found_by_fields_of_the_value_is_an_upsert_by_its_business_key(make: Make) -> None:
    config = make("mongodb", id_source="value", id_fields=["A", "B"])
    assert config["document.id.strategy"].endswith(".PartialValueStrategy")
    assert config["document.id.strategy.partial.value.projection.type"] == "AllowList"
    assert config["document.id.strategy.partial.value.projection.list"] == "A,B"
    assert config["document.id.strategy.overwrite.existing"] == "true"
    assert config["writemodel.strategy"].endswith(".ReplaceOneBusinessKeyStrategy")
    assert "transforms" not in config


def test_mongodb_by_position_replaces_the_document_of_its_place_and_takes_no_id_of_the_record(make: Make) -> None:
    config = make("mongodb", id_source="position")
    assert config["document.id.strategy"].endswith(".KafkaMetaDataStrategy")
    assert config["document.id.strategy.overwrite.existing"] == "true"
    assert config["writemodel.strategy"].endswith(".ReplaceOneDefaultStrategy")
    assert "transforms" not in config


@pytest.mark.parametrize("given", [{"delete_on_null": True}, {"write_mode": "update"}, {"id_fields": ["a"]}], ids=str)
def test_mongodb_by_position_only_replaces(make: Make, given: dict[str, Any]) -> None:
    with pytest.raises(TemplateError, match=next(iter(given))):
        make("mongodb", id_source="position", **given)


def test_mongodb_keeps_times_of_insertion_and_change_in_update_mode(make: Make) -> None:
    config = make("mongodb", id_source="value", id_fields=["A"], write_mode="update")
    assert config["writemodel.strategy"].endswith(".UpdateOneBusinessKeyTimestampStrategy")
    assert make("mongodb", write_mode="update")["writemodel.strategy"].endswith(".UpdateOneDefaultStrategy")


def test_mongodb_inserts_into_time_series_only(make: Make) -> None:
    with pytest.raises(TemplateError, match="timeseries is missing, since write_mode is insert"):
        make("mongodb", write_mode="insert")
    config = make("mongodb", write_mode="insert", timeseries={"time_field": "at", "expire_after_seconds": 5})
    assert config["timeseries.timefield"] == "at"
    assert config["timeseries.expire.after.seconds"] == "5"
    assert config["writemodel.strategy"].endswith(".InsertOneDefaultStrategy")
    assert config["document.id.strategy"].endswith(".KafkaMetaDataStrategy")  # says which record it was


def test_mongodb_sends_errors_of_the_data_to_the_dead_letter_topic_and_an_outage_never(make: Make) -> None:
    assert make("mongodb")["mongo.errors.tolerance"] == "data"


def test_mongodb_deletes_by_key_only(make: Make) -> None:
    assert make("mongodb", delete_on_null=True)["delete.on.null.values"] == "true"
    with pytest.raises(TemplateError, match="delete_on_null must be False with the other parameters"):
        make("mongodb", id_source="value", id_fields=["A"], delete_on_null=True)


def test_mongodb_bounds_the_batch_that_one_bad_document_delays_and_takes_order_as_given(make: Make) -> None:
    assert make("mongodb")["max.batch.size"] == "1000"
    assert "bulk.write.ordered" not in make("mongodb")
    assert make("mongodb", ordered=False)["bulk.write.ordered"] == "false"


def test_mongodb_leaves_out_personal_data(make: Make) -> None:
    config = make("mongodb", redact_fields=["SSN", "a.b"])
    assert config["value.projection.type"] == "BlockList"
    assert config["value.projection.list"] == "SSN,a.b"
    assert config["post.processor.chain"].endswith(".BlockListValueProjector")


def test_iceberg_loses_no_interrupted_commit_and_shares_no_control_topic(make: Make) -> None:
    config = make("iceberg")
    assert config["iceberg.kafka.auto.offset.reset"] == "earliest"
    assert config["iceberg.control.topic"] == "one-sink-control"
    assert int(config["iceberg.control.commit.max-consecutive-failures"]) > 1
    assert config["iceberg.control.commit.interval-ms"] == "60000"


def test_iceberg_changes_no_table_unless_it_is_told_to(make: Make) -> None:
    config = make("iceberg")
    assert config["iceberg.tables.auto-create-enabled"] == "false"
    assert config["iceberg.tables.evolve-schema-enabled"] == "false"
    config = make("iceberg", auto_create=True, partition_by=["days(at)"], format_version=3)
    assert config["iceberg.tables.auto-create-props.format-version"] == "3"
    assert config["iceberg.tables.default-partition-by"] == "days(at)"
    with pytest.raises(TemplateError, match="partition_by has no meaning with the other parameters"):
        make("iceberg", partition_by=["days(at)"])


def test_iceberg_casts_what_may_not_fit_so_that_it_is_a_dead_letter_and_not_a_failed_task(make: Make) -> None:
    assert make("iceberg")["transforms.types.spec"] == "amount:float64,n:int64,ok:boolean"
    assert make("iceberg")["transforms"] == "columns,types,position"
    plain = make("iceberg", columns={"a": "string"}, fields_case="same", position_columns=False)
    assert "transforms" not in plain


def test_iceberg_routes_records_to_several_tables(make: Make) -> None:
    config = make("iceberg", table=None, routes={"a": "^A$", "b": "B|C"}, route_field="kind")
    assert config["iceberg.tables"] == "n.a,n.b"
    assert config["iceberg.tables.route-field"] == "kind"
    assert config["iceberg.table.n.b.route-regex"] == "B|C"
    with pytest.raises(TemplateError, match="go together"):
        make("iceberg", routes={"a": "x"})


def test_iceberg_needs_no_keys_where_the_machine_has_a_role(make: Make) -> None:
    config = make("iceberg", s3_credentials="default", iceberg_catalog_type="glue", s3_endpoint=None)
    assert not any("${" in value for value in config.values())
    assert config["iceberg.catalog.catalog-impl"] == "org.apache.iceberg.aws.glue.GlueCatalog"
    assert "iceberg.catalog.s3.endpoint" not in config


@pytest.mark.parametrize(("kind", "given"), VARIANTS)
def test_every_key_that_a_piece_writes_is_one_of_its_plugin_and_speaks_against_no_rule(
    make: Make, kind: str, given: dict[str, Any]
) -> None:
    config = make(kind, **given)
    found = errors(lint([Connector("one-sink", config, Path("one-sink.json.j2"))]))
    assert [str(finding) for finding in found] == []


def test_s3_names_folders_by_the_day_and_not_by_the_year_of_the_week(make: Make) -> None:
    config = make("s3")
    assert config["path.format"] == "'dt'=yyyy-MM-dd/'hour'=HH"
    assert (config["partition.duration.ms"], config["locale"], config["timezone"]) == ("3600000", "en-US", "UTC")
    day = make("s3", partition="day")
    assert (day["path.format"], day["partition.duration.ms"]) == ("'dt'=yyyy-MM-dd", "86400000")


def test_s3_files_follow_from_the_records_alone_so_that_a_replay_writes_the_same_ones(make: Make) -> None:
    assert make("s3")["timestamp.extractor"] == "Record"
    assert make("s3", time="at")["timestamp.extractor"] == "RecordField"
    assert make("s3", time="at")["timestamp.field"] == "at"
    assert int(make("s3")["flush.size"]) > 0


def test_s3_closes_the_files_of_quiet_partitions_too(make: Make) -> None:
    assert make("s3")["rotate.interval.ms"] == "600000"
    assert make("s3")["rotate.schedule.interval.ms"] == "1800000"
    assert "rotate.schedule.interval.ms" not in make("s3", rotate_schedule_minutes=0)


def test_s3_takes_little_memory_for_each_open_file(make: Make) -> None:
    assert make("s3")["s3.part.size"] == str(5 * 1024 * 1024)
    with pytest.raises(TemplateError, match="part_size_mb does not fit: 4 is less than the minimum of 5"):
        make("s3", part_size_mb=4)


def test_s3_writes_parquet_of_records_with_a_schema_only_and_keeps_one_file_for_compatible_schemas(make: Make) -> None:
    with pytest.raises(TemplateError, match=r"value_format takes .* and 'json' is none of them"):
        make("s3", file_format="parquet")
    config = make("s3", file_format="parquet", value_format="json_with_schema")
    assert (config["parquet.codec"], config["schema.compatibility"]) == ("snappy", "BACKWARD")
    with pytest.raises(TemplateError, match="compression takes none or gzip"):
        make("s3", compression="zstd")


def test_s3_needs_no_keys_where_the_machine_has_a_role(make: Make) -> None:
    assert not any("${" in value for value in make("s3").values())


def test_postgresql_is_an_upsert_by_the_record_key_that_a_replay_does_not_change(make: Make) -> None:
    config = make("postgres")
    assert (config["insert.mode"], config["primary.key.mode"], config["primary.key.fields"]) == (
        "upsert",
        "record_key",
        "id",
    )
    assert config["transforms.key.type"].endswith(".HoistField$Key")
    assert config["schema.evolution"] == "none"


def test_postgresql_gives_records_without_a_schema_one(make: Make) -> None:
    schema = json.loads(make("postgres")["value.converter.schema.content"])
    assert [(field["field"], field["type"]) for field in schema["fields"]] == [
        ("ID", "string"),
        ("AMOUNT", "double"),
        ("N", "int64"),
        ("OK", "boolean"),
    ]
    assert make("postgres", fields_case="same").get("transforms.columns.renames") is None
    with pytest.raises(TemplateError, match="columns is missing, since value_format is json"):
        make("postgres", columns=None)


def test_postgresql_tells_no_values_of_a_statement_that_it_refuses(make: Make) -> None:
    assert make("postgres")["connection.url"] == "jdbc:postgresql://h/d?logServerErrorDetail=false"
    url = make("postgres", postgres_url="jdbc:postgresql://h/d?sslmode=verify-full")["connection.url"]
    assert url.endswith("?sslmode=verify-full&logServerErrorDetail=false")


def test_postgresql_takes_user_and_password_from_variables_or_a_file_and_never_from_the_url(make: Make) -> None:
    assert make("postgres")["connection.password"] == "${env:POSTGRES_PASSWORD}"
    config = make("postgres", postgres_credentials_file="/run/pg.properties")
    assert config["connection.username"] == "${file:/run/pg.properties:user}"
    with pytest.raises(TemplateError, match="postgres_url"):
        make("postgres", postgres_url="jdbc:postgresql://u:p@h/d")


def test_postgresql_appends_by_the_position_in_kafka_so_that_a_replay_adds_no_row(make: Make) -> None:
    config = make("postgres", id_source="position", id_fields=None)
    assert (config["insert.mode"], config["primary.key.mode"]) == ("upsert", "kafka")
    assert "primary.key.fields" not in config
    with pytest.raises(TemplateError, match="write_mode must be 'upsert'"):
        make("postgres", id_source="position", id_fields=None, write_mode="update")


def test_postgresql_finds_rows_by_the_value_without_deleting_them(make: Make) -> None:
    config = make("postgres", id_source="value", id_fields=["id", "n"])
    assert (config["primary.key.mode"], config["primary.key.fields"]) == ("record_value", "id,n")
    assert config["transforms"] == "columns"
    with pytest.raises(TemplateError, match="delete_on_null must be False"):
        make("postgres", id_source="value", delete_on_null=True)
    with pytest.raises(TemplateError, match="id_fields"):
        make("postgres", id_fields=["id", "n"])
