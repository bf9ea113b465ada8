"""The document against the JSON Schema (schema.json): shapes and kinds of values, told in one sentence each."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib.resources import files
from pathlib import Path as FilePath
from typing import Any

from streamguard.datagen.world.document import Path
from streamguard.datagen.world.problems import Problems
from streamguard.project import did_you_mean


@cache
def schema() -> Mapping[str, Any]:
    """The JSON Schema of world files, draft 2020-12."""
    loaded: Mapping[str, Any] = json.loads(_schema_text())
    return loaded


@cache
def _schema_text() -> str:
    return files("streamguard.datagen.world").joinpath("schema.json").read_text(encoding="utf-8")


def validate(problems: Problems, cache_dir: FilePath | None = None) -> None:
    """Add a problem for everything that the schema does not allow.

    A document without any is remembered in `cache_dir` by its hash: to load the validator costs 0.1 s.
    """
    mark = None if cache_dir is None else cache_dir / "worlds" / f"{_digest(problems.document.value)}.fits"
    if mark is not None and mark.exists():
        return
    import jsonschema

    fits = True
    for error in jsonschema.Draft202012Validator(schema()).iter_errors(problems.document.value):
        fits = False
        for path, reason in _told(error):
            problems.add(path, reason)
    if fits and mark is not None:
        with suppress(OSError):
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()


def _digest(value: Any) -> str:
    """Names a document and the schema that it is held against."""
    return hashlib.sha256(f"{_schema_text()}\0{json.dumps(value)}".encode()).hexdigest()


def _told(error: Any) -> Iterator[tuple[Path, str]]:
    path: Path = tuple(error.absolute_path)
    instance, expects = error.instance, error.schema.get("expects")
    if error.validator == "additionalProperties" and isinstance(instance, dict):
        yield from _unknown_keys(error, path)
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in instance]
        yield path, f"{' and '.join(missing)} missing: add {', '.join(f'`{name}: …`' for name in missing)}"
    elif error.validator in ("exclusiveMinimum", "minimum", "maximum", "exclusiveMaximum") and not expects:
        yield (
            path,
            f"{_shown(instance)} is out of range: write a number {_LIMITS[error.validator]} {error.validator_value}",
        )
    elif error.validator in ("minItems", "minProperties") and not expects:
        yield path, f"empty or too short: it takes at least {error.validator_value}"
    elif error.validator in ("enum", "const") and not expects:
        known = error.validator_value if error.validator == "enum" else [error.validator_value]
        yield path, f"{_shown(instance)} is not possible{did_you_mean(str(instance), map(str, known))}"
    elif expects and "propertyNames" in error.absolute_schema_path:
        yield (*path, str(instance)), f"{_shown(instance)} is no name for this: write {expects}"
    elif expects:
        yield path, f"{_shown(instance)} does not fit: write {expects}"
    elif error.validator == "type":
        kinds = error.validator_value if isinstance(error.validator_value, list) else [error.validator_value]
        yield path, f"{_shown(instance)} does not fit: write {' or '.join(_KINDS[kind] for kind in kinds)}"
    else:
        yield path, error.message


def _unknown_keys(error: Any, path: Path) -> Iterator[tuple[Path, str]]:
    known = error.schema.get("properties", {})
    for key in error.instance:
        if key not in known:
            yield (*path, key), f"unknown key {key}{did_you_mean(key, known)}"


_LIMITS = {"exclusiveMinimum": "above", "minimum": "from", "maximum": "up to", "exclusiveMaximum": "below"}
_KINDS = {
    "string": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "keys and values",
    "null": "null",
}


def _shown(value: object) -> str:
    """A value as a person wrote it, shortened."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"
