"""Check a connector before it is deployed: policy, plugin, the plugin's own validation, keys nobody knows, topics.

A worker says nothing about a misspelt key, and says RUNNING of a sink whose topic does not exist.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streamguard.connect.answers import Plugin, Validation
from streamguard.connect.client import ConnectClient
from streamguard.connect.render import Connector
from streamguard.connect.secrets import literal_secrets, named_by_reference
from streamguard.errors import ConnectError, ConnectUnavailable, Refused
from streamguard.project import did_you_mean

PASSED_ON = (
    *("iceberg.catalog.", "iceberg.kafka.", "iceberg.hadoop.", "iceberg.table."),
    *("iceberg.tables.auto-create-props.", "iceberg.tables.write-props."),
)
"""Below these the plugin passes every key on to a library, and lists none."""
SCOPES = re.compile(
    r"((?:transforms|predicates|topic\.creation)\.[^.]+\.|(?:key|value|header)\.converter\."
    r"|(?:consumer|producer|admin)\.override\.).+"
)
"""Below these a key belongs to something that may list its keys, or not."""


@dataclass(frozen=True)
class Finding:
    """Something that speaks against a config. `policy`: refused by rule (exit 3), whatever the plugin says."""

    key: str
    text: str
    policy: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.text}" if self.key else self.text


def check(
    client: ConnectClient, connector: Connector, plugins: Sequence[Plugin], topics: Mapping[str, int] | None
) -> list[Finding]:
    """Everything that speaks against the connector; the worker's validation comes last, since it may take seconds."""
    findings = policy_findings(connector)
    if topics is not None:
        findings += topic_findings(connector, topics)
    classes = [plugin.class_name for plugin in plugins if plugin.type in ("sink", "source")]
    if not _is_installed(connector.class_name, classes):
        found = Finding(
            "connector.class",
            f"the worker has no plugin {connector.class_name}{did_you_mean(connector.class_name, classes)}",
        )
        return [*findings, found]
    if findings:
        return findings
    try:
        answer = client.validate(connector.class_name, {**connector.config, "name": connector.name})
    except ConnectUnavailable:
        raise
    except ConnectError as exc:  # the plugin's own code failed on this config: the others can still be checked
        return [Finding("connector.class", f"the plugin failed on this config: {exc}")]
    return validation_findings(connector, answer)


def refuse_secrets(connector: Connector) -> None:
    """Raise `Refused` if the config holds a secret in clear; called before a config is printed."""
    for key, words in literal_secrets(connector.config).items():
        raise Refused(f"{connector.template}: {key} holds {words}: write {{{{ env(NAME) }}}} in the template")


def policy_findings(connector: Connector) -> list[Finding]:
    """What no config may hold."""
    secrets = literal_secrets(connector.config)
    findings = [
        Finding(key, f"{words}: let the worker resolve it, with {{{{ env(NAME) }}}} in the template", policy=True)
        for key, words in secrets.items()
    ]
    findings += [
        Finding(key, "a name is no secret: what the worker resolves here, it writes into its log", policy=True)
        for key in named_by_reference(connector.config)
    ]
    dead_letters = connector.config.get("errors.deadletterqueue.topic.name")
    if dead_letters in connector.topics:
        findings.append(Finding("errors.deadletterqueue.topic.name", "is a topic that the sink reads", policy=True))
    if connector.config.get("errors.tolerance") == "all" and not dead_letters:
        text = "all, without errors.deadletterqueue.topic.name, loses records silently"
        findings.append(Finding("errors.tolerance", text, policy=True))
    return findings


def topic_findings(connector: Connector, topics: Mapping[str, int]) -> list[Finding]:
    """Topics that the sink needs and that do not exist."""
    needed = [("topics", topic) for topic in connector.topics]
    if "iceberg.control.topic" in connector.config:
        needed.append(("iceberg.control.topic", connector.config["iceberg.control.topic"]))
    return [
        Finding(
            key, f"there is no topic {topic}{did_you_mean(topic, topics)}: create it with `streamguard topics apply`"
        )
        for key, topic in needed
        if topic not in topics
    ]


def validation_findings(connector: Connector, answer: Validation) -> list[Finding]:
    """The plugin's errors, the first of each field, and the keys that neither it nor Connect knows."""
    first = {error.field: error.message for error in reversed(answer.errors)}
    findings = [Finding(field, first[field]) for field in sorted(first)]
    unknown = unknown_keys(connector.config, answer)
    return findings + [Finding(key, f"the plugin knows no such key{_near(key, answer.known)}") for key in unknown]


def unknown_keys(config: Mapping[str, str], answer: Validation) -> list[str]:
    """Keys that the plugin does not list, unless what they are below lists none of its keys."""
    listed = answer.known | {"name"}
    patterns = [re.compile(re.escape(key).replace("%s", ".+")) for key in listed if "%s" in key]
    return [
        key
        for key in sorted(config)
        if key in answer.undefined
        or not (
            key in listed
            or key.startswith(("streamguard.", *PASSED_ON))
            or any(pattern.fullmatch(key) for pattern in patterns)
            or _in_silent_scope(key, listed)
        )
    ]


def _in_silent_scope(key: str, listed: Iterable[str]) -> bool:
    scope = SCOPES.fullmatch(key)
    return scope is not None and not any(known.startswith(scope[1]) and known != f"{scope[1]}type" for known in listed)


def _near(key: str, known: Iterable[str]) -> str:
    hint = did_you_mean(key, known)
    return hint if hint.startswith(" (did") else ""


def _is_installed(name: str, classes: Sequence[str]) -> bool:
    """Connect takes a class by its full name, its simple name, and that without `Connector`."""
    simple = {full.rpartition(".")[2] for full in classes}
    return name in classes or name in simple or f"{name}Connector" in simple
