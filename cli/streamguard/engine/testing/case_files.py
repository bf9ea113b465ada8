"""Cases as YAML files beside the SQL: ``ksql/bank/result.test.yml``. Reads and checks them; `cases` judges them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from streamguard.engine.testing.cases import Case, Given, Script
from streamguard.engine.testing.differences import Wanted
from streamguard.errors import ProjectError
from streamguard.project import load_yaml, read_text, variables_file, variables_near

SUFFIX = ".test.yml"

_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_VARIABLES = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
_WINDOW = {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}
_RECORD: dict[str, Any] = {
    "topic": {"type": "string"},
    "key": {},
    "value": {},
    "time": {"type": "integer"},
    "window": _WINDOW,
}
_INPUT = {
    "type": "object",
    "required": ["topic"],
    "additionalProperties": False,
    "properties": {
        **_RECORD,
        "raw": {"type": "string"},
        "repeat": {"type": "integer", "minimum": 1, "maximum": 100_000},
    },
}
_OUTPUT = {
    "type": "object",
    "required": ["topic"],
    "additionalProperties": False,
    "properties": {**_RECORD, "fields": {"type": "object"}},
}
_CASE = {
    "type": "object",
    "required": ["name"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "sql": {"type": "string"},
        "variables": _VARIABLES,
        "inputs": {"type": "array", "items": _INPUT},
        "outputs": {"type": "array", "items": _OUTPUT},
        "latest": {"type": "array", "items": _OUTPUT},
        "empty": {"type": "array", "items": {"type": "string"}},
        "errors": {"type": "array", "items": {"type": "string"}},
        "error": {"type": "string"},
    },
}
SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Cases of ksql statements: ksql/PIPELINE/NAME.test.yml",
    "type": "object",
    "required": ["cases"],
    "additionalProperties": False,
    "properties": {
        "statements": _NAMES,
        "sql": {"type": "string"},
        "variables": _VARIABLES,
        "cases": {"type": "array", "minItems": 1, "items": _CASE},
        "records": {},
    },
}


def case_files(paths: Sequence[Path]) -> list[Path]:
    """The files themselves, and those in and below the folders. Raises ProjectError."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(path.rglob(f"*{SUFFIX}"))
        elif path.is_file():
            found.append(path)
        else:
            raise ProjectError(f"there is no file or folder {path}")
    return list(dict.fromkeys(found))


def read_cases(path: Path, definitions: Mapping[str, str] | None = None) -> list[Case]:
    """The cases of a file. Raises ProjectError.

    Without ``statements`` they are about all `*.sql` files in its folder, in name order. In a folder ksql/NAME the
    variables of init/NAME.yml hold, unless the file or the case says otherwise; `definitions` win over all.
    """
    document = load_yaml(path, SCHEMA)
    shared = tuple(_scripts(path, document))
    layers = (variables_near(path), document.get("variables", {}))
    return [
        _case(path, each, shared, _merged(*layers, each.get("variables", {}), definitions or {}))
        for each in document["cases"]
    ]


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """The later ones win; a variable is the same in any case of letters."""
    return {name.upper(): value for layer in layers for name, value in layer.items()}


def _scripts(path: Path, document: Mapping[str, Any]) -> Iterable[Script]:
    names = document.get("statements")
    if names is None:
        files = [] if "sql" in document else sorted(path.parent.glob("*.sql"))
    else:
        files = [path.parent / name for name in ([names] if isinstance(names, str) else names)]
    for file in files:
        home = variables_file(file)
        own = "`variables:` of the cases defines it"
        near = own if home is None else f"`variables:` of init/{home.name} defines it, or that of the cases"
        yield Script(str(file), read_text(file), near)
    if "sql" in document:
        yield Script(f"{path}: sql", document["sql"])


def _case(path: Path, case: Mapping[str, Any], shared: tuple[Script, ...], variables: Mapping[str, Any]) -> Case:
    name = case["name"]
    own = (Script(f"{path}: {name}", case["sql"]),) if "sql" in case else ()
    outputs = {**dict.fromkeys(case.get("empty", ()), ()), **_by_topic(path, case.get("outputs", ()))}
    latest = _by_topic(path, case.get("latest", ()))
    for topic in outputs.keys() & latest.keys():
        raise ProjectError(
            f"{path}: {name}: {topic} has all its records under `outputs`, or its last ones under `latest`"
        )
    return Case(
        name,
        shared + own,
        {key: str(value) for key, value in variables.items()},
        tuple(given for each in case.get("inputs", ()) for given in _repeated(path, each)),
        outputs,
        tuple(case.get("errors", ())),
        case.get("error"),
        latest,
    )


def _by_topic(path: Path, records: Iterable[Mapping[str, Any]]) -> dict[str, tuple[Wanted, ...]]:
    found: dict[str, tuple[Wanted, ...]] = {}
    for each in records:
        found[each["topic"]] = (*found.get(each["topic"], ()), _wanted(path, each))
    return found


def _repeated(path: Path, record: Mapping[str, Any]) -> Iterable[Given]:
    """The record, or as many as `repeat` says, ``{n}`` in their texts being 1, 2, 3 …"""
    if "repeat" not in record:
        return [_given(path, record)]
    return [_given(path, _numbered(record, str(number))) for number in range(1, record["repeat"] + 1)]


def _numbered(value: Any, number: str) -> Any:
    if isinstance(value, Mapping):
        return {key: _numbered(each, number) for key, each in value.items()}
    if isinstance(value, list):
        return [_numbered(each, number) for each in value]
    return value.replace("{n}", number) if isinstance(value, str) else value


def _given(path: Path, record: Mapping[str, Any]) -> Given:
    return Given(
        record["topic"],
        _plain(path, record.get("key")),
        _plain(path, record.get("value")),
        record.get("time", 0),
        _window(record),
        record.get("raw"),
    )


def _wanted(path: Path, record: Mapping[str, Any]) -> Wanted:
    if "fields" in record and "value" in record:
        raise ProjectError(f"{path}: an output has `value`, all fields, or `fields`, some of them; not both")
    value = record.get("fields", record.get("value"))
    window = _window(record)
    return Wanted(_plain(path, record.get("key")), _plain(path, value), record.get("time"), window, "fields" in record)


def _window(record: Mapping[str, Any]) -> tuple[int, int] | None:
    window = record.get("window")
    return None if window is None else (window[0], window[1])


def _plain(path: Path, value: Any) -> Any:
    """What JSON can hold; YAML takes a bare 2026-01-31 for a date."""
    if isinstance(value, Mapping):
        return {str(key): _plain(path, each) for key, each in value.items()}
    if isinstance(value, list):
        return [_plain(path, each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ProjectError(f"{path}: {value} is a {type(value).__name__} in YAML: quote it")
