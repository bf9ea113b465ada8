"""A project: the folder that holds `connectors/`, `ksql/` and `init/`, and the pipelines they define."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from streamguard.errors import ProjectError, UnknownName
from streamguard.model import Column, Generator, Lake, Pipeline, Table, Topic

FOLDERS = ("connectors", "ksql", "init")
NO_PIPELINES = ("shared", "values")
"""Folders of connectors/ that are for all pipelines."""
ICEBERG_TYPES = (
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "date",
    "time",
    "timestamp",
    "timestamptz",
    "string",
    "binary",
)

_SECRET = re.compile(r"passw|secret|token|credential|private|key|uri|url", re.IGNORECASE)
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, where PyYAML has it: ten times as fast."""
_FOLDER = re.compile(r"[A-Za-z0-9_-]{1,100}")
_NAME = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,200}$"}
_TABLE = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {"enum": [*ICEBERG_TYPES, *(f"{name} required" for name in ICEBERG_TYPES)]},
}
_TOPIC = {
    "type": "object",
    "required": ["partitions"],
    "additionalProperties": False,
    "properties": {
        "partitions": {"type": "integer", "minimum": 1, "maximum": 1000},
        "replication": {"type": "integer", "minimum": 1, "maximum": 32},
        "config": {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}},
    },
}
_PLAIN = {"type": ["string", "number", "boolean"]}
_VARIABLES = {
    "type": "object",
    "propertyNames": {"type": "string", "pattern": "^[a-z][a-z0-9_]*$"},
    "additionalProperties": {
        "anyOf": [_PLAIN, {"type": "array", "items": {"type": ["string", "number"], "pattern": "^[^,]*$"}}]
    },
}
PIPELINE_SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A pipeline: init/NAME.yml",
    "type": "object",
    "required": ["topics"],
    "additionalProperties": False,
    "properties": {
        "topics": {
            "type": "object",
            "minProperties": 1,
            "propertyNames": _NAME,
            "additionalProperties": _TOPIC,
        },
        "services": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        "generator": {
            "type": "object",
            "required": ["world", "topic"],
            "additionalProperties": False,
            "properties": {"world": _NAME, "topic": _NAME, "rate": {"type": "number", "exclusiveMinimum": 0}},
        },
        "lake": {
            "type": "object",
            "required": ["namespace", "tables"],
            "additionalProperties": False,
            "properties": {
                "namespace": _NAME,
                "tables": {"type": "object", "propertyNames": _NAME, "additionalProperties": _TABLE},
            },
        },
        "mongodb": {
            "type": "object",
            "required": ["database"],
            "additionalProperties": False,
            "properties": {"database": _NAME},
        },
        "postgres": {
            "type": "object",
            "required": ["database"],
            "additionalProperties": False,
            "properties": {"database": {"type": "string", "pattern": "^[a-z_][a-z0-9_]{0,62}$"}},
        },
        "variables": _VARIABLES,
    },
}


@dataclass(frozen=True)
class Project:
    """The three folders under `root`."""

    root: Path

    @property
    def connectors(self) -> Path:
        return self.root / "connectors"

    @property
    def ksql(self) -> Path:
        return self.root / "ksql"

    @property
    def init(self) -> Path:
        return self.root / "init"

    def pipelines(self) -> list[str]:
        """The names of all pipelines, sorted: of init/NAME.yml, and folders of statements or connectors without one."""
        files = (*self.connectors.glob("*/*.json.j2"), *self.ksql.glob("*/*.sql"))
        folders = {path.parent.name for path in files}.difference(NO_PIPELINES)
        return sorted({path.stem for path in self.init.glob("*.yml")} | folders)

    def pipeline(self, name: str) -> Pipeline:
        """Read and check `init/NAME.yml`; a folder of statements or connectors without one is a pipeline of those."""
        if name not in self.pipelines():
            raise UnknownName(
                f"no pipeline {name}: neither init/{name}.yml, nor ksql/{name}/*.sql, nor connectors/{name}/*.json.j2 "
                f"in {self.root}"
                f"{did_you_mean(name, self.pipelines())}"
            )
        path = self.init / f"{name}.yml"
        return _pipeline(name, load_yaml(path, PIPELINE_SCHEMA)) if path.is_file() else Pipeline(name)

    def pipeline_to_fill(self, name: str) -> Pipeline:
        """That of the name, or one that is to be made by writing connectors into its folder.

        A name that is like another one may be a slip: then the folder has to be there.
        """
        if name in self.pipelines():
            return self.pipeline(name)
        if not _FOLDER.fullmatch(name) or name in NO_PIPELINES:
            raise UnknownName(f"{name!r} is no name of a pipeline: letters, digits, _ and - only, not shared or values")
        hint = did_you_mean(name, self.pipelines())
        if hint.startswith(" (did") and not (self.connectors / name).is_dir():
            raise UnknownName(f"no pipeline {name}{hint}: for a new one make the folder {self.connectors / name}")
        return Pipeline(name)

    def statements(self, pipeline: str) -> list[Path]:
        """The ksql files of a pipeline in the order in which they are applied."""
        return sorted((self.ksql / pipeline).glob("*.sql"))

    def templates(self, pipeline: str) -> list[Path]:
        """The connector templates of a pipeline."""
        return sorted((self.connectors / pipeline).glob("*.json.j2"))


def find_project(start: Path, explicit: Path | None = None) -> Project:
    """`explicit`, else the nearest folder upward from `start` that holds all three, else the shipped copy."""
    if explicit is not None:
        if not explicit.is_dir():
            raise ProjectError(
                f"there is no folder {explicit}: --project takes the one with connectors/, ksql/ and init/"
            )
        missing = [name for name in FOLDERS if not (explicit / name).is_dir()]
        if missing:
            raise ProjectError(f"{explicit} is no project: it has no folder {' and no '.join(missing)}")
        return Project(explicit.resolve())
    for folder in (start.resolve(), *start.resolve().parents, shipped()):
        if all((folder / name).is_dir() for name in FOLDERS):
            return Project(folder)
    raise ProjectError(f"no project in {start} or above it: it is a folder with connectors/, ksql/ and init/")


def variables_near(path: Path) -> Mapping[str, str]:
    """What ``${name}`` stands for in a file of ksql/NAME/: the variables of init/NAME.yml, or none."""
    file = variables_file(path)
    return Project(file.parent.parent).pipeline(file.stem).variables if file is not None and file.is_file() else {}


def variables_file(path: Path) -> Path | None:
    """Where the variables of a file of ksql/NAME/ belong, init/NAME.yml; None for a file that is elsewhere."""
    folder = path.resolve().parent
    return folder.parent.parent / "init" / f"{folder.name}.yml" if folder.parent.name == "ksql" else None


def generator_of(pipeline: Pipeline) -> Generator:
    """What produces records for a pipeline. `ProjectError` if nothing does."""
    if pipeline.generator is None:
        raise ProjectError(f"init/{pipeline.name}.yml names no generator, so nothing is produced for {pipeline.name}")
    return pipeline.generator


def read_text(path: Path) -> str:
    """The text of a file of a project. Raises ProjectError."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ProjectError(f"{path} can not be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ProjectError(f"{path} is not UTF-8 text") from exc


def load_yaml(path: Path, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Read a YAML file and check it against a JSON Schema; an error names the file, the line and a fix."""
    return parse_yaml(path, read_text(path), schema)


def parse_yaml(path: Path, text: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same of what has been read from the file."""
    import jsonschema

    root, document = yaml_in(path, text)
    validator = jsonschema.validators.validator_for(schema)(schema)
    first = min(validator.iter_errors(document), key=lambda error: _urgency(root, error), default=None)
    if first is not None:
        path_to, reason = _explain(first)
        raise ProjectError(f"{path}, line {_line(root, path_to)}: {reason}")
    return dict(document or {})


def yaml_in(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    """A YAML text as nodes, which know their lines, and as a value. Raises ProjectError."""
    try:
        return _parse(path, text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "line 1"
        raise ProjectError(f"{path}, {where}: {exc.problem}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # control characters, brackets
        raise ProjectError(f"{path} is no YAML: {' '.join(str(exc).split())}") from exc


def _parse(path: Path, text: str) -> tuple[yaml.Node | None, Any]:
    try:
        loader = _LOADER(text)
        try:
            root = loader.get_single_node()
            try:
                _refuse_repeated_keys(path, root)  # before ``<<`` is written out: what it brings may be given anew
            except RecursionError as exc:
                raise ProjectError(f"{path}: a part of it holds itself") from exc
            try:
                return root, None if root is None else loader.construct_document(root)
            except ValueError as exc:  # the 31st of June
                raise ProjectError(f"{path}{_impossible(root)}: {exc}") from exc
        finally:
            loader.dispose()
    except yaml.YAMLError:  # the other loader's errors say more
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` (did you mean X?)``, or the list of what there is, or nothing; to be appended to an error."""
    return _hint(name, tuple(sorted(known)))


@functools.lru_cache(maxsize=256)
def _hint(name: str, known: tuple[str, ...]) -> str:
    """Hundreds of connectors may all lack the same topic, and to compare it with every other one takes milliseconds."""
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f" (did you mean {near[0]}?)"
    return f" (there are {', '.join(known)})" if 0 < len(known) <= 20 else ""


def listed(words: Sequence[str], most: int) -> str:
    """``a, b and 3 more``: the first `most` of the words."""
    return ", ".join(words[:most]) + (f" and {len(words) - most} more" if len(words) > most else "")


def line_of(path: Path, keys: Sequence[Any]) -> str:
    """``FILE, line N``: where the value at `keys` is in a YAML file that was read before."""
    return f"{path}, line {_line(yaml.compose(read_text(path), Loader=_LOADER), keys)}"


def shipped() -> Path:
    """The project that streamguard carries along: in a wheel; an editable install lies in a repository that is one."""
    package = Path(__file__).resolve().parent
    carried = package / "shipped"
    return carried if carried.is_dir() else package.parent.parent


def _urgency(root: yaml.Node | None, error: Any) -> tuple[int, bool]:
    """Errors are told from the top; of one place an unknown key first: a key that is missing is often it, misspelt."""
    return _line(root, list(error.absolute_path)), error.validator != "additionalProperties"


def _explain(error: Any) -> tuple[list[Any], str]:
    """Where a schema error points, and a sentence about it."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = error.schema.get("properties", {})
        unknown = next(str(key) for key in error.instance if key not in known)
        return [*path, unknown], f"unknown key {unknown}{did_you_mean(unknown, known)}"
    where = f"{'.'.join(str(step) for step in path)}: " if path else ""
    said = error.message
    if isinstance(error.instance, dict | list) or any(_SECRET.search(str(step)) for step in path):
        said = said.replace(repr(error.instance), "what is there")  # maybe with a secret in it
    if error.validator == "type" and error.validator_value == "string" and _reads_as_text(error.instance):
        said += ": put it into quotes"
    return path, where + said


def _reads_as_text(value: Any) -> bool:
    """Whether a text without quotes is meant: to YAML, ``NO`` is false and ``0815`` a number."""
    return not isinstance(value, dict | list | None)


def _line(node: yaml.Node | None, path: Sequence[Any]) -> int:
    """The line of the value at `path`, counted from 1."""
    if node is None:
        return 1
    line = node.start_mark.line + 1
    for step in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line


def _refuse_repeated_keys(path: Path, node: yaml.Node | None) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ProjectError(f"{path}, {_at(key)}: a key is a word")
            if key.value in seen:
                raise ProjectError(f"{path}, {_at(key)}: {key.value} is there twice")
            seen.add(key.value)
            _refuse_repeated_keys(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_repeated_keys(path, item)


def _at(place: yaml.Node) -> str:
    return f"line {place.start_mark.line + 1}, column {place.start_mark.column + 1}"


def _impossible(node: yaml.Node | None) -> str:
    """Where the first value is of which YAML can make nothing, and how it is written; "" if there is none."""
    if isinstance(node, yaml.ScalarNode):
        try:
            yaml.SafeLoader("").construct_object(node)
        except ValueError:
            return f", {_at(node)}: {node.value[:40]}"
        return ""
    inner = chain.from_iterable(node.value) if isinstance(node, yaml.MappingNode) else getattr(node, "value", ())
    return next(filter(None, map(_impossible, inner)), "")


def _pipeline(name: str, document: Mapping[str, Any]) -> Pipeline:
    generator = document.get("generator")
    lake = document.get("lake")
    return Pipeline(
        name=name,
        topics=tuple(_topic(topic, spec) for topic, spec in document["topics"].items()),
        services=tuple(document.get("services", ())),
        generator=_generator(generator) if generator else None,
        lake=_lake(lake) if lake else None,
        mongodb_database=document.get("mongodb", {}).get("database"),
        postgres_database=document.get("postgres", {}).get("database"),
        variables={name: _variable_text(value) for name, value in document.get("variables", {}).items()},
    )


def _generator(spec: Mapping[str, Any]) -> Generator:
    return Generator(spec["world"], spec["topic"], float(spec["rate"]) if "rate" in spec else None)


def _topic(name: str, spec: Mapping[str, Any]) -> Topic:
    config = {key: _config_text(value) for key, value in spec.get("config", {}).items()}
    return Topic(name, spec["partitions"], spec.get("replication"), config)


def _config_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _variable_text(value: object) -> str:
    """A list is one text with commas, as SPLIT takes it."""
    return ",".join(map(str, value)) if isinstance(value, list) else _config_text(value)


def _lake(spec: Mapping[str, Any]) -> Lake:
    tables = tuple(
        Table(name, tuple(_column(column, kind) for column, kind in columns.items()))
        for name, columns in spec["tables"].items()
    )
    return Lake(spec["namespace"], tables)


def _column(name: str, kind: str) -> Column:
    return Column(name, kind.removesuffix(" required"), required=kind.endswith(" required"))
