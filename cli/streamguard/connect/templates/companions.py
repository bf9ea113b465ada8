"""Companions: what stands beside a connector, made from the same parameters. Pure: values in, text out.

MongoDB: a script of indexes. S3 files: the DDL of Athena with partition projection. Iceberg: the DDL of Athena and the
maintenance that no sink does. PostgreSQL: the table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

HIVE = {"long": "bigint", "time": "string", "timestamptz": "timestamp"}
POSTGRES = {"int": "integer", "long": "bigint", "float": "real", "double": "double precision", "string": "text"}
POSITION = {"_partition": "int", "_offset": "long"}
PLACE = {"__connect_topic": "string", "__connect_partition": "int", "__connect_offset": "long"}
"""The columns of Debezium's sink for a record's position in Kafka, with types."""
KEPT_DAYS = 7
KEPT_SNAPSHOTS = 20

SPARK = (
    "CALL lake.system.rewrite_data_files(table => '{namespace}.{table}', strategy => 'binpack',\n"
    "  options => map('min-input-files', '5', 'target-file-size-bytes', '268435456'));",
    "CALL lake.system.rewrite_manifests(table => '{namespace}.{table}');",
    "CALL lake.system.expire_snapshots(table => '{namespace}.{table}',\n"
    f"  older_than => current_timestamp() - INTERVAL {KEPT_DAYS} DAYS, retain_last => {KEPT_SNAPSHOTS});",
    "CALL lake.system.remove_orphan_files(table => '{namespace}.{table}',\n"
    f"  older_than => current_timestamp() - INTERVAL {KEPT_DAYS} DAYS);",
)
TRINO = (
    "ALTER TABLE lake.{namespace}.{table} EXECUTE optimize(file_size_threshold => '128MB');",
    "ALTER TABLE lake.{namespace}.{table} EXECUTE optimize_manifests;",
    f"ALTER TABLE lake.{{namespace}}.{{table}} EXECUTE expire_snapshots(retention_threshold => '{KEPT_DAYS}d');",
    f"ALTER TABLE lake.{{namespace}}.{{table}} EXECUTE remove_orphan_files(retention_threshold => '{KEPT_DAYS}d');",
)
ATHENA = (
    "ALTER TABLE {namespace}.{table} SET TBLPROPERTIES (\n"
    f"  'vacuum_max_snapshot_age_seconds' = '{KEPT_DAYS * 86400}',\n"
    f"  'vacuum_min_snapshots_to_keep' = '{KEPT_SNAPSHOTS}');",
    "OPTIMIZE {namespace}.{table} REWRITE DATA USING BIN_PACK;",
    "VACUUM {namespace}.{table};",
)
"""The statements of each engine, for a `{namespace}` and a `{table}`."""


@dataclass(frozen=True)
class Companion:
    """A text for a file of that name."""

    file: str
    about: str
    text: str


def companions(kind: str, name: str, values: Mapping[str, Any]) -> list[Companion]:
    """The companions of the connector `name`, a sink of `kind`, with the values that its template is rendered with."""
    make = {"mongodb": _mongodb, "s3": _s3, "iceberg": _iceberg, "postgres": _postgres}.get(kind)
    return make(name, values) if make else []


def _mongodb(name: str, values: Mapping[str, Any]) -> list[Companion]:
    collection = values.get("collection")
    if not collection:
        return []  # the template says it itself, or there is one for each topic
    lines = [
        f'// What the collection of the connector {name} needs. Run it once: mongosh "$URI" {name}.indexes.js',
        f"const target = db.getSiblingDB({json.dumps(values['mongodb_database'])});",
    ]
    series = values.get("timeseries")
    if series:
        options: dict[str, Any] = {"timeField": series["time_field"]}
        options |= {"metaField": series["meta_field"]} if "meta_field" in series else {}
        options |= {"granularity": series["granularity"]} if "granularity" in series else {}
        made: dict[str, Any] = {"timeseries": options}
        made |= {"expireAfterSeconds": series["expire_after_seconds"]} if "expire_after_seconds" in series else {}
        lines.append(f"target.createCollection({json.dumps(collection)}, {json.dumps(made)});")
    lines.append(f"const documents = target.getCollection({json.dumps(collection)});")
    if not series and values.get("id_source") == "value":
        lines += [
            "// Documents are found by these fields. Without the index two tasks can insert one twice.",
            f'documents.createIndex({_index(values["id_fields"])}, {{"unique": true}});',
        ]
    elif not series:
        lines.append("// A document is found by its _id, which has an index already.")
    lines += [f"documents.createIndex({_index(fields.split(','))});" for fields in values.get("indexes", ())]
    return [Companion(f"{name}.indexes.js", "indexes", "\n".join(lines) + "\n")]


def _index(fields: Sequence[str]) -> str:
    """`{"a": 1, "b": -1}` of `a` and `-b`."""
    return json.dumps({field.strip().removeprefix("-"): -1 if field.strip().startswith("-") else 1 for field in fields})


def _s3(name: str, values: Mapping[str, Any]) -> list[Companion]:
    tables = files_tables(values)
    if not tables:
        return []
    head = (
        f"-- The files of the connector {name} as tables of Athena. The folders are worked out from the query\n"
        "-- (partition projection): no crawler, no MSCK REPAIR, and nothing to add when an hour begins.\n"
    )
    return [Companion(f"{name}.athena.sql", "tables of Athena over the files", head + "\n".join(tables))]


def files_tables(values: Mapping[str, Any]) -> list[str]:
    """The statement of a table over the files of each topic of an S3 sink; none, if nobody says what columns it has."""
    topics = list(values.get("topics", ()))
    named = str(values.get("table", "")) if len(topics) == 1 else ""
    columns = values.get("columns") or values.get("lake_tables", {}).get(named)
    if not columns:
        return []
    every = {**columns, **(POSITION if values.get("position_columns") else {})}
    return [_files_table(topic, named or _identifier(topic), every, values) for topic in topics]


def _files_table(topic: str, table: str, columns: Mapping[str, str], values: Mapping[str, Any]) -> str:
    location = f"s3://{values['s3_bucket']}/{values['prefix']}/{topic}/"
    parts, projection = _folders(values)
    properties = {"projection.enabled": "true", **projection}
    folders = "".join(f"{part}=${{{part}}}/" for part in parts)
    properties["storage.location.template"] = location + folders
    body = ",\n".join(f"  `{column.lower()}` {_hive(kind)}" for column, kind in columns.items() if column not in parts)
    told = ",\n".join(f"  {_text(key)} = {_text(value)}" for key, value in properties.items())
    by = ", ".join(f"`{part}` {kind}" for part, kind in parts.items())
    return (
        f"CREATE EXTERNAL TABLE IF NOT EXISTS `{table}` (\n{body}\n)\n"
        f"PARTITIONED BY ({by})\n{_stored(values['file_format'])}\n"
        f"LOCATION {_text(location)}\nTBLPROPERTIES (\n{told}\n);\n"
    )


def _folders(values: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The columns that the folders make, with types, and how Athena works out their values."""
    fields = values.get("partition_fields")
    if fields:
        return dict.fromkeys(fields, "string"), {f"projection.{field}.type": "injected" for field in fields}
    projection = {
        "projection.dt.type": "date",
        "projection.dt.format": "yyyy-MM-dd",
        "projection.dt.range": f"{values['projection_from']},NOW+1DAYS",  # time zones ahead of UTC
    }
    if values["partition"] == "day":
        return {"dt": "string"}, projection
    hours = {"type": "integer", "range": "0,23", "digits": "2"}
    return {"dt": "string", "hour": "int"}, projection | {f"projection.hour.{key}": hours[key] for key in hours}


def _stored(file_format: str) -> str:
    if file_format in ("parquet", "avro"):
        return f"STORED AS {file_format.upper()}"
    serde = "'org.openx.data.jsonserde.JsonSerDe'"
    return f"ROW FORMAT SERDE {serde}\nSTORED AS TEXTFILE"


def _iceberg(name: str, values: Mapping[str, Any]) -> list[Companion]:
    namespace = str(values.get("lake_namespace", "default"))
    lake = values.get("lake_tables", {})
    tables = list(values["routes"]) if "routes" in values else [values["table"]] if "table" in values else []
    known = {table: values.get("columns") or lake.get(table) for table in tables}
    made = [_iceberg_table(table, columns, values) for table, columns in known.items() if columns]
    found = [
        Companion(f"{name}.maintenance.{engine}.sql", f"maintenance by {title}", _maintenance(head, lines, tables))
        for engine, title, head, lines in _engines(name, namespace)
    ]
    if made:
        place = "" if _is_glue(values) else "Put a bucket of yours in LOCATION, and\n-- "
        head = (
            f"-- The tables of the connector {name}, if Athena makes them. {place}"
            f"{'Run' if not place else 'run'} it in the Athena database `{namespace}`.\n"
        )
        found.insert(0, Companion(f"{name}.athena.sql", "tables of Athena", head + "\n".join(made)))
    return found if tables else []


def _iceberg_table(table: str, columns: Mapping[str, str], values: Mapping[str, Any]) -> str:
    every = {**columns, **(POSITION if values.get("position_columns", True) else {})}
    body = ",\n".join(f"  `{column}` {_hive(kind)}" for column, kind in every.items())
    # Athena writes days(ts) as day(ts).
    parts = [part.replace("s(", "(") for part in values.get("partition_by", ())]
    by = f"PARTITIONED BY ({', '.join(parts)})\n" if parts else ""
    return (
        f"CREATE TABLE IF NOT EXISTS `{table}` (\n{body}\n)\n{by}"
        f"LOCATION {_text(_location(table, values))}\n"
        "TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet');\n"
    )


def _is_glue(values: Mapping[str, Any]) -> bool:
    return values.get("iceberg_catalog_type") == "glue"


def _location(table: str, values: Mapping[str, Any]) -> str:
    """Where a table lies: in Glue, where Iceberg's catalog puts it."""
    namespace = values.get("lake_namespace", "default")
    if _is_glue(values):
        return f"{str(values['s3_warehouse']).rstrip('/')}/{namespace}.db/{table}/"
    return f"s3://your-bucket/{namespace}/{table}/"


def _engines(name: str, namespace: str) -> list[tuple[str, str, str, Sequence[str]]]:
    """File part, name, heading, and the statements for a `{table}`, of each engine."""
    why = (
        f"-- Maintenance of the tables of the connector {name}: run it daily. The sink commits small files and a\n"
        "-- snapshot each time, and never tidies up. It keeps its offsets in the summaries of its snapshots: some\n"
        "-- must stay.\n"
    )
    spark = [text.replace("{namespace}", namespace) for text in SPARK]
    trino = [text.replace("{namespace}", namespace) for text in TRINO]
    athena = [text.replace("{namespace}", namespace) for text in ATHENA]
    return [
        ("spark", "Spark", why + "-- `lake` is the catalog's name in Spark.\n", spark),
        ("trino", "Trino", why + "-- `lake` is the catalog's name in Trino.\n", trino),
        ("athena", "Athena", why, athena),
    ]


def _maintenance(head: str, statements: Sequence[str], tables: Sequence[str]) -> str:
    return head + "".join(f"\n{statement.replace('{table}', table)}\n" for table in tables for statement in statements)


def _postgres(name: str, values: Mapping[str, Any]) -> list[Companion]:
    columns = dict(values.get("columns", {}))
    if not columns:
        return []
    place = PLACE if values.get("id_source") == "position" else {}
    key = list(values.get("id_fields", place))
    every = {**{column: "string" for column in key if column not in columns}, **place, **columns}
    lines = [f"  {_quoted(column)} {POSTGRES.get(kind, kind)}" for column, kind in every.items()]
    if key:
        lines.append(f"  PRIMARY KEY ({', '.join(_quoted(column) for column in key)})")
    body = ",\n".join(lines)
    table = ".".join(_quoted(part) for part in str(values["table"]).split("."))
    head = (
        f"-- The table of the connector {name}. The sink needs the rights to SELECT, INSERT, UPDATE and DELETE on it.\n"
    )
    return [Companion(f"{name}.table.sql", "the table", f"{head}CREATE TABLE IF NOT EXISTS {table} (\n{body}\n);\n")]


def _quoted(name: str) -> str:
    """An identifier as PostgreSQL folds it where the sink writes it unquoted."""
    return f'"{name.lower()}"'


def _hive(kind: str) -> str:
    return HIVE.get(kind, kind)


def _identifier(topic: str) -> str:
    """A topic's name as that of a table: Athena takes letters, digits and underscores."""
    return "".join(character if character.isalnum() else "_" for character in topic).lower()


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
