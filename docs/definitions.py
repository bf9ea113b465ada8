"""Renew what lint knows about plugins offline: `python docs/definitions.py URL` asks a worker for every class it has.

Classes that the worker does not have stay as they are in the file: those of plugins that can not be downloaded freely
were written by hand from their documentation.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from streamguard.connect.rest.answers import KeyDefinition
from streamguard.connect.rest.client import ConnectClient

FILE = Path(__file__).parent.parent / "cli" / "streamguard" / "connect" / "lint" / "definitions.json"
MASK = "[hidden]"


def renew(client: ConnectClient) -> dict[str, Any]:
    """The file's content, as of this worker."""
    document = (
        json.loads(FILE.read_text()) if FILE.is_file() else {"versions": {}, "sinks": [], "sink": [], "plugins": {}}
    )
    plugins = {plugin.class_name: plugin for plugin in client.plugins(connectors_only=False)}
    for name, plugin in sorted(plugins.items()):
        document["plugins"][name] = [_written(key) for key in client.plugin_config(name)]
        document["versions"][name] = plugin.version
        if plugin.type == "sink" and name not in document["sinks"]:
            document["sinks"].append(name)
    _factor_out_what_every_sink_has(document, [name for name, plugin in plugins.items() if plugin.type == "sink"])
    return {
        "versions": dict(sorted(document["versions"].items())),
        "sinks": sorted(document["sinks"]),
        "sink": document["sink"],
        "plugins": dict(sorted(document["plugins"].items())),
    }


def _factor_out_what_every_sink_has(document: dict[str, Any], asked: list[str]) -> None:
    """The keys that Connect gives each sink are written once."""
    lists = [document["plugins"][name] for name in asked]
    names = set.intersection(*({entry["name"] for entry in entries} for entries in lists))
    common = document["sink"] or [entry for entry in lists[-1] if entry["name"] in names]
    document["sink"] = common
    for name in asked:
        document["plugins"][name] = [entry for entry in document["plugins"][name] if entry not in common]


def _written(key: KeyDefinition) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": key.name, "type": key.type}
    if key.default is not None and key.default != MASK and key.name != "connector.plugin.version":
        entry["default"] = key.default
    if key.required:
        entry["required"] = True
    if key.documentation:
        entry["documentation"] = key.documentation
    return entry


if __name__ == "__main__":
    FILE.write_text(json.dumps(renew(ConnectClient(sys.argv[1])), indent=1, ensure_ascii=False) + "\n")
