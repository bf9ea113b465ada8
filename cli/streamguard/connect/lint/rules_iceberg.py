"""Rules for Apache Iceberg's sink."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streamguard.connect.lint.rule import Remark, Subject, host_of, rule

CONTROL = "iceberg.control.topic"
COMMIT = "iceberg.control.commit"
SHORTEST_COMMIT = 60_000


def _local(address: str) -> bool:
    return host_of(address) in ("localhost", "127.0.0.1", "::1")


@rule("iceberg-starts-at-end")
def iceberg_starts_at_end(s: Subject) -> Iterator[Remark]:
    """Iceberg: a coordinator that forgets a commit.

    The sink's own consumers start at `latest` by default: a coordinator that starts anew misses what its predecessor
    had not committed, and those rows never reach the table. Write `iceberg.kafka.auto.offset.reset=earliest`.
    """
    key = "iceberg.kafka.auto.offset.reset"
    if s.kind == "iceberg" and s.config.get(key) != "earliest":
        yield key, "must be earliest: by default a coordinator that starts anew loses the commit that was interrupted"


@rule("iceberg-control-topic")
def iceberg_control_topic(s: Subject) -> Iterator[Remark]:
    """Iceberg: a control topic that several sinks share.

    By default all sinks of a cluster use `control-iceberg`, and each coordinator reads what the others write. Give each
    sink its own (`{{ name }}-control`), with one partition and long retention, made beforehand.
    """
    if s.kind != "iceberg":
        return
    if CONTROL not in s.config:
        yield CONTROL, "is not set: all sinks of the cluster share control-iceberg; write {{ name }}-control"
        return
    sharing = [name for name in s.neighbours.get(s.config[CONTROL], ()) if name != s.connector.name]
    if sharing:
        yield CONTROL, f"is also that of {', '.join(sorted(sharing))}: give each sink its own"


@rule("iceberg-control-partitions", "warning", needs="topics")
def iceberg_control_partitions(s: Subject) -> Iterator[Remark]:
    """Iceberg: a control topic with several partitions.

    Events of one commit are in order within a partition only. Make the topic with one.
    """
    partitions = (s.facts.topics or {}).get(s.config.get(CONTROL, ""), 1) if s.kind == "iceberg" else 1
    if partitions != 1:
        yield CONTROL, f"has {partitions} partitions, and one is right"


@rule("iceberg-partial-commit", "warning")
def iceberg_partial_commit(s: Subject) -> Iterator[Remark]:
    """Iceberg: commits that do not wait for slow tasks.

    After `iceberg.control.commit.timeout-ms` a commit takes what has arrived and leaves the rest to the next one. Below
    30000 that happens whenever S3 is slow.
    """
    timeout = s.number(f"{COMMIT}.timeout-ms")
    if s.kind == "iceberg" and timeout is not None and timeout < 30_000:
        yield f"{COMMIT}.timeout-ms", f"{timeout} ms is less than a slow upload takes: write 30000 or more"


@rule("iceberg-commit-failures", "warning")
def iceberg_commit_failures(s: Subject) -> Iterator[Remark]:
    """Iceberg: the first commit that fails ends the sink.

    `iceberg.control.commit.max-consecutive-failures` is 1 by default: one answer of the catalog that is late fails the
    connector. Write 3.
    """
    key = f"{COMMIT}.max-consecutive-failures"
    failures = s.number(key)
    if s.kind == "iceberg" and failures is not None and failures <= 1:
        yield key, "one late answer of the catalog fails the sink: write 3"


@rule("iceberg-many-snapshots", "warning")
def iceberg_many_snapshots(s: Subject) -> Iterator[Remark]:
    """Iceberg: a snapshot and small files every few seconds.

    Each commit leaves a snapshot and at least one file a partition; below a minute a table becomes slow within a day.
    Write 60000 to 300000, and expire snapshots. A catalog on this machine is taken for a trial and not judged.
    """
    interval = s.number(f"{COMMIT}.interval-ms")
    local = _local(s.config.get("iceberg.catalog.uri", ""))
    if s.kind == "iceberg" and interval is not None and interval < SHORTEST_COMMIT and not local:
        yield f"{COMMIT}.interval-ms", f"a snapshot every {interval} ms: write 60000 or more"


@rule("iceberg-evolution")
def iceberg_evolution(s: Subject) -> Iterator[Remark]:
    """Iceberg: new columns that records may lack.

    With `evolve-schema-enabled=true` and without `schema-force-optional=true` a new column is required, and the next
    record without it fails the task. Records without schemas need it as well.
    """
    key = "iceberg.tables.evolve-schema-enabled"
    creates = s.is_true("iceberg.tables.auto-create-enabled")
    if s.kind == "iceberg" and (s.is_true(key) or creates) and not s.is_true("iceberg.tables.schema-force-optional"):
        shown = key if s.is_true(key) else "iceberg.tables.auto-create-enabled"
        yield shown, "needs iceberg.tables.schema-force-optional=true: a record without a column fails the task"


@rule("iceberg-case", "warning")
def iceberg_case(s: Subject) -> Iterator[Remark]:
    """Iceberg: a mapping of upper and lower case that may do nothing.

    `schema-case-insensitive=true` has no effect on a table with a name mapping, which some catalogs add to each: every
    column is null, and nothing says so. Rename fields by a transform.
    """
    key = "iceberg.tables.schema-case-insensitive"
    if s.kind == "iceberg" and s.is_true(key):
        yield key, "does nothing on a table with a name mapping, and every column is null: rename by a transform"


@rule("iceberg-route")
def iceberg_route(s: Subject) -> Iterator[Remark]:
    """Iceberg: records that no table takes.

    With `route-field` and a list of tables, each table needs `iceberg.table.NAME.route-regex`; a table without one gets
    nothing, and a record that matches none is dropped silently. `dynamic-enabled` needs a `route-field`.
    """
    if s.kind != "iceberg":
        return
    routed, dynamic = s.config.get("iceberg.tables.route-field"), s.is_true("iceberg.tables.dynamic-enabled")
    if dynamic and not routed:
        yield "iceberg.tables.dynamic-enabled", "needs iceberg.tables.route-field"
    tables = [table.strip() for table in s.config.get("iceberg.tables", "").split(",") if table.strip()]
    for table in tables if routed and not dynamic else ():
        if f"iceberg.table.{table}.route-regex" not in s.config:
            yield "iceberg.tables.route-field", f"{table} has no route-regex, so that it gets no record"


@rule("iceberg-partitions", "warning")
def iceberg_partitions(s: Subject) -> Iterator[Remark]:
    """Iceberg: partitions that eat the memory.

    A task keeps a file open for each partition of a commit. By hour, by several columns or by a raw id that is many:
    out of memory. Partition by day.
    """
    key = "iceberg.tables.default-partition-by"
    fields = [f for f in re.split(r",(?![^(]*\))", s.config.get(key, "")) if f.strip()] if s.kind == "iceberg" else []
    if len(fields) > 1 or any(re.match(r"\s*hours?\(", f) for f in fields):
        yield key, "a task keeps a file open for each partition of a commit: partition by day"


@rule("iceberg-file-io", "warning")
def iceberg_file_io(s: Subject) -> Iterator[Remark]:
    """Iceberg: Hadoop's file system for S3.

    Without `iceberg.catalog.io-impl` many catalogs fall back to Hadoop's, which needs other jars and credentials. Write
    `org.apache.iceberg.aws.s3.S3FileIO`.
    """
    warehouse = s.config.get("iceberg.catalog.warehouse", "") if s.kind == "iceberg" else ""
    if warehouse.startswith(("s3:", "s3a:")) and "iceberg.catalog.io-impl" not in s.config:
        yield "iceberg.catalog.warehouse", "needs iceberg.catalog.io-impl=org.apache.iceberg.aws.s3.S3FileIO"
