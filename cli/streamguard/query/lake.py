"""Run the Athena SQL on this machine: Iceberg tables in S3, read by pyiceberg into Arrow, queried by DuckDB.

DuckDB plans the query on empty tables first; its plan says which tables and columns are read, and only those are
fetched. It is not allowed to reach files or the network itself, nor to load extensions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamguard.catalog import catalog_errors, first_line, open_catalog, open_table
from streamguard.errors import QueryError
from streamguard.model import Lake, Table
from streamguard.project import read_text
from streamguard.query.files import Query
from streamguard.query.rows import Rows, needs_local

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from streamguard.model import Pipeline
    from streamguard.settings import Settings

CLOSED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
# What would replace the scan of an empty table by nothing, when the plan is read for the columns.
KEEPS_SCANS = "SET disabled_optimizers = 'statistics_propagation,empty_result_pullup'"
TYPES = {
    "int": "INTEGER",
    "long": "BIGINT",
    "string": "VARCHAR",
    "binary": "BLOB",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
}  # the others have one name in both


def run(query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run the query's SQL over the pipeline's Iceberg tables. Raises QueryError, CatalogError."""
    with needs_local("duckdb"):
        import duckdb
    if pipeline.lake is None:
        raise QueryError(f"init/{pipeline.name}.yml names no lake: query {query.name} can not run there")
    with duckdb.connect(config=dict(CLOSED)) as connection:
        prepare(connection, pipeline.lake, query.view_files)
        needed = columns_read(connection, query.athena_file)
        load(connection, settings, pipeline.lake, needed)
        return execute(connection, query.athena_file, limit)


def prepare(connection: DuckDBPyConnection, lake: Lake, views: Sequence[Path]) -> None:
    """Create the tables, empty, and the views over them. Raises QueryError, which names the view's file."""
    for table in lake.tables:
        connection.execute(f"CREATE TABLE {_quoted(table.name)} ({_definitions(table)})")
    for path in views:
        _execute(connection, path, "")


def columns_read(connection: DuckDBPyConnection, path: Path) -> dict[str, tuple[str, ...]]:
    """The tables that the query in `path` reads, and of each the columns: none when rows are only counted."""
    connection.execute(KEEPS_SCANS)
    _execute(connection, path, "EXPLAIN (FORMAT json) ")
    answer = connection.fetchone()
    connection.execute("RESET disabled_optimizers")
    assert answer is not None
    needed: dict[str, tuple[str, ...]] = {}
    for table, columns in _scans(json.loads(answer[1])):
        needed[table] = tuple(dict.fromkeys((*needed.get(table, ()), *columns)))
    return needed


def load(connection: DuckDBPyConnection, settings: Settings, lake: Lake, needed: dict[str, tuple[str, ...]]) -> None:
    """Fill the empty tables with the needed columns of the Iceberg tables' current snapshots. Raises CatalogError."""
    catalog = open_catalog(settings)
    for table in lake.tables:
        if table.name not in needed:
            continue
        columns = needed[table.name] or (table.columns[0].name,)
        stored = open_table(catalog, settings, lake.namespace, table.name)
        with catalog_errors(settings):
            scan = stored.scan(selected_fields=columns)
            connection.register("fetched", scan.to_arrow_batch_reader())
            connection.execute(f"INSERT INTO {_quoted(table.name)} BY NAME SELECT * FROM fetched")  # noqa: S608 - quoted
            connection.unregister("fetched")


def execute(connection: DuckDBPyConnection, path: Path, limit: int | None = None) -> Rows:
    """Run the SQL in `path` and take at most `limit` rows. Raises QueryError."""
    _execute(connection, path, "")
    names = tuple(entry[0] for entry in connection.description or ())
    found = connection.fetchall() if limit is None else connection.fetchmany(limit)
    return Rows(names, [dict(zip(names, row, strict=True)) for row in found])


def _execute(connection: DuckDBPyConnection, path: Path, before: str) -> None:
    import duckdb

    try:
        connection.execute(before + read_text(path))
    except duckdb.Error as exc:
        raise QueryError(f"{path}: {first_line(exc)}") from exc


def _scans(nodes: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Table and columns of each scan in a plan; DuckDB writes one column as text and none as an empty text."""
    for node in nodes:
        about = node.get("extra_info", {})
        if "Table" in about:
            columns = about.get("Projections", "")
            listed = columns if isinstance(columns, list) else [columns] if columns else []
            yield about["Table"].rpartition(".")[2], tuple(listed)
        yield from _scans(node.get("children", ()))


def _definitions(table: Table) -> str:
    return ", ".join(f"{_quoted(column.name)} {TYPES.get(column.type, column.type)}" for column in table.columns)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
