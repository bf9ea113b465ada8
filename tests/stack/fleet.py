"""Many sinks of one topic, in a project of their own, and the command that deploys them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamguard.settings import Settings, inherited_environment

PIPELINE = (
    "topics: {{{topic}: {{partitions: 1}}}}\ngenerator: {{world: bank, topic: {topic}}}\nmongodb: {{database: fleet}}\n"
)
ID = "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInKeyStrategy"
WRITE = "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy"
SINK: Mapping[str, str] = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "connection.uri": "{{ env('STREAMGUARD_MONGODB_URI') }}",
    "database": "fleet",
    "tasks.max": "1",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "transforms": "id",
    "transforms.id.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.id.field": "_id",
    "document.id.strategy": ID,
    "document.id.strategy.overwrite.existing": "true",
    "writemodel.strategy": WRITE,
    "errors.tolerance": "none",
    "consumer.override.auto.offset.reset": "earliest",
}


@dataclass
class Fleet:
    """A project whose one pipeline has sinks of `topic`."""

    root: Path
    topic: str
    settings: Settings

    def __post_init__(self) -> None:
        for folder in ("connectors/fleet", "connectors/values", "ksql", "init"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "init" / "fleet.yml").write_text(PIPELINE.format(topic=self.topic))
        (self.root / "connectors" / "values" / "local.yml").write_text("{}\n")

    def write(self, names: Sequence[str], **changes: str) -> None:
        """Templates of sinks with these names; `_` is `.` in the names of keys that `changes` has."""
        for name in names:
            path = self.root / "connectors" / "fleet" / f"{name}.json.j2"
            path.write_text(json.dumps(self._template(name, changes), indent=1))

    def config(self, name: str, **changes: str) -> dict[str, str]:
        """What the template of a sink gives."""
        return {**self._template(name, changes), "connection.uri": "${env:STREAMGUARD_MONGODB_URI}"}

    def _template(self, name: str, changes: Mapping[str, str]) -> dict[str, str]:
        changed = {key.replace("_", "."): value for key, value in changes.items()}
        return {**SINK, "topics": self.topic, "collection": name, **changed}

    def clear(self) -> None:
        """No templates any more."""
        for path in (self.root / "connectors" / "fleet").iterdir():
            path.unlink()

    def contexts(self, urls: Sequence[str]) -> Path:
        """A file with one context for a cluster at `urls`, the one in use."""
        path = self.root / "contexts.yml"
        kafka = self.settings.kafka_bootstrap
        context = {"urls": list(urls), "kafka_bootstrap": kafka}
        path.write_text(json.dumps({"current": "fleet", "contexts": {"fleet": context}}))
        return path

    def environment(self, urls: Sequence[str]) -> dict[str, str]:
        """The variables that make a command mean a cluster."""
        chosen = {"STREAMGUARD_CONTEXTS_FILE": str(self.contexts(urls)), "STREAMGUARD_CONNECT_CONTEXT": "fleet"}
        return {**self.settings.environment(), **chosen}

    def begin(self, urls: Sequence[str], *words: str) -> subprocess.Popen[str]:
        """`streamguard connectors WORDS` at a cluster."""
        return subprocess.Popen(
            [sys.executable, "-m", "streamguard", "--project", str(self.root), "connectors", *words],
            env={**inherited_environment(), **self.environment(urls)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def call(self, urls: Sequence[str], *words: str, timeout: float = 240) -> tuple[int, str, str]:
        """The exit code, stdout and stderr."""
        process = self.begin(urls, *words)
        out, err = process.communicate(timeout=timeout)
        return process.returncode, out, err


def document(out: str) -> Any:
    """What `-o json` prints."""
    return json.loads(out)
