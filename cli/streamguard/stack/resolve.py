"""From `jars.yml` to the lock file: what the wanted coordinates come to, by jgo. For those who maintain streamguard."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from streamguard.errors import LockFileError
from streamguard.stack.jars import Jar, Lock

WANTED_FILE = Path(__file__).parent / "jars.yml"


def resolve(path: Path = WANTED_FILE) -> Lock:
    """Resolve every group and download its jars (into Maven's local cache) to know their hashes."""
    wanted = yaml.safe_load(path.read_text())
    return Lock({name: tuple(_group(group)) for name, group in wanted.items()})


def _group(group: Mapping[str, Any]) -> Sequence[Jar]:
    import jgo

    artifacts = jgo.resolve("+".join([*group["want"], *group.get("pin", ())]))
    if group.get("alone"):
        artifacts = artifacts[: len(group["want"])]
    left_out = set(group.get("leave_out", ()))
    kept = [artifact for artifact in artifacts if f"{artifact.groupId}:{artifact.artifactId}" not in left_out]
    _refuse_other_versions(group, kept)
    return [_jar(artifact) for artifact in kept]


def _refuse_other_versions(group: Mapping[str, Any], artifacts: Sequence[Any]) -> None:
    """What is wanted or pinned must come out exactly so."""
    found = {_coordinates(artifact) for artifact in artifacts}
    for coordinates in (*group["want"], *group.get("pin", ())):
        if coordinates not in found:
            raise LockFileError(f"{coordinates} is wanted, but jgo chose another version or none")


def _coordinates(artifact: Any) -> str:
    parts = [artifact.groupId, artifact.artifactId, artifact.version]
    return ":".join([*parts, artifact.classifier] if artifact.classifier else parts)


def _jar(artifact: Any) -> Jar:
    content = Path(artifact.resolve()).read_bytes()
    return Jar(_coordinates(artifact), hashlib.sha256(content).hexdigest(), len(content))
