"""What the JSON Schema does not allow in a file of rules: where, and a sentence about it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from streamguard.project import did_you_mean

KINDS = {"object": "keys and values", "array": "a list", "string": "a text", "integer": "a whole number"}
Path = tuple[Any, ...]


class Mistake(NamedTuple):
    """`path` leads to a value, or with `of_key` to its key."""

    path: Path
    reason: str
    of_key: bool = False


def mistakes_in(document: Any, schema: Mapping[str, Any]) -> list[Mistake]:
    """Everything that the schema does not allow, in no order; of a key that is misspelt not that it is missing, too."""
    import jsonschema

    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(document))
    unknown = [each for error in errors if error.validator == "additionalProperties" for each in _unknown(error)]
    meant = {(*mistake.path[:-1], key) for mistake, key in unknown}
    others = [_told(error) for error in errors if error.validator not in ("additionalProperties", "required")]
    return [*(mistake for mistake, _ in unknown), *_missing(errors, meant), *others]


def _unknown(error: Any) -> Iterator[tuple[Mistake, str]]:
    """Each with the key that is likely meant, or ""."""
    known = error.schema.get("properties", {})
    path = tuple(error.absolute_path)
    for key in error.instance:
        if key not in known:
            hint = did_you_mean(str(key), known)
            meant = hint.removeprefix(" (did you mean ").removesuffix("?)")
            yield Mistake((*path, key), f"unknown key {key}{hint}", of_key=True), meant


def _missing(errors: Iterable[Any], meant: Collection[Path]) -> Iterator[Mistake]:
    """What is missing in each part, once."""
    wanted = {tuple(error.absolute_path): error for error in errors if error.validator == "required"}
    for path, error in wanted.items():
        missing = [key for key in error.validator_value if key not in error.instance and (*path, key) not in meant]
        if missing:
            add = ", ".join(f"`{key}: …`" for key in missing)
            yield Mistake(path, f"{_where(path)}{' and '.join(missing)} missing: add {add}")


def _told(error: Any) -> Mistake:
    path, instance = tuple(error.absolute_path), error.instance
    if "propertyNames" in error.absolute_schema_path:
        return Mistake((*path, instance), f"{_where(path)}{_said(error)}", of_key=True)
    return Mistake(path, _where(path) + _said(error))


def _said(error: Any) -> str:
    instance, wanted = error.instance, error.validator_value
    if instance is None or instance in ("", []):
        return f"it is empty: write {_wanted(error)}"
    if error.validator == "type":
        shown = "what is there" if isinstance(instance, dict | list) else repr(instance)
        quotes = ": put it into quotes" if wanted == "string" and not isinstance(instance, dict | list) else ""
        return f"{shown} is not {KINDS[wanted]}{quotes}"
    if error.validator == "enum":
        return f"{instance!r} is not possible{did_you_mean(str(instance), wanted)}"
    if error.validator == "pattern":
        return f"{instance!r} does not fit: write {error.schema['expects']}"
    if isinstance(instance, dict | list):
        return str(error.message).replace(repr(instance), "what is there")
    return str(error.message)


def _wanted(error: Any) -> str:
    """What belongs where nothing is."""
    if error.validator == "enum":
        return f"one of {', '.join(error.validator_value)}"
    if error.validator == "minItems":
        return "at least one"
    if error.validator == "type":
        return "a list, [] for none" if error.validator_value == "array" else KINDS[error.validator_value]
    return "a text"


def _where(path: Path) -> str:
    return f"{'.'.join(map(str, path))}: " if path else ""
