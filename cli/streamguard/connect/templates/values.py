"""Values: what templates print. Settings < pipeline < `connectors/values/NAME.yml` < `--set KEY=VALUE`.

Values of single connectors come in between, see `parameters`: their own files, and `connectors:` of the values file.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from streamguard.connect.secrecy.sensitive import LOOKS_RANDOM, literal_secret
from streamguard.errors import ProjectError, Refused, UnknownName
from streamguard.model import Lake, Pipeline
from streamguard.project import Project, load_yaml
from streamguard.settings import Settings

DEFAULT = "local"
"""The values that are meant without --values."""
FROM_SETTINGS = ("s3_endpoint", "s3_catalog", "s3_warehouse", "s3_region", "kafka_replication")
_SCALAR = {"type": ["string", "number", "boolean"]}
OWN_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Values of one connector: connectors/PIPELINE/NAME.yml",
    "type": ["object", "null"],
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "not": {"enum": ["name", "connectors"]}},
    "additionalProperties": {
        "anyOf": [
            _SCALAR,
            {"type": "array", "items": _SCALAR},
            {"type": "object", "additionalProperties": {"anyOf": [_SCALAR, {"type": "array", "items": _SCALAR}]}},
        ]
    },
}
VALUES_SCHEMA: Mapping[str, Any] = {
    **OWN_SCHEMA,
    "title": "Values for the templates: connectors/values/NAME.yml",
    "propertyNames": {"pattern": "^[a-z][a-z0-9_]*$", "not": {"const": "name"}},
    "properties": {
        "connectors": {"type": "object", "additionalProperties": {**OWN_SCHEMA, "type": "object"}},
    },
}


class Values(dict[str, Any]):
    """The values for every template; and where they come from, so that those of one connector find their place.

    `given` are those of the values file, `own` its values of single connectors, `overrides` those of `--set`.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any],
        file: Path,
        given: Mapping[str, Any],
        own: Mapping[str, Mapping[str, Any]],
        overrides: Mapping[str, Any],
    ) -> None:
        super().__init__({**defaults, **given, **overrides})
        self.file = file
        self.given = given
        self.own = own
        self.overrides = overrides
        self.without_overrides = {**defaults, **given}


def values_file(project: Project, name: str) -> Path:
    """The file of `--values NAME|FILE`: a name stands for `connectors/values/NAME.yml`.

    A project that has no values at all needs none: then there is no file of the default name.
    """
    folder = project.connectors / "values"
    path = folder / f"{name}.yml"
    if path.parent == folder and path.is_file():
        return path
    if Path(name).is_file():
        return Path(name)
    known = sorted(path.stem for path in folder.glob("*.yml"))
    if name == DEFAULT and not known:
        return path
    near = difflib.get_close_matches(name, known, n=1) or known
    raise ProjectError(
        f"no values {name}: neither a file nor in {folder} (there: {', '.join(near) or 'none'}): --values says which"
    )


def load_values(settings: Settings, pipeline: Pipeline, path: Path, overrides: Iterable[str] = ()) -> Values:
    """All values, later sources over earlier ones. A secret among them is refused: they end in connectors."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in FROM_SETTINGS}
    values["pipeline"] = pipeline.name
    if pipeline.mongodb_database:
        values["mongodb_database"] = pipeline.mongodb_database
    if pipeline.lake:
        values |= lake_values(pipeline.lake)
    given = load_yaml(path, VALUES_SCHEMA) if path.is_file() else {}
    own = given.pop("connectors", {})
    overridden = dict(parse_override(override) for override in overrides)
    for mapping in (given, overridden, *own.values()):
        refuse_secrets(mapping)
    return Values(values, path, given, own, overridden)


def refuse_secrets(values: Mapping[str, Any]) -> None:
    """Raise `Refused` if a value is a secret: values end in connectors, which anybody may read."""
    for name, value in values.items():
        found = None if name.endswith("_variable") else literal_secret(name, str(value))
        if found and found != LOOKS_RANDOM:  # lint tells of that, in the config, where it can be silenced
            raise Refused(
                f"the value {name} holds {found}: name a variable of the worker's, and write env(…) in the template"
            )


def lake_values(lake: Lake) -> dict[str, Any]:
    """The tables of a lake as templates need them; columns that start with `_` are the sink's own."""
    return {
        "lake_namespace": lake.namespace,
        "lake_tables": {
            table.name: {column.name: column.type for column in table.columns if not column.name.startswith("_")}
            for table in lake.tables
        },
    }


def parse_override(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; the value is read as YAML, so that numbers and booleans are what they look like."""
    name, equals, value = text.partition("=")
    if not equals or not name.isidentifier() or name in ("name", "connectors"):
        raise UnknownName(f"--set takes KEY=VALUE, and {name or text!r} is no name of a value")
    try:
        read = yaml.safe_load(value)
    except yaml.YAMLError:
        read = value
    return name, read if isinstance(read, bool | int | float | str | list | dict) else value
