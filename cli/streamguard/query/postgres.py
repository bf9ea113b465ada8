"""Run SQL on the PostgreSQL database of a pipeline, in a transaction that can only read."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamguard.errors import PostgresError, QueryError
from streamguard.postgres.connect import connect, database_uri, explain
from streamguard.project import read_text
from streamguard.query.files import Query
from streamguard.query.rows import Rows

if TYPE_CHECKING:
    import psycopg

    from streamguard.model import Pipeline
    from streamguard.settings import Settings

NO_TABLE, WRITES = "42P01", "25006"  # SQLSTATEs


def run(query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run the query's SQL in the pipeline's database; times are UTC. Raises QueryError, PostgresError, ProjectError."""
    uri, path = database_uri(settings, pipeline), query.postgres_file
    sql = read_text(path)
    with connect(uri) as connection:
        import psycopg

        try:
            connection.read_only = True
            connection.execute("SET TIME ZONE 'UTC'")
            return _ask(connection, sql, limit)
        except psycopg.Error as exc:
            raise _refused(exc, uri, path, sql, pipeline) from None


def _ask(connection: psycopg.Connection[Any], sql: str, limit: int | None) -> Rows:
    """Rows are taken as they come: those after the last one wanted are not waited for."""
    with connection.cursor() as cursor, closing(_stream(cursor, sql)) as found:
        rows = [row for row, _ in zip(found, range(limit), strict=False)] if limit is not None else list(found)
        names = tuple(column.name for column in cursor.description or ())
    return Rows(names, [dict(zip(names, row, strict=True)) for row in rows])


def _stream(cursor: psycopg.Cursor[Any], sql: str) -> Generator[Any]:
    yield from cursor.stream(sql.encode())


def _refused(exc: psycopg.Error, uri: str, path: Path, sql: str, pipeline: Pipeline) -> PostgresError | QueryError:
    """What is wrong with the text is told with its line; what is wrong with the server as everywhere."""
    if exc.sqlstate == WRITES:
        return QueryError(f"{path} changes something: a query only reads")
    place = exc.diag.statement_position
    if (exc.sqlstate or "")[:2] != "42" or place is None:
        return explain(exc, uri)
    line = sql.count("\n", 0, int(place) - 1) + 1
    hint = f": `streamguard up {pipeline.name}` makes the tables" if exc.sqlstate == NO_TABLE else ""
    return QueryError(f"{path}, line {line}: {exc.diag.message_primary}{hint}")
