"""The properties of one request: what SET may change, what the server fixes, and what each is by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamguard.engine.analysis.metastore import Source
from streamguard.engine.language.places import meant
from streamguard.engine.server.rejection import bad_request

OFFSET_RESET = "auto.offset.reset"
BOOLEAN = ("true", "false")
EDITABLE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    OFFSET_RESET: ("latest", ("latest", "earliest")),
    "processing.guarantee": ("exactly_once_v2", ("exactly_once_v2",)),
    "cache.max.bytes.buffering": ("0", ()),
    "statestore.cache.max.bytes": ("0", ()),
    "commit.interval.ms": ("50", ()),
    "num.stream.threads": ("1", ()),
    "max.task.idle.ms": ("0", ()),
    "ksql.query.pull.table.scan.enabled": ("true", BOOLEAN),
    "ksql.query.pull.range.scan.enabled": ("true", BOOLEAN),
    "ksql.query.pull.stream.enabled": ("true", BOOLEAN),
    "ksql.query.push.v2.enabled": ("false", BOOLEAN),
    "ksql.query.push.v2.registry.installed": ("false", BOOLEAN),
    "ksql.persistence.default.format.key": ("KAFKA", ()),
    "ksql.persistence.default.format.value": ("", ()),
    "ksql.persistence.wrap.single.values": ("", ()),
    "ksql.output.topic.name.prefix": ("", ()),
    "ksql.timestamp.throw.on.invalid": ("false", BOOLEAN),
    "ksql.cast.strings.preserve.nulls": ("true", BOOLEAN),
    "ksql.nested.error.set.null": ("true", BOOLEAN),
    "ksql.headers.columns.enabled": ("true", BOOLEAN),
    "ksql.lambdas.enabled": ("true", BOOLEAN),
    "ksql.suppress.enabled": ("true", BOOLEAN),
    "ksql.fail.on.deserialization.error": ("false", ("false",)),
}
"""Default, and the values that are taken (none listed: any). The second to the seventh steer ksqlDB's caches, threads
and commits; this engine takes them, so that statements run unchanged, and has neither a cache nor threads to steer."""
FUNCTIONS = "ksql.functions."
"""Properties of functions, which the functions check: ksql.functions.collect_list.limit, say."""


def check_property(name: str) -> str:
    """The bare name of a property that SET takes; a Rejection otherwise."""
    bare = name.removeprefix("ksql.streams.")
    if bare not in EDITABLE and not bare.startswith(FUNCTIONS):
        hint = meant(bare, EDITABLE)
        raise bad_request(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'{hint}")
    return bare


def checked(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties with bare names; a Rejection for an unknown name or a value that is not taken."""
    return {check_property(name): check_value(name, value) for name, value in properties.items()}


def check_value(name: str, value: str) -> str:
    """The value in the spelling that counts."""
    choices = EDITABLE.get(check_property(name), ("", ()))[1]
    chosen = value.lower() if choices else value
    if choices and chosen not in choices:
        raise bad_request(f"Invalid value {value} for configuration {name}: it takes {' or '.join(choices)}")
    return chosen


def after_set(properties: Mapping[str, str], name: str, value: str | None) -> dict[str, str]:
    """The properties after SET, or after UNSET (`value` None); a Rejection for what SET does not take."""
    bare = check_property(name)
    rest = {key: kept for key, kept in properties.items() if key != bare}
    return rest if value is None else {**rest, bare: check_value(name, value)}


def from_beginning(properties: Mapping[str, str], source: Source) -> bool:
    """Whether a query begins with the first record of its topic, not the next one; of a table it does by default."""
    default = "earliest" if source.is_table else EDITABLE[OFFSET_RESET][0]
    return properties.get(OFFSET_RESET, default) == "earliest"


def property_rows(overrides: Mapping[str, str], fixed: Mapping[str, str]) -> list[dict[str, Any]]:
    """SHOW PROPERTIES."""
    rows = [
        {"name": name, "scope": "KSQL", "value": value, "editable": False, "level": "SERVER"}
        for name, value in fixed.items()
    ]
    for name, (default, _) in EDITABLE.items():
        value = overrides.get(name, default)
        ours = name.startswith("ksql.")
        shown = name if ours else f"ksql.streams.{name}"
        scope = "KSQL" if ours else "KAFKA_STREAMS"
        rows.append({"name": shown, "scope": scope, "value": value, "editable": True, "level": "QUERY"})
    return rows
