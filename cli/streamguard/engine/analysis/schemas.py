"""Which columns a format can carry, as key and as value, in ksqlDB's words."""

from __future__ import annotations

from collections.abc import Iterator

from streamguard.engine.analysis.metastore import WRAPPING, Column, Source
from streamguard.engine.language import types as t

KAFKA_TYPES = (t.INTEGER, t.BIGINT, t.DOUBLE, t.STRING, t.BYTES)
ISSUE = "https://github.com/confluentinc/ksql/issues/6621"


def refusal(source: Source) -> str | None:
    """Why the formats of a source do not carry its columns; None when they do."""
    return (
        _of_map_keys(source.keys)
        or _of_part("Key", source.key_format, source.keys, " KEY", source.key_features)
        or _of_part("Value", source.value_format, source.values, "", source.value_features)
        or _of_wrapping(source)
    )


def map_key_refusal(name: str, kind: t.Type) -> str | None:
    """Why a key of the type is refused: it holds a map. Said before anything of its format."""
    if not any(isinstance(each, t.Map) for each in nested(kind)):
        return None
    return (
        "Map keys, including types that contain maps, are not supported as they may lead to unexpected behavior due to "
        f"inconsistent serialization. Key column name: {t.quoted(name)}. Column type: {kind}. See {ISSUE} for more."
    )


def nested(kind: t.Type) -> Iterator[t.Type]:
    """The type and every type inside it."""
    yield kind
    match kind:
        case t.Array():
            yield from nested(kind.element)
        case t.Map():
            yield from nested(kind.key)
            yield from nested(kind.value)
        case t.Struct():
            for _, inner in kind.fields:
                yield from nested(inner)


def base_name(kind: t.Type) -> str:
    """The name of a type without its parameters: ``STRUCT``."""
    return kind.name if isinstance(kind, t.Scalar) else type(kind).__name__.upper()


def _of_map_keys(keys: tuple[Column, ...]) -> str | None:
    reasons = (map_key_refusal(key.name, key.type) for key in keys)
    return next((reason for reason in reasons if reason), None)


def _of_part(part: str, form: str, columns: tuple[Column, ...], suffix: str, features: frozenset[str]) -> str | None:
    shown = [f"{column}{suffix}" for column in columns]
    reason = _of_format(form, columns, shown)
    if reason is None:
        return None
    schema = f"Persistence{{columns=[{', '.join(shown)}], features=[{', '.join(sorted(features))}]}}"
    return f"{part} format does not support schema.\nformat: {form}\nschema: {schema}\nreason: {reason}"


def _of_format(form: str, columns: tuple[Column, ...], shown: list[str]) -> str | None:
    match form:
        case "NONE" if columns:
            return f"The 'NONE' format can only be used when no columns are defined. Got: [{', '.join(shown)}]"
        case "KAFKA":
            if len(columns) > 1:
                return f"The 'KAFKA' format only supports a single field. Got: [{', '.join(shown)}]"
            wrong = [column for column in columns if column.type not in KAFKA_TYPES]
            return f"The 'KAFKA' format does not support type '{base_name(wrong[0].type)}'" if wrong else None
        case "DELIMITED":
            wrong = [column for column in columns if isinstance(column.type, t.Array | t.Map | t.Struct)]
            if wrong:
                name, kind = t.quoted(wrong[0].name), base_name(wrong[0].type)
                return f"The 'DELIMITED' format does not support type '{kind}', column: {name}"
        case "JSON":
            if any(_odd_map(each) for column in columns for each in nested(column.type)):
                return "JSON only supports MAP types with STRING keys"
    return None


def _odd_map(kind: t.Type) -> bool:
    return isinstance(kind, t.Map) and kind.key != t.STRING


def _of_wrapping(source: Source) -> str | None:
    wrap = source.value_options.wrap
    if wrap is None:
        return None
    if source.value_format not in WRAPPING and not (source.value_format in ("DELIMITED", "KAFKA") and not wrap):
        return f"Format '{source.value_format}' does not support 'WRAP_SINGLE_VALUE' set to '{str(wrap).lower()}'."
    if len(source.values) != 1:
        return "'WRAP_SINGLE_VALUE' is only valid for single-field value schemas"
    return None
