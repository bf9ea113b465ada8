"""What the plugins of a worker say about a key of a config."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamguard.connect.lint.definitions import shipped
from streamguard.connect.rest.answers import KeyDefinition, Plugin
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, ConnectorNotFound, UnknownName
from streamguard.project import did_you_mean, listed

_TAG = re.compile(r"</?(?:a|b|br|code|em|i|li|ol|p|pre|strong|ul)(?: [^>]*)?/?>")
CONNECTORS = ("sink", "source")
SCOPES = (
    (re.compile(r"transforms\.[^.]+\.(.+)"), ("transformation",)),
    (re.compile(r"predicates\.[^.]+\.(.+)"), ("predicate",)),
    (re.compile(r"(?:key|value)\.converter\.(.+)"), ("converter",)),
    (re.compile(r"header\.converter\.(.+)"), ("header_converter",)),
)
"""Keys below these are those of the plugins of these types, and of the connector only if it says so."""
CLIENTS = re.compile(r"(consumer|producer|admin)\.override\.(.+)")


@dataclass(frozen=True)
class Explanation:
    """What some plugins say about a key, all of them the same."""

    plugins: tuple[str, ...]
    definition: KeyDefinition

    def row(self) -> dict[str, Any]:
        return {"plugins": list(self.plugins), **definition_row(self.definition)}


def definition_row(definition: KeyDefinition) -> dict[str, Any]:
    """A key as a document."""
    return {
        "key": definition.name,
        "type": definition.type,
        "default": definition.default,
        "required": definition.required,
        "importance": definition.importance,
        "group": definition.group,
        "documentation": " ".join(_TAG.sub("", definition.documentation).split()),
    }


def find_plugin(plugins: Sequence[Plugin], name: str) -> Plugin:
    """The plugin of a class's full or simple name. Raises UnknownName."""
    for plugin in plugins:
        if name in (plugin.class_name, plugin.class_name.rpartition(".")[2]):
            return plugin
    simple = [plugin.class_name.rpartition(".")[2] for plugin in plugins]
    alike = [one for one in dict.fromkeys(simple) if name.lower() in one.lower()]
    hint = (
        f" (did you mean {listed(alike, 5)}?)"
        if alike
        else did_you_mean(name, [*simple, *(plugin.class_name for plugin in plugins)])
    )
    raise UnknownName(f"the worker has no plugin {name}{hint if hint.startswith(' (did') else ''}")


def explain(client: ConnectClient, key: str, class_name: str | None = None) -> list[Explanation]:
    """Each different thing that the worker's plugins say about `key`. Raises UnknownName if none knows it."""
    _refuse_client_key(key)
    plugins = client.plugins(connectors_only=False)
    inner, types = _scope(key)
    chosen = [find_plugin(plugins, class_name)] if class_name else [p for p in plugins if p.type in types]
    known: dict[str, dict[str, KeyDefinition]] = {}
    for plugin in chosen:
        try:
            known[plugin.class_name] = {entry.name: entry for entry in client.plugin_config(plugin.class_name)}
        except ConnectorNotFound:
            continue  # a plugin that can not say
        except ConnectError:
            if class_name:
                raise
    return _known(key, inner, known)


def explain_offline(key: str, class_name: str | None = None) -> list[Explanation]:
    """As `explain`, by the definitions of common plugins that streamguard carries along."""
    _refuse_client_key(key)
    inner, types = _scope(key)
    shipped_keys = shipped().keys
    if class_name:
        chosen = find_plugin([Plugin(name, "", "") for name in shipped_keys], class_name).class_name
        return _known(key, inner, {chosen: shipped_keys[chosen]})
    is_connector = types == CONNECTORS
    known = {name: keys for name, keys in shipped_keys.items() if name.endswith("Connector") is is_connector}
    return _known(key, inner, known)


def _refuse_client_key(key: str) -> None:
    client_key = CLIENTS.fullmatch(key)
    if client_key:
        raise UnknownName(
            f"{key} sets {client_key[2]} of the connector's Kafka {client_key[1]}: no plugin says more about it, but "
            f"Kafka's documentation of {client_key[1]} configs does"
        )


def _known(key: str, inner: str, known: Mapping[str, Mapping[str, KeyDefinition]]) -> list[Explanation]:
    found = explanations(inner, known) or explanations(key, known)
    if not found:
        names = {name for definitions in known.values() for name in definitions}
        hint = did_you_mean(inner, names)
        raise UnknownName(f"no plugin knows {key}{hint if hint.startswith(' (did') else ''}")
    return found


def explanations(key: str, known: Mapping[str, Mapping[str, KeyDefinition]]) -> list[Explanation]:
    """What is said about a key, by class; plugins that say the same are told together."""
    said: dict[tuple[str, str | None, str], list[str]] = {}
    by_text: dict[tuple[str, str | None, str], KeyDefinition] = {}
    for class_name, definitions in sorted(known.items()):
        for definition in _matching(key, definitions):
            text = (definition.type, definition.default, definition.documentation)
            said.setdefault(text, []).append(class_name)
            by_text.setdefault(text, definition)
    return [Explanation(tuple(said[text]), by_text[text]) for text in said]


def _matching(key: str, definitions: Mapping[str, KeyDefinition]) -> Iterator[KeyDefinition]:
    if key in definitions:
        yield definitions[key]
        return
    for name, definition in definitions.items():  # `topic.override.%s.%s`
        if "%s" in name and re.fullmatch(re.escape(name).replace("%s", ".+"), key):
            yield definition


def _scope(key: str) -> tuple[str, tuple[str, ...]]:
    for pattern, types in SCOPES:
        match = pattern.fullmatch(key)
        if match and match[1] not in ("type", "plugin.version", "predicate", "negate"):
            return match[1], types
    return key, CONNECTORS
