"""The file that `offsets export` writes, read again."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from streamguard.connect.offsets.moves import VERSION, read_entries
from streamguard.errors import Refused, StreamguardError


def read(file: Path) -> Mapping[str, Any]:
    """The document in a file, or of stdin (`-`): JSON or YAML."""
    import yaml

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        document = yaml.safe_load(text)
    except UnicodeDecodeError:
        raise StreamguardError(f"{file} is not UTF-8 text") from None
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise StreamguardError(f"{file}{where} is neither YAML nor JSON") from None
    if not isinstance(document, dict) or not isinstance(document.get("connectors"), list):
        raise StreamguardError(f"{file} is not one that `offsets export` wrote: it has no connectors")
    if document.get("version") != VERSION:
        raise StreamguardError(f"{file} is of version {document.get('version')!r}, and this command reads {VERSION}")
    return document


def by_name(document: Mapping[str, Any], cluster: str, *, other_cluster: bool) -> dict[str, Mapping[str, Any]]:
    """The connectors of the document. `Refused` if the offsets are those of another Kafka than `cluster`."""
    theirs = document.get("kafka_cluster")
    if theirs and cluster and theirs != cluster and not other_cluster:
        raise Refused(
            f"the offsets are those of the Kafka cluster {theirs}, and this is {cluster}: there they mean other "
            "records; --other-cluster takes them nevertheless"
        )
    found: dict[str, Mapping[str, Any]] = {}
    for entry in document["connectors"]:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise StreamguardError("the file is not one that `offsets export` wrote: an entry has no name")
        if entry["name"] in found:
            raise StreamguardError(f"the file has two entries for {entry['name']}")
        read_entries(entry)
        found[entry["name"]] = entry
    return found
