"""Rules: each is one function that looks at one connector; its docstring is its entry in docs/lint.md."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from streamguard.connect.lint.definitions import Definitions, shared_keys, shipped
from streamguard.connect.lint.finding import Severity
from streamguard.connect.rest.answers import KeyDefinition
from streamguard.connect.secrecy.sensitive import REFERENCE, is_plain, named_by_reference
from streamguard.connect.templates.render import Connector

Remark = tuple[str, str]
"""A key, and what speaks against it."""
Check = Callable[["Subject"], Iterator[Remark]]
Kind = Literal["mongodb", "iceberg", "s3", "aiven-s3", "jdbc", "other"]
Needs = Literal["nothing", "topics", "worker"]

KINDS: Mapping[str, Kind] = {
    "com.mongodb.kafka.connect.MongoSinkConnector": "mongodb",
    "org.apache.iceberg.connect.IcebergSinkConnector": "iceberg",
    "io.confluent.connect.s3.S3SinkConnector": "s3",
    "io.aiven.kafka.connect.s3.AivenKafkaConnectS3SinkConnector": "aiven-s3",
    "io.debezium.connector.jdbc.JdbcSinkConnector": "jdbc",
}


@dataclass(frozen=True)
class Facts:
    """What rules may know beside the config. `topics` with their partitions; None: not known."""

    definitions: Definitions = field(default_factory=shipped)
    topics: Mapping[str, int] | None = None

    @property
    def worker(self) -> tuple[int, int, int] | None:
        """The worker's version, if it was asked."""
        return version_of(self.definitions.worker)


@dataclass(frozen=True)
class Subject:
    """A connector as rules look at it."""

    connector: Connector
    facts: Facts = field(default_factory=Facts)
    neighbours: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The connectors of each Iceberg control topic."""

    @property
    def config(self) -> Mapping[str, str]:
        return self.connector.config

    @cached_property
    def kind(self) -> Kind:
        return KINDS.get(self.class_name, "other")

    @cached_property
    def class_name(self) -> str:
        """The full name of the connector's class."""
        known = shipped().full_name(self.connector.class_name)
        return self.facts.definitions.full_name(known)

    @cached_property
    def keys(self) -> Mapping[str, KeyDefinition] | None:
        """What the plugin says about its keys; None: nobody knows."""
        return self.facts.definitions.of(self.class_name) or shipped().of(self.class_name)

    @cached_property
    def named_by_reference(self) -> Sequence[str]:
        """The keys whose value is a name or path, and that a reference gives."""
        return named_by_reference(self.config)

    @cached_property
    def in_clear(self) -> Sequence[str]:
        """The keys whose references may be secrets, and are not protected by the key's type."""
        found = []
        for key, references in self.connector.references.items():
            definition = (self.keys or {}).get(key)
            secret = (definition is not None and definition.type == "PASSWORD") or key.endswith("key.id")
            if not secret and key not in self.named_by_reference and not all(map(is_plain, references)):
                found.append(key)
        return found

    @property
    def is_sink(self) -> bool:
        plugin = (self.facts.definitions.plugins or {}).get(self.class_name)
        by_class = self.kind != "other" or (plugin is not None and plugin.type == "sink")
        return by_class or "topics" in self.config or "topics.regex" in self.config

    def get(self, key: str) -> str:
        """The value, else the plugin's default, else nothing."""
        if key in self.config:
            return self.config[key]
        definition = (self.keys or {}).get(key) or shared_keys().get(key)
        return (definition.default or "") if definition else ""

    def is_true(self, key: str) -> bool:
        return self.get(key).strip().lower() == "true"

    def number(self, key: str) -> int | None:
        """The value as a number; None if it is none, or the worker puts it in."""
        text = self.get(key).strip()
        return int(text) if re.fullmatch(r"-?\d+", text) else None

    def is_unknown(self, key: str) -> bool:
        """Is the value one that only the worker knows?"""
        return bool(REFERENCE.search(self.config.get(key, "")))

    def plugin_version(self) -> tuple[int, int, int] | None:
        plugin = (self.facts.definitions.plugins or {}).get(self.class_name)
        return version_of(plugin.version) if plugin else None


@dataclass(frozen=True)
class Rule:
    """`title` is one line; `why` says what happens and what to write instead, as Markdown."""

    name: str
    severity: Severity
    title: str
    why: str
    check: Check
    needs: Needs = "nothing"
    can_be_silenced: bool = True


RULES: dict[str, Rule] = {}


def rule(
    name: str, severity: Severity = "error", *, needs: Needs = "nothing", can_be_silenced: bool = True
) -> Callable[[Check], Check]:
    """Registers a rule. The docstring's first line is its title, the rest says why."""

    def register(check: Check) -> Check:
        title, _, why = inspect.cleandoc(check.__doc__ or "").partition("\n")
        assert title, f"{name} has no docstring"
        assert name not in RULES, f"{name} is there twice"
        RULES[name] = Rule(name, severity, title, why.strip(), check, needs, can_be_silenced)
        return check

    return register


def version_of(text: str) -> tuple[int, int, int] | None:
    """`4.3.1`, `7.9.0-ccs`, `4.4.0-SNAPSHOT` as numbers. Confluent's 7.x is Kafka 3.x, 8.x is 4.x."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    if not found:
        return None
    major, minor, patch = int(found[1]), int(found[2]), int(found[3] or 0)
    if "-ccs" in text or "-ce" in text:
        return {5: 2, 6: 2, 7: 3, 8: 4}.get(major, major), minor, patch
    return major, minor, patch


def short(class_name: str) -> str:
    """A class by its simple name."""
    return class_name.rpartition(".")[2]


def host_of(address: str) -> str:
    """The host of an address; empty if it has none."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
