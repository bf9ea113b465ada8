"""A Connect worker that resolves references and tells everybody what it has put in, as real ones do, and worse."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from tests.connect.serving import Asked, encoded, serving

REFERENCE = re.compile(r"\$\{[^}]*\}")
CLASS = "org.example.LeakySinkConnector"
ICEBERG = "org.apache.iceberg.connect.IcebergSinkConnector"
CONVERTER = "org.apache.kafka.connect.storage.StringConverter"
PLUGINS = {CLASS: "sink", ICEBERG: "sink", CONVERTER: "converter"}
TYPES = {
    "connection.uri": "PASSWORD",
    "batch.words": "STRING",
    "batch.size": "INT",
    "some.option": "STRING",
    "some.token": "STRING",
    "pepper": "PASSWORD",
    "topics": "LIST",
    "topics.regex": "STRING",
    "tasks.max": "INT",
    "connector.class": "STRING",
    "name": "STRING",
    "key.converter": "CLASS",
    "value.converter": "CLASS",
    "errors.tolerance": "STRING",
    "errors.deadletterqueue.topic.name": "STRING",
}
Failure = Literal["none", "invalid", "error", "page", "traces", "hang", "garbled", "shapeless"]
"""`garbled` is no JSON, `shapeless` JSON of another shape than a worker's: of what was asked for, secrets among it."""


@dataclass
class Leaky:
    """`secrets` are the worker's memory: what each reference stands for. `failure`: how it answers.

    `told` is how many answers had a secret in them; `cluster_id` that of the Kafka it says it works on.
    """

    secrets: Mapping[str, str]
    cluster_id: str = "k"
    failure: Failure = "none"
    url: str = ""
    configs: dict[str, dict[str, str]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    told: int = 0
    reached: threading.Event = field(default_factory=threading.Event)
    stopping: threading.Event = field(default_factory=threading.Event)

    def start_again(self, configs: dict[str, dict[str, str]]) -> None:
        """As in the beginning, with these connectors."""
        self.configs, self.states, self.failure, self.told = configs, {}, "none", 0
        self.asked.clear()

    def resolved(self, text: str) -> str:
        return REFERENCE.sub(lambda match: self.secrets.get(match.group(), match.group()), text)

    def complaint(self, config: Mapping[str, str]) -> str:
        """As a worker words a 400: every value that had a reference is called invalid."""
        values = {key: self.resolved(str(value)) for key, value in config.items()}
        wrong = [key for key, value in config.items() if value != values[key]] or ["tasks.max"]
        lines = [
            f"Invalid value {values.get(key)} for configuration {key}: '{values.get(key)}' is bad" for key in wrong
        ]
        head = f"Connector configuration is invalid and contains the following {len(lines)} error(s):"
        tail = "You can also find the above list of errors at the endpoint `/connector-plugins/{…}/config/validate`"
        return "\n".join([head, *lines, tail])

    def trace(self, config: Mapping[str, str]) -> str:
        """As a failed task has it."""
        values = [self.resolved(str(value)) for value in config.values() if REFERENCE.search(str(value))]
        head = (
            "org.apache.kafka.connect.errors.ConnectException: Exiting WorkerSinkTask due to unrecoverable exception."
        )
        causes = [
            f"Caused by: java.lang.IllegalStateException: can not use {value}\n\tat a.B.c(D.java:1)" for value in values
        ]
        config_error = [
            f"Caused by: org.apache.kafka.common.config.ConfigException: {line}"
            for line in self.complaint(config).split("\n")[1:2]
        ]
        return "\n".join([head, "\tat x.Y.z(Z.java:9)", *causes, *config_error])

    def status(self, name: str) -> dict[str, Any]:
        state = self.states.get(name, "RUNNING")
        task = {"id": 0, "state": state, "worker_id": "w:1"}
        if self.failure == "traces":
            task |= {"state": "FAILED", "trace": self.trace(self.configs[name])}
        connector = {"state": state, "worker_id": "w:1"}
        tasks = [] if state == "STOPPED" else [task]
        return {"name": name, "type": "sink", "connector": connector, "tasks": tasks}

    def validation(self, config: Mapping[str, str]) -> dict[str, Any]:
        entries, count = [], 0
        for key in sorted(TYPES):  # what nobody defines is not even listed
            value = self.resolved(str(config.get(key, "")))
            kind, errors = TYPES[key], []
            if self.failure == "invalid" and REFERENCE.search(str(config.get(key, ""))):
                errors = [f"Invalid value {value} for configuration {key}: The string '{value}' is malformed"]
            shown = "[hidden]" if kind == "PASSWORD" else value
            told = {"name": key, "value": shown, "errors": errors, "recommended_values": []}
            entries.append({"definition": definition(key, kind), "value": told})
            count += len(errors)
        return {"name": CLASS, "error_count": count, "configs": entries}

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        self.asked.append((method, path))
        steps = [unquote(step) for step in urlsplit(path).path.strip("/").split("/")]
        if self.failure == "hang" and method != "GET" and "connector-plugins" not in steps:
            self.reached.set()
            self.stopping.wait(60)
        if self.failure == "page" and method != "GET":
            every = " ".join(self.secrets.values())
            return (
                500,
                f"<html><body><h1>Error</h1>Invalid value {every} for configuration connection.uri</body></html>",
            )
        if self.failure == "error" and method != "GET" and "validate" not in path:
            known = self.configs.get(steps[1], {}) if len(steps) > 1 else {}
            given = body.get("config", body) if isinstance(body, dict) else {}
            return 500, {"error_code": 500, "message": f"Failed: {self.complaint({**known, **given})}"}
        if self.failure == "garbled" and steps != [""]:
            return 200, f"{{'config': {' '.join(self.secrets.values())}"
        if self.failure == "shapeless" and steps != [""]:
            return 200, [{"config": value, "name": [value], "id": value} for value in self.secrets.values()]
        return self._connectors(method, steps, body) if steps[0] == "connectors" else self._rest(method, steps, body)

    def _rest(self, method: str, steps: list[str], body: Any) -> tuple[int, Any]:
        match (method, *steps):
            case ("GET", ""):
                return 200, {"version": "4.3.1", "commit": "c", "kafka_cluster_id": self.cluster_id}
            case ("GET", "connector-plugins"):
                return 200, [{"class": name, "type": kind, "version": "4.3.1"} for name, kind in PLUGINS.items()]
            case ("PUT", "connector-plugins", _, "config", "validate"):
                return 200, self.validation(body)
            case ("GET", "connector-plugins", name, "config"):
                return 200, [definition(key, kind) for key, kind in TYPES.items() if name == CLASS]
            case ("GET", "admin", "loggers"):
                return 200, {"root": {"level": "WARN", "last_modified": None}}
            case (_, "admin", "loggers", _):
                return 200, ["root"]
        return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}

    def _connectors(self, method: str, steps: list[str], body: Any) -> tuple[int, Any]:
        if len(steps) == 1:
            return self._all(method, body)
        name = steps[1]
        if name not in self.configs and not (method == "PUT" and steps[2:] == ["config"]):
            return 404, {"error_code": 404, "message": f"Connector {name} not found"}
        match (method, *steps[2:]):
            case ("GET", "status"):
                return 200, self.status(name)
            case ("GET", "config"):
                return 200, self.configs[name]
            case ("GET", "tasks"):
                return 200, [{"id": {"connector": name, "task": 0}, "config": self.configs[name]}]
            case ("GET", "topics"):
                return 200, {name: {"topics": ["t"]}}
            case ("GET", "offsets"):
                partition = {"kafka_topic": self.configs[name]["topics"], "kafka_partition": 0}
                return 200, {"offsets": [{"partition": partition, "offset": {"kafka_offset": 1}}]}
            case ("PUT" | "PATCH", "config"):
                return self._configure(method, name, body)
            case ("PUT", "pause" | "resume" | "stop" as verb):
                self.states[name] = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}[verb]
                return 202, None
            case ("POST", "restart"):
                return 202, self.status(name)
            case ("DELETE",):
                del self.configs[name]
                return 204, None
        return 200, {"message": "done"}

    def _all(self, method: str, body: Any) -> tuple[int, Any]:
        if method == "GET":
            return 200, {
                name: {
                    "info": {"name": name, "config": config, "tasks": [], "type": "sink"},
                    "status": self.status(name),
                }
                for name, config in self.configs.items()
            }
        if str(body["config"].get("tasks.max")) == "0" or self.failure == "invalid":
            return 400, {"error_code": 400, "message": self.complaint(body["config"])}
        self.configs[body["name"]] = {**body["config"], "name": body["name"]}
        return 201, {"name": body["name"], "config": body["config"], "tasks": []}

    def _configure(self, method: str, name: str, body: Any) -> tuple[int, Any]:
        if self.failure == "invalid":
            return 400, {"error_code": 400, "message": self.complaint(body)}
        merged = {**(self.configs.get(name, {}) if method == "PATCH" else {}), **body, "name": name}
        self.configs[name] = {key: value for key, value in merged.items() if value is not None}
        return 200, {"name": name, "config": self.configs[name]}


def definition(key: str, kind: str) -> dict[str, Any]:
    return {
        "name": key,
        "type": kind,
        "required": False,
        "default_value": None,
        "importance": "HIGH",
        "documentation": f"What {key} is for.",
        "group": "g",
        "order": 1,
        "width": "NONE",
        "display_name": key,
        "dependents": [],
    }


@contextmanager
def leaking(secrets: Mapping[str, str]) -> Iterator[Leaky]:
    """The worker, while it serves."""
    worker = Leaky(secrets)

    def play(asked: Asked) -> tuple[int, Any]:
        status, body = worker.answer(asked.method, asked.path, asked.body)
        worker.told += any(json.dumps(secret)[1:-1].encode() in encoded(body) for secret in secrets.values())
        return status, body

    with serving(play, protocol="HTTP/1.1") as worker.url:
        try:
            yield worker
        finally:
            worker.stopping.set()
