"""Export: connectors of a live cluster become templates.

A template that is made here renders to the config that the cluster has, secrets apart: those are never written. A key
that holds one, whose plugin types it PASSWORD, or that the server masks, gets a reference to a variable of the worker,
named after connector and key; where a reference is none either (a name, a topic), the connector is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from streamguard.connect.deploying.plan import state_of
from streamguard.connect.rest.answers import UNREACHABLE, Deployed, is_mask
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.rest.globs import select
from streamguard.connect.secrecy.sensitive import REFERENCE, literal_secret, named_by_reference
from streamguard.errors import ConnectError, Refused

FIRST = ("connector.class", "topics", "topics.regex", "tasks.max")
_OURS = re.compile(r"name|streamguard\..*|__internal\..*")
_JINJA = re.compile(r"\{[{%#]|[}%#]\}")
_ENV = re.compile(r"\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Exported:
    """A connector as a template; and the variables that the worker must have for it, with the key of each."""

    name: str
    template: str
    variables: dict[str, str]


def exported(deployed: Deployed, secret_keys: Collection[str] = ()) -> Exported:
    """The template of a connector. `secret_keys`: those that its plugin types PASSWORD. Raises Refused."""
    name, state = deployed.name, state_of(deployed.status)
    if state is None:
        raise Refused(f"{name}: the worker does not tell its state, a rebalance is under way: export it in a moment")
    if any(character in UNREACHABLE for character in name):
        raise Refused(f"{name}: Kafka Connect can not reach a connector of this name, and no file can be called so")
    config = {key: str(value) for key, value in deployed.config.items() if not _OURS.fullmatch(key)}
    variables: dict[str, str] = {}
    entries = []
    for key in sorted(config, key=lambda key: (FIRST.index(key) if key in FIRST else len(FIRST), key)):
        value = config[key]
        if _is_secret(key, value, secret_keys):
            variable = _variable(name, key)
            if named_by_reference({key: "${env:PASSWORD}"}):
                raise Refused(
                    f"{name}: {key} holds what looks like a secret, and is written into logs: change it first"
                )
            variables[variable] = key
            entries.append(f'  {_text(key)}: "{{{{ env("{variable}") }}}}"')
        else:
            entries.append(f"  {_text(key)}: {_text(value)}")
    if state != "running":
        entries.append(f'  "streamguard.state": "{state}"')
    head = f"{{#- The connector {name}, as it was on a cluster. -#}}\n" if not _JINJA.search(name) else ""
    return Exported(name, head + "{\n" + ",\n".join(entries) + "\n}\n", variables)


def _is_secret(key: str, value: str, secret_keys: Collection[str]) -> bool:
    if is_mask(value) or literal_secret(key, value, secret_keys) is not None:
        return True
    return key in secret_keys and bool(value) and not REFERENCE.search(value)


def _variable(name: str, key: str) -> str:
    """`USERS_MONGODB_SINK_CONNECTION_URI` of `users-mongodb-sink` and `connection.uri`."""
    text = re.sub(r"[^A-Za-z0-9]+", "_", f"{name}_{key}").strip("_").upper()
    return text if not text[:1].isdigit() else f"_{text}"


def _text(value: str) -> str:
    """As a template writes it: JSON, with what means something to Jinja kept from it."""
    quoted = json.dumps(value, ensure_ascii=False)
    if not _JINJA.search(quoted):
        return _ENV.sub(lambda match: f'{{{{ env("{match[1]}") }}}}', quoted)
    # As JSON escapes them, braces are neither Jinja's nor anything but braces.
    return quoted.replace("{", "\\u007b").replace("}", "\\u007d").replace("#", "\\u0023").replace("%", "\\u0025")


def export_all(client: ConnectClient, patterns: Sequence[str]) -> tuple[list[Exported], list[Refused]]:
    """The templates of the connectors of a cluster, or of those that names and patterns choose; and why some can not be
    written."""
    deployed = client.connectors_for(patterns)
    found: list[Exported] = []
    refused: list[Refused] = []
    typed: dict[str, frozenset[str]] = {}
    for name in select(patterns, deployed, client.shown_url):
        connector = deployed[name]
        class_name = connector.config.get("connector.class", "")
        if class_name not in typed:
            typed[class_name] = password_keys(client, class_name)
        try:
            found.append(exported(connector, typed[class_name]))
        except Refused as exc:
            refused.append(exc)
    return found, refused


def password_keys(client: ConnectClient, class_name: str) -> frozenset[str]:
    """The keys that a plugin types PASSWORD; none, if the worker does not say."""
    try:
        return frozenset(entry.name for entry in client.plugin_config(class_name) if entry.type == "PASSWORD")
    except ConnectError:
        return frozenset()
