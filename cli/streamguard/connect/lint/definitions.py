"""What plugins say about their keys: a worker's own words, or those that streamguard carries along for offline use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from streamguard.connect.rest.answers import KeyDefinition, Plugin
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectError, ConnectUnavailable

if TYPE_CHECKING:
    from streamguard.connect.rest.client import ConnectClient

CLASS_KEYS = re.compile(r"connector\.class|(key|value|header)\.converter|(transforms|predicates)\.[^.]+\.type")
Keys = Mapping[str, KeyDefinition]


@dataclass(frozen=True)
class Definitions:
    """Plugin classes with their keys. `plugins`: what the worker has; None: nobody was asked."""

    keys: Mapping[str, Keys]
    plugins: Mapping[str, Plugin] | None = None
    worker: str = ""
    _short: Mapping[str, str] = field(default_factory=dict)

    def of(self, class_name: str) -> Keys | None:
        """The keys of a class, under any name that Connect takes for it; None: it is not known."""
        return self.keys.get(self.full_name(class_name))

    def full_name(self, class_name: str) -> str:
        """Connect takes a class by its full name, its simple name, and that without `Connector`."""
        return self._short.get(class_name, class_name)


def definitions(keys: Mapping[str, Keys], plugins: Iterable[Plugin] | None = None, worker: str = "") -> Definitions:
    """With the short names of every class."""
    listed = None if plugins is None else {plugin.class_name: plugin for plugin in plugins}
    return Definitions(keys, listed, worker, _short_names({*keys, *(listed or ())}))


def _short_names(names: Iterable[str]) -> dict[str, str]:
    short: dict[str, str] = {}
    for name in names:
        simple = name.rpartition(".")[2]
        short[simple] = name
        if simple.endswith("Connector"):
            short[simple.removesuffix("Connector")] = name
    return short


@cache
def shipped() -> Definitions:
    """The definitions that streamguard carries along: common plugins, as of the versions in that file."""
    document = _document()
    keys: dict[str, Keys] = {}
    for name, entries in document["plugins"].items():
        inherited = shared_keys() if name in document["sinks"] else {}
        keys[name] = {**inherited, **_read(entries)}
    return definitions(keys)


@cache
def shared_keys() -> Keys:
    """The keys that Connect itself gives every sink."""
    return _read(_document()["sink"])


def asked(client: ConnectClient, connectors: Iterable[Connector]) -> Definitions:
    """The worker's plugins, and the keys of those that the connectors use; each class is asked for once."""
    plugins = client.plugins(connectors_only=False)
    if not plugins:  # no worker has none: this one does not tell
        return shipped()
    listed = definitions({}, plugins, client.worker().version)
    wanted = {
        listed.full_name(value)
        for connector in connectors
        for key, value in connector.config.items()
        if CLASS_KEYS.fullmatch(key)
    }
    keys: dict[str, Keys] = {}
    for name in sorted(wanted & set(listed.plugins or ())):
        try:
            keys[name] = {key.name: key for key in client.plugin_config(name)}
        except ConnectUnavailable:
            raise
        except ConnectError:
            continue  # a class that can not tell its keys is not judged by them
    return definitions(keys, plugins, listed.worker)


@cache
def _document() -> dict[str, Any]:
    text = resources.files("streamguard.connect.lint").joinpath("definitions.json").read_text()
    document: dict[str, Any] = json.loads(text)
    return document


def _read(entries: Iterable[Mapping[str, Any]]) -> dict[str, KeyDefinition]:
    return {
        entry["name"]: KeyDefinition(
            name=entry["name"],
            type=entry.get("type", "STRING"),
            documentation=entry.get("documentation", ""),
            default=entry.get("default"),
            required=entry.get("required", False),
        )
        for entry in entries
    }
