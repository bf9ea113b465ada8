"""Values: what templates print. Settings < pipeline < `connectors/values/NAME.yml` < `--set KEY=VALUE`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from streamguard.connect.secrets import literal_secret
from streamguard.errors import ProjectError, Refused, UnknownName
from streamguard.model import Lake, Pipeline
from streamguard.project import Project, load_yaml
from streamguard.settings import Settings

FROM_SETTINGS = ("s3_endpoint", "s3_catalog", "s3_warehouse", "s3_region", "kafka_replication")
CASTS = {"int": "int32", "long": "int64", "float": "float32", "double": "float64", "boolean": "boolean"}
"""Iceberg's types as Kafka Connect's Cast names them."""
_SCALAR = {"type": ["string", "number", "boolean"]}
VALUES_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Values for the templates: connectors/values/NAME.yml",
    "type": ["object", "null"],
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "not": {"const": "name"}},
    "additionalProperties": {
        "anyOf": [
            _SCALAR,
            {"type": "array", "items": _SCALAR},
            {"type": "object", "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}},
        ]
    },
}


def values_file(project: Project, name: str) -> Path:
    """The file of `--values NAME|FILE`: a name stands for `connectors/values/NAME.yml`."""
    folder = project.connectors / "values"
    path = folder / f"{name}.yml"
    if path.parent == folder and path.is_file():
        return path
    if Path(name).is_file():
        return Path(name)
    known = sorted(path.stem for path in folder.glob("*.yml"))
    near = difflib.get_close_matches(name, known, n=1) or known
    raise ProjectError(f"no values {name}: neither a file nor in {folder} (there: {', '.join(near) or 'none'})")


def load_values(settings: Settings, pipeline: Pipeline, path: Path, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """All values, later sources over earlier ones. A secret among them is refused: they end in connectors."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in FROM_SETTINGS}
    values["pipeline"] = pipeline.name
    if pipeline.mongodb_database:
        values["mongodb_database"] = pipeline.mongodb_database
    if pipeline.lake:
        values |= lake_values(pipeline.lake)
    given = load_yaml(path, VALUES_SCHEMA)
    for override in overrides:
        name, value = parse_override(override)
        given[name] = value
    for name, value in given.items():
        found = literal_secret(name, str(value))
        if found and not name.endswith("_variable"):
            raise Refused(
                f"the value {name} holds {found}: name a variable of the worker's, and write env(…) in the template"
            )
    return values | given


def lake_values(lake: Lake) -> dict[str, Any]:
    """The tables of a lake as templates need them; columns that start with `_` are the sink's own."""
    own = {table.name: [column for column in table.columns if not column.name.startswith("_")] for table in lake.tables}
    return {
        "lake_namespace": lake.namespace,
        "lake_columns": {name: [column.name for column in columns] for name, columns in own.items()},
        "lake_casts": {
            name: [(column.name, CASTS[column.type]) for column in columns if column.type in CASTS]
            for name, columns in own.items()
        },
    }


def parse_override(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; the value is read as YAML, so that numbers and booleans are what they look like."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name == "name":
        raise UnknownName(f"--set takes KEY=VALUE, and {name or text!r} is no name of a value")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    return name, read if isinstance(read, bool | int | float | str | list | dict) else value
