"""The query files of a project: `init/PIPELINE/queries/`.

`queries.yml` names the queries; each is a pair of files, `NAME.mongodb.json` (an aggregation in Extended JSON) and
`NAME.athena.sql`. The views that the SQL reads are in `init/PIPELINE/athena/views/`, one statement a file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.errors import ProjectError, UnknownName
from streamguard.project import Project, did_you_mean, load_yaml, read_text

INDEX = "queries.yml"
QUERIES_SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The queries of a pipeline: init/NAME/queries/queries.yml",
    "type": "object",
    "propertyNames": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,100}$"},
    "additionalProperties": {
        "type": "object",
        "required": ["about", "collection"],
        "additionalProperties": False,
        "properties": {"about": {"type": "string"}, "collection": {"type": "string", "minLength": 1}},
    },
}


@dataclass(frozen=True)
class Query:
    """One query of a pipeline; `collection` is where its aggregation starts."""

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
                Query(name, pipeline, entry["about"], entry["collection"], folder)
                for name, entry in load_yaml(index, QUERIES_SCHEMA).items()
            ]
    return found


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
