"""The WITH clause: what each property means, and which ones this engine has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streamguard.engine import syntax as s
from streamguard.engine.places import Place, meant
from streamguard.errors import AnalysisError

KEY_FORMATS = ("KAFKA", "JSON", "NONE")
VALUE_FORMATS = ("JSON",)
OTHER_FORMATS = ("AVRO", "DELIMITED", "JSON_SR", "KAFKA", "NONE", "PROTOBUF", "PROTOBUF_NOSR")
SOURCE_NAMES = ("KAFKA_TOPIC", "FORMAT", "KEY_FORMAT", "VALUE_FORMAT", "PARTITIONS", "REPLICAS")
MOST = 2**31 - 1
"""Partitions or replicas that Kafka's protocol can ask for."""
NOT_YET = (
    "KEY_DELIMITER",
    "KEY_SCHEMA_FULL_NAME",
    "KEY_SCHEMA_ID",
    "RETENTION_MS",
    "TIMESTAMP",
    "TIMESTAMP_FORMAT",
    "VALUE_DELIMITER",
    "VALUE_SCHEMA_FULL_NAME",
    "VALUE_SCHEMA_ID",
    "WINDOW_SIZE",
    "WINDOW_TYPE",
    "WRAP_SINGLE_VALUE",
)


@dataclass(frozen=True)
class With:
    """A WITH clause that was understood; None where it says nothing."""

    topic: str | None = None
    key_format: str | None = None
    value_format: str | None = None
    partitions: int | None = None
    replicas: int | None = None
    query_id: str | None = None


def read(
    properties: Iterable[s.Property], refuse: Callable[[str, Place], AnalysisError], *, insert: bool = False
) -> With:
    """Check each property.

    Raises:
        AnalysisError: unknown, given twice, of a wrong type, or not supported yet.
    """
    allowed = ("QUERY_ID",) if insert else SOURCE_NAMES
    found: dict[str, s.Property] = {}
    for given in properties:
        if given.name in NOT_YET and not insert:
            raise refuse(f"the property {given.name} is not supported yet by the embedded engine", given.place)
        if given.name not in allowed:
            raise refuse(f"no property {given.name} here{meant(given.name, allowed)}", given.place)
        if given.name in found:
            raise refuse(f"the property {given.name} is given twice", given.place)
        found[given.name] = given
    both = found.get("FORMAT")
    if both and ("KEY_FORMAT" in found or "VALUE_FORMAT" in found):
        raise refuse("Cannot supply both 'VALUE_FORMAT' or 'KEY_FORMAT' and 'FORMAT' properties.", both.place)
    return With(
        topic=_text(found.get("KAFKA_TOPIC"), refuse),
        key_format=_format(found.get("KEY_FORMAT") or both, KEY_FORMATS, "key", refuse),
        value_format=_format(found.get("VALUE_FORMAT") or both, VALUE_FORMATS, "value", refuse),
        partitions=_count(found.get("PARTITIONS"), refuse),
        replicas=_count(found.get("REPLICAS"), refuse),
        query_id=_text(found.get("QUERY_ID"), refuse),
    )


def _text(given: s.Property | None, refuse: Callable[[str, Place], AnalysisError]) -> str | None:
    if given is None:
        return None
    if not isinstance(given.value, str) or not given.value:
        raise refuse(f"the property {given.name} takes a string", given.place)
    return given.value


def _count(given: s.Property | None, refuse: Callable[[str, Place], AnalysisError]) -> int | None:
    if given is None:
        return None
    text = given.value if isinstance(given.value, str) else ""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) else given.value
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise refuse(f"the property {given.name} takes a whole number from 1 to {MOST}", given.place)
    return value


def _format(
    given: s.Property | None, supported: tuple[str, ...], part: str, refuse: Callable[[str, Place], AnalysisError]
) -> str | None:
    text = _text(given, refuse)
    if given is None or text is None:
        return None
    name = text.upper()
    if name in supported:
        return name
    if name in OTHER_FORMATS:
        raise refuse(f"{name} as {part} format is not supported yet by the embedded engine", given.place)
    raise refuse(f"no format {text}{meant(name, [*supported, *OTHER_FORMATS])}", given.place)
