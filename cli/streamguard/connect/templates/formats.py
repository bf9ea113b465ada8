"""Rendered connectors as other tools take them: Connect's REST API, a standalone worker, Strimzi's operator. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from streamguard import strimzi
from streamguard.connect.templates.render import Connector
from streamguard.errors import TemplateError, UnknownName

FORMATS = ("json", "properties", "strimzi")
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
    return strimzi.manifest([_resource(connector, cluster) for connector in connectors], _about(connectors, cluster))


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


def _about(connectors: Sequence[Connector], cluster: str) -> list[str]:
    """What the workers must be able to put in: a resource says it nowhere, and Connect is silent where it can not."""
    names = {name for connector in connectors for found in connector.references.values() for name in found}
    if not names:
        return []
    return [f"The workers of the KafkaConnect resource {cluster} must resolve (see docs/clusters.md):", *sorted(names)]


def _resource(connector: Connector, cluster: str) -> dict[str, Any]:
    """What Strimzi takes apart from the config may not be in it. It restarts nothing of itself unless it is told to."""
    if not strimzi.is_name(connector.name):
        raise UnknownName(
            f"Kubernetes takes no resource named {connector.name}: lower-case letters, digits, - and . only"
        )
    config = dict(connector.config)
    spec: dict[str, Any] = {"class": config.pop("connector.class"), "tasksMax": _tasks(connector)}
    config.pop("tasks.max", None)
    spec["autoRestart"] = {"enabled": True}
    if version := config.pop("connector.plugin.version", ""):
        spec["version"] = version
    if connector.state != "running":
        spec["state"] = connector.state
    return strimzi.resource("KafkaConnector", connector.name, cluster, {**spec, "config": config})


def _tasks(connector: Connector) -> int:
    text = connector.config.get("tasks.max", "1")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise TemplateError(f"{connector.template}: Strimzi takes tasks.max as a whole number from 1, and this is none")
    return int(text)
