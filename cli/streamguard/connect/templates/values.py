"""Values: what templates print. Settings < pipeline < `connectors/values/NAME.yml` < `--set KEY=VALUE`.

Values of single connectors come in between, see `parameters`: their own files, and `connectors:` of the values file.
A values file may write `${MY_S3_BUCKET}`: a variable `MY_…` of the environment or `.env` that holds no secret.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from streamguard import cloud
from streamguard.connect.secrecy.sensitive import LOOKS_RANDOM, literal_secret
from streamguard.errors import ProjectError, Refused, SettingsError, UnknownName
from streamguard.model import Lake, Pipeline
from streamguard.project import Project, did_you_mean, line_of, load_yaml
from streamguard.settings import GLUE, MINE, Settings, variable

DEFAULT = "local"
"""The values that are meant without --values."""
FROM_SETTINGS = ("s3_endpoint", "s3_catalog", "s3_warehouse", "s3_region", "kafka_replication")
WORDS = {"s3_credentials": ("variables", "default")}
"""Parameters that are called like a secret, and take one of these words."""
MINE_IN_TEXT = re.compile(rf"\$\{{({MINE}\w*)\}}")
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


class VariablesMissing(SettingsError):
    """Values are made from variables `MY_…` that are not set; `names` are all of them."""

    def __init__(self, names: Iterable[str], file: Path) -> None:
        self.names = tuple(sorted(set(names)))
        self.file = file
        are = "is" if len(self.names) == 1 else "are"
        super().__init__(
            f"{', '.join(self.names)} {are} not set, and {file} needs {'it' if are == 'is' else 'them'}: "
            "write into .env what .env.example says of them, or export them"
        )


class Values(dict[str, Any]):
    """The values for every template; and where they come from, so that those of one connector find their place.

    `given` are those of the values file, `own` its values of single connectors, `overrides` those of `--set`;
    `missing` are those of the file that are made from variables which are not set, each with their names.
    """

    def __init__(
        self,
        defaults: Mapping[str, Any],
        file: Path,
        given: Mapping[str, Any],
        own: Mapping[str, Mapping[str, Any]],
        overrides: Mapping[str, Any],
        *,
        missing: Mapping[str, tuple[str, ...]] | None = None,
        mine: Mapping[str, str] | None = None,
    ) -> None:
        known = {name: value for name, value in defaults.items() if name not in (missing or {})}
        super().__init__({**known, **given, **overrides})
        self.file = file
        self.given = given
        self.own = own
        self.overrides = overrides
        self.without_overrides = {**known, **given}
        self.missing = {name: names for name, names in (missing or {}).items() if name not in overrides}

        worker = [str(value) for name, value in given.items() if name.endswith("_variable")]
        self.lacking_of_worker = cloud.lacking(mine or {}, worker)
        """The variables that the worker's would be made from, and are not set: told together with those of values."""

    def require(self, names: Iterable[str]) -> None:
        """Raise `VariablesMissing` if one of these values is made from variables that are not set."""
        lacking = {variable for name in names for variable in self.missing.get(name, ())}
        if lacking:
            raise VariablesMissing(lacking, self.file)


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
    raise UnknownName(
        f"no values {name}: neither a file nor in {folder} (there: {', '.join(near) or 'none'}): --values says which"
    )


def load_values(settings: Settings, pipeline: Pipeline, path: Path, overrides: Iterable[str] = ()) -> Values:
    """All values, later sources over earlier ones. A secret among them is refused: they end in connectors."""
    values: dict[str, Any] = {name: getattr(settings, name) for name in FROM_SETTINGS}
    if values["s3_catalog"] == GLUE:
        values["iceberg_catalog_type"] = values.pop("s3_catalog")
    values["pipeline"] = pipeline.name
    if pipeline.mongodb_database:
        values["mongodb_database"] = pipeline.mongodb_database
    if pipeline.lake:
        values |= lake_values(pipeline.lake)
    given = load_yaml(path, VALUES_SCHEMA) if path.is_file() else {}
    given, missing = filled(given, settings, path)
    own = given.pop("connectors", {})
    overridden = dict(parse_override(override) for override in overrides)
    for mapping in (given, overridden, *own.values()):
        refuse_secrets(mapping)
    return Values(values, path, given, own, overridden, missing=missing, mine=settings.mine)


def filled(
    given: Mapping[str, Any], settings: Settings, path: Path
) -> tuple[dict[str, Any], dict[str, tuple[str, ...]]]:
    """The values of a file with their variables `${MY_…}` filled in; and those whose variables are not set.

    A variable that there is none of is refused, and so is one that holds a secret: values end in connectors.
    """
    known = {variable(entry): entry for entry in fields(settings) if variable(entry).startswith(MINE)}
    mine, done, missing = settings.mine, dict(given), {}
    for name, value in given.items():
        if not isinstance(value, str) or not (wanted := MINE_IN_TEXT.findall(value)):
            continue
        for each in wanted:
            if each not in known:
                raise ProjectError(f"{line_of(path, [name])}: there is no variable {each}{did_you_mean(each, known)}")
            if known[each].metadata["secret"]:
                raise Refused(f"{line_of(path, [name])}: {each} is a secret: the worker has it, and values have not")
        unset = tuple(dict.fromkeys(each for each in wanted if each not in mine))
        if unset:
            missing[name] = unset
            del done[name]
        else:
            _check_forms(mine, wanted)
            done[name] = MINE_IN_TEXT.sub(lambda match: mine[match[1]], value)
    return done, missing


def _check_forms(mine: Mapping[str, str], names: Iterable[str]) -> None:
    for name in names:
        try:
            cloud.check_form(name, mine[name])
        except ValueError as exc:
            raise SettingsError(str(exc)) from None


def refuse_secrets(values: Mapping[str, Any]) -> None:
    """Raise `Refused` if a value is a secret: values end in connectors, which anybody may read."""
    for name, value in values.items():
        no_secret = name.endswith("_variable") or value in WORDS.get(name, ())
        found = None if no_secret else literal_secret(name, str(value))
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
