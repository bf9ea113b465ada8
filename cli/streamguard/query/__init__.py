"""Queries over what a pipeline has made: a file for each kind of server that holds it, and the same rows from each.

`files` finds and reads them; `mongodb`, `lake` (the Athena SQL on DuckDB), `athena` and `postgres` each run one; `run`
chooses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from streamguard.query.rows import Rows

if TYPE_CHECKING:
    from streamguard.model import Pipeline
    from streamguard.query.files import Query
    from streamguard.settings import Settings


def run(engine: str, query: Query, pipeline: Pipeline, settings: Settings, *, limit: int | None = None) -> Rows:
    """Run a query on one of its engines and return its rows, at most `limit` of them.

    Raises QueryError, CatalogError, PostgresError.
    """
    if engine == "mongodb":
        from streamguard.query import mongodb

        return mongodb.run(query, pipeline, settings, limit=limit)
    if engine == "duckdb":
        from streamguard.query import lake

        return lake.run(query, pipeline, settings, limit=limit)
    if engine == "postgres":
        from streamguard.query import postgres

        return postgres.run(query, pipeline, settings, limit=limit)
    from streamguard.query import athena

    return athena.run(query, pipeline, settings, limit=limit)
