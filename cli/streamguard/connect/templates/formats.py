"""Rendered connectors as other tools take them: Connect's REST API, a standalone worker, Strimzi's operator. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from streamguard.connect.templates.render import Connector
from streamguard.errors import UnknownName

FORMATS = ("json", "properties", "strimzi")
STRIMZI_VERSION = "kafka.strimzi.io/v1"
_KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_PLAIN = re.compile(r"[\x21-\x7e]")


def formatted(connectors: Sequence[Connector], form: str, *, cluster: str = "connect") -> str:
    """The connectors in one of FORMATS; `cluster` is the KafkaConnect resource that Strimzi runs them on.

    json: what POST /connectors takes, one a line. properties: a file for each, with a comment between them.
    strimzi: KafkaConnector resources, as `kubectl apply` takes them.
    """
    if form == "json":
        return "".join(json.dumps(_body(connector)) + "\n" for connector in connectors)
    if form == "properties":
        return "\n".join(_properties(connector) for connector in connectors)
    documents = [_resource(connector, cluster) for connector in connectors]
    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True)


def _body(connector: Connector) -> dict[str, Any]:
    body: dict[str, Any] = {"name": connector.name, "config": dict(connector.config)}
    return body if connector.state == "running" else {**body, "initial_state": connector.state.upper()}


def _properties(connector: Connector) -> str:
    lines = [f"# {connector.name}.properties", f"name={_value(connector.name)}"]
    lines += [f"{_key(key)}={_value(value)}" for key, value in connector.config.items()]
    return "\n".join(lines) + "\n"


def _key(text: str) -> str:
    return "".join(f"\\{c}" if c in " :=#!\\" else _escape(c) for c in text)


def _value(text: str) -> str:
    """Java strips spaces before a value, and those only."""
    body = text.lstrip(" ")
    return "\\ " * (len(text) - len(body)) + "".join("\\\\" if c == "\\" else _escape(c) for c in body)


def _escape(character: str) -> str:
    """As `Properties.load` reads it from Latin-1."""
    if character == " " or _PLAIN.fullmatch(character):
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def _resource(connector: Connector, cluster: str) -> dict[str, Any]:
    if not _KUBERNETES_NAME.fullmatch(connector.name):
        raise UnknownName(
            f"Kubernetes takes no resource named {connector.name}: lower-case letters, digits, - and . only"
        )
    config = dict(connector.config)
    spec: dict[str, Any] = {"class": config.pop("connector.class"), "tasksMax": int(config.pop("tasks.max", "1"))}
    if connector.state != "running":
        spec["state"] = connector.state
    return {
        "apiVersion": STRIMZI_VERSION,
        "kind": "KafkaConnector",
        "metadata": {"name": connector.name, "labels": {"strimzi.io/cluster": cluster}},
        "spec": {**spec, "config": config},
    }
