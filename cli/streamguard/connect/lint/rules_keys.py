"""Rules that compare a config with what its plugins say about their keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping

from streamguard.connect.lint.clients import CLIENT_KEYS
from streamguard.connect.lint.definitions import CLASS_KEYS, shared_keys, shipped
from streamguard.connect.lint.rule import Remark, Subject, rule
from streamguard.connect.rest.answers import KeyDefinition
from streamguard.connect.secrecy.sensitive import REFERENCE
from streamguard.connect.templates.render import OWN
from streamguard.project import did_you_mean

PASSED_ON = (
    *("iceberg.catalog.", "iceberg.kafka.", "iceberg.hadoop.", "iceberg.table."),
    *("iceberg.tables.auto-create-props.", "iceberg.tables.write-props.", "s3.credentials.", "hibernate."),
    *("topic.creation.", "confluent.topic.", "confluent.license", "reporter."),
)
"""Below these the plugin passes every key on to a library, and lists none."""
PART = re.compile(r"((?:transforms|predicates)\.[^.]+|(?:key|value|header)\.converter)\.(.+)")
OVERRIDE = re.compile(r"(consumer|producer|admin)\.override\.(.+)")
OF_EVERY_PART = frozenset({"type", "predicate", "negate", "plugin.version"})
GIVEN = frozenset({"name", "converter.type"})
"""What the worker itself puts in."""
NUMBERS = {"INT": 2**31, "LONG": 2**63, "SHORT": 2**15}
NEAR = 0.8


@rule("unknown-key")
def unknown_key(s: Subject) -> Iterator[Remark]:
    """A key that nobody knows.

    A misspelt key is no error for Connect: `topcis`, `errors.tolerence`, `transforms.a.sttic.field` and
    `value.converter.schema.enable` pass its validation, and their defaults apply. Asked offline, the plugins that
    streamguard knows are MongoDB's, Iceberg's, Confluent's and Aiven's for S3, Debezium's for JDBC, and Connect's own
    transforms, predicates and converters; with `--live`, all that the worker has.
    """
    keys = s.keys
    for key in s.config:
        if key.startswith((OWN, *PASSED_ON)):
            continue
        part, override = PART.fullmatch(key), OVERRIDE.fullmatch(key)
        if part:
            known = _known_to_part(s, part[1])
            if known is not None and part[2] not in known and key not in (keys or {}):
                yield key, f"{part[1]} knows no such key{near_key(part[2], known, part[1])}"
        elif override:
            if override[2] in CLIENT_KEYS:  # looking for near ones takes long
                continue
            near = difflib.get_close_matches(override[2], CLIENT_KEYS, n=1, cutoff=NEAR)
            if near:
                yield key, f"a {override[1]} knows no such key (did you mean {override[1]}.override.{near[0]}?)"
        elif keys is None:
            if key in shared_keys():
                continue
            near = difflib.get_close_matches(key, shared_keys(), n=1, cutoff=NEAR)
            if near:
                yield key, f"Kafka Connect knows no such key (did you mean {near[0]}?)"
        elif key not in keys and not is_pattern(key, keys):
            yield key, f"the plugin knows no such key{near_key(key, keys)}"


def _known_to_part(s: Subject, part: str) -> frozenset[str] | None:
    """The keys of a transform, predicate or converter; None: its class is not known."""
    class_name = s.config.get(part) if part.endswith("converter") else s.config.get(f"{part}.type")
    if not class_name:
        return None
    keys = s.facts.definitions.of(class_name)
    if keys is None:
        keys = shipped().of(class_name)
    return None if keys is None else OF_EVERY_PART | set(keys) - GIVEN


def is_pattern(key: str, keys: Iterable[str]) -> bool:
    return any("%s" in known and re.fullmatch(re.escape(known).replace("%s", ".+"), key) for known in keys)


def near_key(key: str, known: Iterable[str], part: str = "") -> str:
    hint = did_you_mean(key, known)
    if not hint.startswith(" (did"):
        return ""
    return hint.replace("mean ", f"mean {part}.", 1) if part else hint


@rule("unknown-class", needs="worker")
def unknown_class(s: Subject) -> Iterator[Remark]:
    """A class that the worker does not have.

    A connector, converter, transform or predicate whose plugin is not installed on the worker, or is spelt otherwise.
    """
    plugins = s.facts.definitions.plugins
    for key, name in s.config.items() if plugins is not None else ():
        if CLASS_KEYS.fullmatch(key) and name and s.facts.definitions.full_name(name) not in (plugins or {}):
            yield key, f"the worker has no plugin {name}{near_key(name, plugins or {})}"


@rule("missing-key")
def missing_key(s: Subject) -> Iterator[Remark]:
    """A key that a plugin needs, and that is not there.

    It has no default, so the worker would refuse the config.
    """
    for definition in (s.keys or {}).values():
        if _is_missing(definition, s.config, definition.name):
            yield definition.name, "is not set, and the plugin needs it"
    for part in _parts(s.config):
        class_name = s.config.get(part) or s.config.get(f"{part}.type", "")
        keys = s.facts.definitions.of(class_name) or shipped().of(class_name) or {}
        for definition in keys.values():
            if _is_missing(definition, s.config, f"{part}.{definition.name}"):
                yield f"{part}.{definition.name}", "is not set, and its class needs it"


def _parts(config: Mapping[str, str]) -> list[str]:
    return [key.removesuffix(".type") for key in config if CLASS_KEYS.fullmatch(key) and key != "connector.class"]


def _is_missing(definition: KeyDefinition, config: Mapping[str, str], key: str) -> bool:
    return definition.required and definition.default is None and key not in config and definition.name not in GIVEN


@rule("wrong-type")
def wrong_type(s: Subject) -> Iterator[Remark]:
    """A value of another type than the plugin declares.

    Text where a number or a boolean belongs. What the worker puts in is not judged.
    """
    for key, value in s.config.items():
        definition = (s.keys or {}).get(key)
        if definition is None or REFERENCE.search(value):
            continue
        text = value.strip()
        if definition.type in NUMBERS:
            if not re.fullmatch(r"[+-]?\d{1,30}", text):
                yield key, f"takes a whole number, not {value!r}"
            elif not -NUMBERS[definition.type] <= int(text) < NUMBERS[definition.type]:
                yield key, f"takes a number of type {definition.type}, and {value} is too large"
        elif definition.type == "BOOLEAN" and text.lower() not in ("true", "false"):
            yield key, f"takes true or false, not {value!r}"
