"""The query files of a project: `init/PIPELINE/queries/`.

`queries.yml` names the queries; each is a file for every kind of server that can answer it: `NAME.mongodb.json` (an
aggregation in Extended JSON), `NAME.athena.sql`, `NAME.postgres.sql`. The views that Athena's SQL reads are in
`init/PIPELINE/athena/views/`, one statement a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.errors import ProjectError, UnknownName
from streamguard.project import Project, did_you_mean, line_of, load_yaml, read_text

INDEX = "queries.yml"
QUERIES_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The queries of a pipeline: init/NAME/queries/queries.yml",
    "type": "object",
    "propertyNames": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"},
    "additionalProperties": {
        "type": "object",
        "required": ["about"],
        "additionalProperties": False,
        "properties": {"about": {"type": "string"}, "collection": {"type": "string", "minLength": 1}},
    },
}


FILES = {
    "mongodb": "mongodb_file",
    "duckdb": "athena_file",
    "athena": "athena_file",
    "postgres": "postgres_file",
}
"""The engines, and what holds the file of each."""


@dataclass(frozen=True)
class Query:
    """One query of a pipeline; `collection` is where its aggregation starts, "" if it has none."""

    name: str
    pipeline: str
    about: str
    collection: str
    folder: Path

    @property
    def mongodb_file(self) -> Path:
        return self.folder / "queries" / f"{self.name}.mongodb.json"

    @property
    def athena_file(self) -> Path:
        return self.folder / "queries" / f"{self.name}.athena.sql"

    @property
    def postgres_file(self) -> Path:
        return self.folder / "queries" / f"{self.name}.postgres.sql"

    @property
    def engines(self) -> tuple[str, ...]:
        """What it can be run on, by its files; the first is taken when nobody says."""
        return tuple(engine for engine, file in FILES.items() if getattr(self, file).is_file())

    @property
    def view_files(self) -> list[Path]:
        """The DDL of the views, in the order in which they are made."""
        return sorted((self.folder / "athena" / "views").glob("*.sql"))


def queries(project: Project) -> list[Query]:
    """Every query of every pipeline, by pipeline and in the order of its index."""
    found: list[Query] = []
    for pipeline in project.pipelines():
        folder = project.init / pipeline
        index = folder / "queries" / INDEX
        if index.is_file():
            found += [
                Query(name, pipeline, entry["about"], entry.get("collection", ""), folder)
                for name, entry in load_yaml(index, QUERIES_SCHEMA).items()
            ]
    return found


def choose_engine(query: Query, wanted: str | None) -> str:
    """The engine that is wanted, else the first that the query has a file for. Raises ProjectError."""
    engines = query.engines
    if wanted is None:
        wanted = next(iter(engines), "mongodb")
    if wanted not in engines:
        file = getattr(query, FILES[wanted])
        there = f": there is one for {' and '.join(engines)}" if engines else ""
        raise ProjectError(f"query {query.name} has no file for {wanted}, {file}{there}")
    if wanted == "mongodb" and query.collection == "":
        raise ProjectError(f"{line_of(query.folder / 'queries' / INDEX, [query.name])}: {query.name} has no collection")
    return wanted


def find_query(project: Project, name: str, pipeline: str | None = None) -> Query:
    """The query of that name; `pipeline` chooses when more than one has it. Raises UnknownName."""
    if pipeline is not None and pipeline not in project.pipelines():
        raise UnknownName(f"no pipeline {pipeline}{did_you_mean(pipeline, project.pipelines())}")
    there = [query for query in queries(project) if pipeline in (None, query.pipeline)]
    named = [query for query in there if query.name == name]
    if not named:
        raise UnknownName(f"no query {name}{did_you_mean(name, {query.name for query in there})}")
    if len(named) > 1:
        owners = " and ".join(query.pipeline for query in named)
        raise UnknownName(f"pipelines {owners} both have a query {name}: choose with --pipeline")
    return named[0]


def read_aggregation(path: Path) -> list[dict[str, Any]]:
    """The stages of an aggregation, as plain JSON values. Raises ProjectError with line and column."""
    try:
        stages = json.loads(read_text(path))
    except json.JSONDecodeError as exc:
        raise ProjectError(f"{path}, line {exc.lineno}, column {exc.colno}: {exc.msg}") from exc
    if not isinstance(stages, list) or not stages or not all(_is_stage(stage) for stage in stages):
        raise ProjectError(f"{path} is not an aggregation: it takes a list of stages, each with one $operator")
    return stages


def projected_columns(stages: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The columns that the last stage names, or none when it is not a `$project`; order as written."""
    project = stages[-1].get("$project") if stages else None
    if not isinstance(project, dict):
        return ()
    return tuple(name for name, wanted in project.items() if wanted not in (0, False))


def _is_stage(stage: object) -> bool:
    return isinstance(stage, dict) and len(stage) == 1 and all(name.startswith("$") for name in stage)
