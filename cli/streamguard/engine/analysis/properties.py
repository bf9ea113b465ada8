"""The WITH clause: what each property means, what values it takes, and ksqlDB's words for those that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from streamguard.engine.analysis.metastore import FormatOptions, SourceWindow, TimestampColumn
from streamguard.engine.javatime import TimeError, pattern
from streamguard.engine.language import syntax as s
from streamguard.engine.language.places import Place, meant
from streamguard.errors import AnalysisError

Refuse = Callable[[str, Place], AnalysisError]

FORMATS = ("JSON", "DELIMITED", "KAFKA", "NONE")
OTHER_FORMATS = ("AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR")
MOST = 2**31 - 1
"""Partitions or replicas that Kafka's protocol can ask for."""
WINDOWS = ("SESSION", "HOPPING", "TUMBLING")
SAME_FOR_BOTH = (
    "Cannot supply both '{0}' and 'FORMAT' properties, as 'FORMAT' sets both key and value formats. Either use just "
    "'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
)
UNITS = {
    "MILLISECOND": 1,
    "SECOND": 1000,
    "MINUTE": 60_000,
    "HOUR": 3_600_000,
    "DAY": 86_400_000,
}
DELIMITERS = {"TAB": "\t", "SPACE": " "}


@dataclass(frozen=True)
class With:
    """A WITH clause that was understood; None where it says nothing. `retention_ms` is the topic's."""

    topic: str | None = None
    key_format: str | None = None
    value_format: str | None = None
    partitions: int | None = None
    replicas: int | None = None
    query_id: str | None = None
    window: SourceWindow | None = None
    timestamp: TimestampColumn | None = None
    key_delimiter: str | None = None
    value_delimiter: str | None = None
    wrap: bool | None = None
    retention_ms: int | None = None

    @property
    def key_options(self) -> FormatOptions:
        """How keys are written, with defaults."""
        return FormatOptions(self.key_delimiter or ",")

    @property
    def value_options(self) -> FormatOptions:
        """How values are written, with defaults."""
        return FormatOptions(self.value_delimiter or ",", self.wrap)


def misplaced_delimiter(given: With, key_format: str, value_format: str) -> str | None:
    """Why a delimiter is refused: the format that a part has in the end knows none."""
    for delimiter, form in ((given.key_delimiter, key_format), (given.value_delimiter, value_format)):
        if delimiter is not None and form != "DELIMITED":
            return f"{form} does not support the following configs: [delimiter]"
    return None


def misplaced_retention(given: With, kind: str, *, windowed: bool) -> str | None:
    """Why RETENTION_MS is refused: the topic of a table without windows keeps the last record of each key for ever."""
    if given.retention_ms is None or kind == "STREAM" or windowed:
        return None
    return "Invalid config variable in the WITH clause: RETENTION_MS. Non-windowed tables do not support retention."


class Invalid(ValueError):
    """The value of a property is none that it takes."""


def read(properties: Iterable[s.Property], refuse: Refuse, *, insert: bool = False, query: bool = False) -> With:
    """Check each property. `insert`: of INSERT INTO; `query`: of CREATE … AS, which has no windows to declare.

    Raises:
        AnalysisError: unknown, given twice, of a wrong type, or not supported yet.
    """
    allowed = tuple(
        INSERT if insert else {name: READERS[name] for name in READERS if not query or name not in WINDOWED}
    )
    found: dict[str, Any] = {}
    places: dict[str, Place] = {}
    for given in properties:
        if given.name not in allowed:
            reason = f"Invalid config variable(s) in the WITH clause: {given.name}{meant(given.name, allowed)}"
            raise refuse(reason, given.place)
        if given.name in found:
            raise refuse(f"the property {given.name} is given twice", given.place)
        places[given.name] = given.place
        try:
            found[given.name] = (INSERT if insert else READERS)[given.name](given.name, given.value)
        except Invalid as exc:
            raise refuse(str(exc), given.place) from None
    try:
        return _understood(found)
    except Invalid as exc:
        name = next((name for name in places if f"'{name}'" in str(exc) or name in str(exc).split()), "")
        raise refuse(str(exc), places.get(name) or next(iter(places.values()))) from None


def _understood(found: Mapping[str, Any]) -> With:
    for name in ("KEY_FORMAT", "VALUE_FORMAT"):
        if name in found and "FORMAT" in found:
            raise Invalid(SAME_FOR_BOTH.format(name))
    key_format, value_format = (found.get(name, found.get("FORMAT")) for name in ("KEY_FORMAT", "VALUE_FORMAT"))
    _check_options("KEY", key_format, found)
    _check_options("VALUE", value_format, found)
    column = found.get("TIMESTAMP")
    return With(
        topic=found.get("KAFKA_TOPIC"),
        key_format=key_format,
        value_format=value_format,
        partitions=found.get("PARTITIONS"),
        replicas=found.get("REPLICAS"),
        query_id=found.get("QUERY_ID"),
        window=_window(found),
        timestamp=None if column is None else TimestampColumn(column, found.get("TIMESTAMP_FORMAT")),
        key_delimiter=found.get("KEY_DELIMITER"),
        value_delimiter=found.get("VALUE_DELIMITER"),
        wrap=found.get("WRAP_SINGLE_VALUE"),
        retention_ms=found.get("RETENTION_MS"),
    )


def _check_options(part: str, form: str | None, found: Mapping[str, Any]) -> None:
    """Properties that the format does not have."""
    if f"{part}_SCHEMA_ID" in found:
        current = form or "KAFKA"
        reason = f"{part}_FORMAT should support schema inference when {part}_SCHEMA_ID is provided."
        raise Invalid(f"{reason} Current format is {current}.")
    if form is None:
        return
    others = {"DELIMITER": "delimiter", "SCHEMA_FULL_NAME": "fullSchemaName"}
    if form == "DELIMITED":
        del others["DELIMITER"]
    wrong = [shown for name, shown in others.items() if f"{part}_{name}" in found]
    if wrong:
        raise Invalid(f"{form} does not support the following configs: [{', '.join(wrong)}]")


def _window(found: Mapping[str, Any]) -> SourceWindow | None:
    kind, size = found.get("WINDOW_TYPE"), found.get("WINDOW_SIZE")
    if kind is None:
        if size is not None:
            raise Invalid("'WINDOW_SIZE' needs 'WINDOW_TYPE': TUMBLING or HOPPING")
        return None
    if kind == "SESSION":
        if size is not None:
            raise Invalid("'WINDOW_SIZE' should not be set for SESSION windows.")
    elif size is None:
        example = "For example: 'WINDOW_SIZE'='10 SECONDS'"
        raise Invalid(f"{kind} windows require 'WINDOW_SIZE' to be provided in the WITH clause. {example}")
    return SourceWindow(kind, size)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise Invalid(f"Invalid value {_shown(value)} for configuration {name}: Expected value to be a string")
    if not value.strip():
        raise Invalid(f"Invalid value {value} for configuration {name}: String must be non-empty")
    return value


def _format(name: str, value: Any) -> str:
    text = _text(name, value)
    upper = text.upper()
    if upper in FORMATS:
        return upper
    if upper in OTHER_FORMATS:
        raise Invalid(f"{name} '{upper}' is not supported yet by the embedded engine")
    raise Invalid(f"Unknown format: {upper}{meant(upper, [*FORMATS, *OTHER_FORMATS])}")


def _count(name: str, value: Any) -> int:
    count = _whole(name, value, "INT")
    if not 1 <= count <= MOST:
        raise Invalid(f"Invalid value {_shown(value)} for configuration {name}: Value must be from 1 to {MOST}")
    return count


def _whole(name: str, value: Any, kind: str = "LONG") -> int:
    text = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and text.isascii() and text.removeprefix("-").isdigit() and len(text) < 20:
        return int(text)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"Invalid value {_shown(value)} for configuration {name}: Not a number of type {kind}")
    return value


def _boolean(name: str, value: Any) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if not isinstance(value, bool):
        reason = "Expected value to be either true or false"
        raise Invalid(f"Invalid value {_shown(value)} for configuration {name}: {reason}")
    return value


def _delimiter(name: str, value: Any) -> str:
    if not isinstance(value, str):
        return _text(name, value)
    invalid, example = f"Configuration {name} is invalid", "Example valid value: ';'"
    if not value:
        reason = "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please use the special"
        raise Invalid(f"{invalid}: {reason} values 'TAB' or 'SPACE'\n{example}")
    made = DELIMITERS.get(value.upper(), value)
    if len(made) != 1:
        reason = f"Invalid delimiter value: '{value}'. Delimiter must be a single character or TAB,SPACE"
        raise Invalid(f"{invalid}: {reason}\n{example}")
    if made in '"\r\n':
        raise Invalid(f"{invalid}: Invalid delimiter value: a quote or the end of a line.\n{example}")
    return made


def _duration(name: str, value: Any) -> int:
    text = _text(name, value)
    invalid = f"Configuration {name} is invalid: Invalid duration: '{text}'."
    parts = text.split()
    if len(parts) != 2:
        raise Invalid(f"{invalid} Expected a number and a time unit, as in '10 SECONDS'")
    number, unit = parts
    if not (number.isascii() and number.isdigit()) or len(number) > 18:
        raise Invalid(f"{invalid} Not numeric: '{number}'")
    size = UNITS.get(unit.upper().removesuffix("S"))
    if size is None:
        raise Invalid(f"{invalid} Unknown time unit: '{unit.upper()}'")
    return int(number) * size


def _window_type(name: str, value: Any) -> str:
    upper = _text(name, value).upper()
    if upper not in WINDOWS:
        reason = f"String must be one of: {', '.join(WINDOWS)}"
        raise Invalid(f"Invalid value {value} for configuration {name}: {reason}{meant(upper, WINDOWS)}")
    return upper


def _column(name: str, value: Any) -> str:
    """A column's name as a statement would write it: upper case unless quoted."""
    text = _text(name, value).strip()
    if len(text) > 2 and text[0] == text[-1] and text[0] in '`"':
        return text[1:-1].replace(text[0] * 2, text[0])
    return text.upper()


def _pattern(name: str, value: Any) -> str:
    text = _text(name, value)
    try:
        pattern(text)
    except TimeError as exc:
        raise Invalid(f"Invalid datetime format for config:{name}, reason:{exc}") from None
    return text


def _retention(name: str, value: Any) -> int:
    ms = _whole(name, value)
    if ms < -1:
        raise Invalid(f"Invalid value {_shown(value)} for configuration {name}: Value must be at least -1")
    return ms


def _policy(name: str, _value: Any) -> str:
    raise Invalid(
        f"Invalid config variable in the WITH clause: {name}.\n"
        f"The {name} config is automatically inferred based on the type of source (STREAM or TABLE).\n"
        f"Users can't set the {name} config manually."
    )


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


READERS: dict[str, Callable[[str, Any], Any]] = {
    "KAFKA_TOPIC": _text,
    "FORMAT": _format,
    "KEY_FORMAT": _format,
    "VALUE_FORMAT": _format,
    "PARTITIONS": _count,
    "REPLICAS": _count,
    "KEY_DELIMITER": _delimiter,
    "VALUE_DELIMITER": _delimiter,
    "WRAP_SINGLE_VALUE": _boolean,
    "TIMESTAMP": _column,
    "TIMESTAMP_FORMAT": _pattern,
    "WINDOW_TYPE": _window_type,
    "WINDOW_SIZE": _duration,
    "RETENTION_MS": _retention,
    "CLEANUP_POLICY": _policy,
    "KEY_SCHEMA_ID": _whole,
    "VALUE_SCHEMA_ID": _whole,
    "KEY_SCHEMA_FULL_NAME": _text,
    "VALUE_SCHEMA_FULL_NAME": _text,
}
WINDOWED = ("WINDOW_TYPE", "WINDOW_SIZE")
INSERT: dict[str, Callable[[str, Any], Any]] = {"QUERY_ID": _text}
