"""Rules for sinks that write files to S3 (Confluent's, Aiven's) and rows to databases (Debezium's JDBC sink)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, rule, short

SCHEDULE = "rotate.schedule.interval.ms"
TIMED = ("TimeBasedPartitioner", "HourlyPartitioner", "DailyPartitioner")
PART = "s3.part.size"
BIG_PART = 25 * 1024 * 1024


def _partitioner(s: Subject) -> str:
    return short(s.get("partitioner.class")) if s.kind == "s3" else ""


@rule("s3-not-repeatable")
def s3_not_repeatable(s: Subject) -> Iterator[Remark]:
    """S3: files that a replay writes anew, elsewhere.

    Exactly once needs the same record to go to the same file. `timestamp.extractor=Wallclock`, the default, puts it
    where the clock is: write `Record` or `RecordField`.
    """
    key = "timestamp.extractor"
    if _partitioner(s) in TIMED and short(s.config.get(key, "Wallclock")) in (
        "Wallclock",
        "WallclockTimestampExtractor",
    ):
        yield key, "Wallclock puts a repeated record into another file: write Record or RecordField"


@rule("s3-time-partition")
def s3_time_partition(s: Subject) -> Iterator[Remark]:
    """S3: partitions by time without the settings that they need.

    `TimeBasedPartitioner` needs `path.format`, `partition.duration.ms`, `locale` and `timezone`; `RecordField` needs
    `timestamp.field`; a rotation by schedule needs `timezone`.
    """
    if s.kind != "s3":
        return
    if _partitioner(s) == "TimeBasedPartitioner":
        needed = ["path.format", "partition.duration.ms", "locale", "timezone"]
        missing = [key for key in needed if not s.config.get(key)]
        if missing:
            yield "partitioner.class", f"TimeBasedPartitioner needs {', '.join(missing)}"
    if s.config.get("timestamp.extractor") == "RecordField" and not s.config.get("timestamp.field"):
        yield "timestamp.extractor", "RecordField needs timestamp.field"
    if (s.number(SCHEDULE) or 0) > 0 and not s.config.get("timezone"):
        yield SCHEDULE, "needs timezone"


@rule("s3-quiet-partitions", "warning")
def s3_quiet_partitions(s: Subject) -> Iterator[Remark]:
    """S3: the last records of a quiet partition stay in memory.

    `rotate.interval.ms` goes by the time of records: without a later one the file is never closed. Set
    `rotate.schedule.interval.ms` as well, which goes by the clock.
    """
    if s.kind == "s3" and (s.number(SCHEDULE) or 0) <= 0:
        key = "rotate.interval.ms" if "rotate.interval.ms" in s.config else "flush.size"
        yield key, f"alone never closes the last file of a quiet partition: set {SCHEDULE} as well"


@rule("s3-schedule-duplicates", "warning")
def s3_schedule_duplicates(s: Subject) -> Iterator[Remark]:
    """S3: a rotation by the clock duplicates after a crash.

    Files that the clock closed begin elsewhere when they are written again. From 12.0 on the sink prevents that by
    conditional writes (`enable.conditional.writes`), which S3 must offer. On older ones document the duplicates and
    silence this.
    """
    if s.kind != "s3" or (s.number(SCHEDULE) or 0) <= 0:
        return
    version = s.plugin_version()
    if s.config.get("enable.conditional.writes", "true").lower() == "false":
        yield "enable.conditional.writes", f"false, together with {SCHEDULE}, duplicates records after a crash"
    elif version is not None and version < (12, 0, 0):
        yield (
            SCHEDULE,
            f"duplicates records after a crash before the plugin's version 12, and this is {version[0]}.{version[1]}",
        )


@rule("s3-memory", "warning")
def s3_memory(s: Subject) -> Iterator[Remark]:
    """S3: a buffer of 25 MB for each open partition.

    `s3.part.size` is taken from the heap for every file that is open, and partitions by time or field are many. Write
    5242880, or `s3.elastic.buffer.enable=true`.
    """
    size = s.number(PART)
    many = _partitioner(s) in (*TIMED, "FieldPartitioner")
    if many and size is not None and size >= BIG_PART and not s.is_true("s3.elastic.buffer.enable"):
        key = PART if PART in s.config else "partitioner.class"
        yield key, f"every open partition takes {size // 1024 // 1024} MB of heap: write {PART}=5242880"


@rule("s3-late-records", "warning")
def s3_late_records(s: Subject) -> Iterator[Remark]:
    """S3: late records make tiny files.

    Each record of another hour closes the file that is open. `rotate.file.on.partition.change=false` with
    `partitioner.max.open.files` keeps several open; a plugin that does not have these needs a longer
    `partition.duration.ms`.
    """
    key = "rotate.file.on.partition.change"
    if _partitioner(s) in TIMED and s.config.get("timestamp.extractor") == "RecordField" and not s.config.get(key):
        yield "timestamp.extractor", f"each late record closes a file: set {key}=false and partitioner.max.open.files"


@rule("s3-schema-flips", "warning")
def s3_schema_flips(s: Subject) -> Iterator[Remark]:
    """S3: a file for each change of schema.

    `schema.compatibility=NONE`, the default, closes the file whenever a record has another schema than the one before.
    While two versions are produced, that is at every record. Write `BACKWARD`.
    """
    with_schema = short(s.config.get("format.class", "")) in ("ParquetFormat", "AvroFormat")
    if s.kind == "s3" and with_schema and s.config.get("schema.compatibility", "NONE").upper() == "NONE":
        yield (
            "schema.compatibility" if "schema.compatibility" in s.config else "format.class",
            ("NONE closes a file at every change of schema: write BACKWARD"),
        )


@rule("s3-format-needs-schema")
def s3_format_needs_schema(s: Subject) -> Iterator[Remark]:
    """S3: a format that needs schemas, and records without.

    Parquet and Avro take records with a schema: use Schema Registry's converters, or `JsonConverter` with
    `schemas.enable=true`; or `JsonFormat`.
    """
    if s.kind != "s3" or short(s.config.get("format.class", "")) not in ("ParquetFormat", "AvroFormat"):
        return
    converter = short(s.config.get("value.converter", ""))
    plain = converter == "JsonConverter" and s.config.get("value.converter.schemas.enable", "true").lower() == "false"
    if plain or converter in ("StringConverter", "ByteArrayConverter"):
        yield "format.class", f"{short(s.config['format.class'])} needs records with a schema, and these have none"


@rule("s3-null-values", "warning")
def s3_null_values(s: Subject) -> Iterator[Remark]:
    """S3: the first tombstone fails the task.

    `behavior.on.null.values` is `fail` by default, and a compacted topic has tombstones. Write `ignore`, or `write` to
    keep them.
    """
    key = "behavior.on.null.values"
    if s.kind == "s3" and s.get(key).lower() == "fail":
        yield key, "fails the task at the first tombstone: write ignore, or write"


@rule("s3-static-keys", "warning")
def s3_static_keys(s: Subject) -> Iterator[Remark]:
    """S3: keys of a user in place of a role.

    `aws.access.key.id` belongs to a person or a bot and never expires. Leave it out, or name
    `s3.credentials.provider.class`, and let the worker have a role.
    """
    if s.kind == "s3" and s.config.get("aws.access.key.id") and not s.config.get("store.url"):
        yield "aws.access.key.id", "is a user's key: let the worker have a role"


@rule("aiven-s3-keys")
def aiven_keys(s: Subject) -> Iterator[Remark]:
    """Aiven's S3 sink: old and new keys together.

    `aws_s3_bucket` and its kin are the old names of `aws.s3.bucket.name`; which of the two counts is not said. Use
    the new ones only.
    """
    old = [key for key in s.config if re.match(r"aws_|output_", key)] if s.kind == "aiven-s3" else []
    new = [key for key in s.config if re.match(r"aws\.", key)]
    for key in old:
        yield key, "is an old name" + (", and there are new ones beside it" if new else "") + ": write aws.s3.…"


@rule("aiven-s3-template")
def aiven_template(s: Subject) -> Iterator[Remark]:
    """Aiven's S3 sink: units of time that it does not have.

    `{{timestamp:unit=…}}` in `file.name.template` takes `yyyy`, `MM`, `dd`, `HH` only, and means the clock, not the
    record.
    """
    key = "file.name.template"
    for unit in re.findall(r"timestamp:unit=([^}\s]+)", s.config.get(key, "")) if s.kind == "aiven-s3" else ():
        if unit not in ("yyyy", "MM", "dd", "HH"):
            yield key, f"unit={unit} does not exist: there are yyyy, MM, dd and HH"


@rule("aiven-s3-clock", "warning")
def aiven_clock(s: Subject) -> Iterator[Remark]:
    """Aiven's S3 sink: a replay writes its files beside the old ones.

    A file of the same offsets is written over, unless `{{timestamp}}` is in its name: that is the time of the clock. To
    partition by the time of records takes another sink.
    """
    key = "file.name.template"
    if s.kind == "aiven-s3" and "{{timestamp" in s.config.get(key, "").replace(" ", ""):
        yield key, "has the time of the clock in it: a replay writes its files anew, beside the old ones"


@rule("jdbc-duplicates")
def jdbc_duplicates(s: Subject) -> Iterator[Remark]:
    """JDBC: every replay inserts its rows again.

    Without a primary key (`primary.key.mode=none`, the default) a record that is delivered twice becomes two rows.
    Write `record_key` or `record_value`, and `insert.mode=upsert`.
    """
    if s.kind == "jdbc" and s.get("primary.key.mode") == "none":
        key = "primary.key.mode" if "primary.key.mode" in s.config else "connector.class"
        yield key, "without primary.key.mode a repeated record becomes a second row: record_key or record_value"


@rule("jdbc-insert", "warning")
def jdbc_insert(s: Subject) -> Iterator[Remark]:
    """JDBC: inserts of rows that may exist.

    `insert.mode=insert`, the default, fails on a record that was delivered before, and so on every replay. Write
    `upsert`.
    """
    with_key = s.get("primary.key.mode") in ("record_key", "record_value", "record_header")
    if s.kind == "jdbc" and with_key and s.get("insert.mode") == "insert":
        key = "insert.mode" if "insert.mode" in s.config else "connector.class"
        yield key, "insert fails on a record that is delivered again: write upsert"


@rule("jdbc-delete-by-key")
def jdbc_delete_by_key(s: Subject) -> Iterator[Remark]:
    """JDBC: deletes that can not find their row.

    A tombstone has a key and no value: `delete.enabled=true` needs `primary.key.mode=record_key`.
    """
    if s.kind == "jdbc" and s.is_true("delete.enabled") and s.config.get("primary.key.mode") != "record_key":
        yield "delete.enabled", "needs primary.key.mode=record_key: a tombstone has nothing else"
