"""What must be in S3's catalog before the sinks write and the queries read: `lake apply`, where no `up` does it.

The values of the connectors say where: a REST catalog or AWS Glue gets the Iceberg tables of `init/NAME.yml`; for files
(the flavour confluent) Athena gets their DDL, the one that `connectors companions` prints. In AWS the views of
`init/NAME/athena/views` follow. Everything is idempotent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from streamguard.connect.templates.companions import files_tables
from streamguard.connect.templates.parameters import complete, kind_of
from streamguard.connect.templates.values import Values, load_values, values_file
from streamguard.model import Lake, Pipeline
from streamguard.project import Project, read_text
from streamguard.query import athena
from streamguard.settings import GLUE, Settings, in_cloud
from streamguard.stack.lake import seed_lake

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """A table, view or database of the lake, and what became of it."""

    kind: str
    name: str
    result: str

    def row(self) -> dict[str, str]:
        """As a listing prints it."""
        return {"kind": self.kind, "name": self.name, "result": self.result}


def apply(
    project: Project, settings: Settings, pipeline: Pipeline, values: str, overrides: Sequence[str], *, tell: Tell
) -> list[Made]:
    """Make what is missing for the sinks of a pipeline. Raises CatalogError, QueryError, ProjectError."""
    loaded = load_values(settings, pipeline, values_file(project, values), overrides)
    sinks = _sinks(project, pipeline, loaded)
    tables = [given for kind, given in sinks if kind == "iceberg"]
    statements = [statement for kind, given in sinks if kind == "s3" for statement in files_tables(given)]
    if not tables and not statements:
        tell(f"pipeline {pipeline.name} has no sink with tables in S3: there is nothing to make")
        return []
    made: list[Made] = []
    if tables and pipeline.lake is not None:
        made += _iceberg(settings, pipeline.lake, tables[0], tell)
    if any(_is_in_aws(kind, given) for kind, given in sinks):
        loaded.require(["lake_namespace"])
        views = sorted((project.init / pipeline.name / "athena" / "views").glob("*.sql"))
        made += _athena(settings, str(loaded["lake_namespace"]), statements, views, tell)
    return made


def _sinks(project: Project, pipeline: Pipeline, values: Values) -> list[tuple[str, dict[str, Any]]]:
    """The sinks to S3, by kind, with the values of each."""
    found = []
    for template in project.templates(pipeline.name):
        if kind_of(template, project.connectors) not in ("iceberg", "s3"):
            continue
        given = complete(template, values, project.connectors)
        found.append((str(kind_of(template, project.connectors, given)), given))
    return found


def _is_in_aws(kind: str, given: dict[str, Any]) -> bool:
    """Can Athena read what this sink writes?"""
    endpoint = str(given.get("s3_endpoint", ""))
    return (
        given["iceberg_catalog_type"] == "glue" if kind == "iceberg" else ".amazonaws.com" in endpoint or not endpoint
    )


def _iceberg(settings: Settings, lake: Lake, given: dict[str, Any], tell: Tell) -> list[Made]:
    there = replace(
        settings,
        s3_catalog=GLUE if given["iceberg_catalog_type"] == "glue" else given["s3_catalog"],
        s3_warehouse=given["s3_warehouse"],
        s3_region=given["s3_region"],
        s3_endpoint=given["s3_endpoint"],
    )
    tell(f"tables in {given['s3_warehouse']}")
    reports = seed_lake(in_cloud(there), replace(lake, namespace=given["lake_namespace"]))
    return [Made("table", f"{given['lake_namespace']}.{one.name}", one.state) for one in reports]


def _athena(settings: Settings, database: str, tables: Sequence[str], views: Sequence[Path], tell: Tell) -> list[Made]:
    """What Athena makes by statements: the database and the tables over files, and the views over tables."""
    if not tables and not views:
        return []
    client, output = athena.open_client(settings), athena.output_of(settings)
    made = []
    if tables:
        tell(f"database {database}, by Athena")
        athena.execute(client, f"CREATE DATABASE IF NOT EXISTS `{database}`", "", output)
        made.append(Made("database", database, "there"))
    for statement in tables:
        name = statement.split("`", 2)[1]
        tell(f"table {name}, by Athena")
        athena.execute(client, statement.rstrip().removesuffix(";"), database, output)
        made.append(Made("table", f"{database}.{name}", "there"))
    for view in views:
        tell(f"view {view.stem}, by Athena")
        athena.execute(client, read_text(view), database, output)
        made.append(Made("view", f"{database}.{view.stem}", "as in init/"))
    return made
