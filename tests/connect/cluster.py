"""A Connect cluster in memory, asked through `requests` as a real one is: for what a real one can not be made to do.

It keeps what it is sent, masks what it is told to mask, and answers with errors when it is told to.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter

from streamguard.connect.rest.client import ConnectClient

URL = "http://cluster:8083"
Document = Any
STATES = {"pause": "PAUSED", "resume": "RUNNING", "stop": "STOPPED"}
PATCH_SINCE = (3, 8)


class Refused(Exception):
    """An answer that is an error: status and message."""


@dataclass
class Connector:
    """One connector; `failing`: looks at its status until its task is FAILED, None: it never is."""

    config: dict[str, str]
    state: str = "RUNNING"
    failing: int | None = None


@dataclass
class Cluster:
    """`masks` says which keys are shown masked; `errors` has for `METHOD path` the errors that come first."""

    version: str = "4.3.1"
    masks: Callable[[str], bool] = lambda _key: False
    mask: str = "********"
    invalid: dict[str, str] = field(default_factory=dict)
    failing: dict[str, int] = field(default_factory=dict)
    errors: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    connectors: dict[str, Connector] = field(default_factory=dict)
    offsets: dict[str, dict[tuple[str, int], int]] = field(default_factory=dict)
    asked: list[tuple[str, str, Document]] = field(default_factory=list)
    before: Callable[[str, str], None] = lambda _method, _path: None
    started: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def client(self, **options: Any) -> ConnectClient:
        session = requests.Session()
        session.mount("http://", _Adapter(self))
        return ConnectClient(URL, **{"session": session, "sleep": lambda _seconds: None, **options})

    @property
    def writes(self) -> list[str]:
        """The requests that change something, as in `PATCH /connectors/c/config`."""
        told = (f"{method} {path}" for method, path, _ in self.asked if method != "GET")
        return [line for line in told if not line.endswith("/config/validate")]

    def add(self, name: str, state: str = "RUNNING", **config: str) -> None:
        """A connector that was there before."""
        self.connectors[name] = Connector({key.replace("__", "."): value for key, value in config.items()}, state)

    def answer(self, method: str, path: str, body: Document) -> tuple[int, Document]:
        self.before(method, path)
        with self.lock:
            self.asked.append((method, path, body))
            try:
                planned = self.errors.get(f"{method} {path}")
                if planned:
                    raise Refused(*planned.pop(0))
                return self._answer(method, [unquote(part) for part in path.strip("/").split("/") if part], body)
            except Refused as exc:
                status, message = exc.args
                return status, {"error_code": status, "message": message}

    def _answer(self, method: str, parts: list[str], body: Document) -> tuple[int, Document]:
        match method, parts:
            case "GET", []:
                return 200, {"version": self.version, "commit": "c", "kafka_cluster_id": "k"}
            case "GET", ["connector-plugins"]:
                return 200, [{"class": "Sink", "type": "sink", "version": "1"}]
            case "PUT", ["connector-plugins", _, "config", "validate"]:
                return 200, self._validation(body)
            case "GET", ["connectors"]:
                return 200, {
                    name: {"info": {"config": self._shown(name)}, "status": self._status(name)}
                    for name in self.connectors
                }
            case "POST", ["connectors"]:
                return self._create(body)
            case _, ["connectors", name, *rest]:
                return self._connector(method, name, rest, body)
        raise Refused(404, "HTTP 404 Not Found")

    def _create(self, body: Document) -> tuple[int, Document]:
        if body["name"] in self.connectors:
            raise Refused(409, f"Connector {body['name']} already exists")
        self._store(body["name"], body["config"], body.get("initial_state", "RUNNING"))
        return 201, {}

    def _store(self, name: str, config: Mapping[str, str], state: str) -> None:
        assert not any(value == self.mask for value in config.values()), "a mask was sent back"
        assert all(isinstance(value, str) for value in config.values())
        self.connectors[name] = Connector({**config, "name": name}, state, self.failing.get(name))
        if state == "RUNNING":
            self.started.add(name)

    def _connector(self, method: str, name: str, rest: list[str], body: Document) -> tuple[int, Document]:
        one = self.connectors.get(name)
        if one is None and (method, rest) != ("PUT", ["config"]):
            raise Refused(404, f"Connector {name} not found")
        match method, rest:
            case "PUT", ["config"]:
                self._store(name, body, one.state if one else "RUNNING")
                return 200, {}
            case "PATCH", ["config"]:
                assert one is not None
                if tuple(int(part) for part in self.version.split(".")[:2]) < PATCH_SINCE:
                    raise Refused(405, "HTTP 405 Method Not Allowed")
                merged = {**one.config, **body}
                self._store(name, {key: value for key, value in merged.items() if value is not None}, one.state)
                return 200, {}
            case "PUT", [verb]:
                assert one is not None
                one.state = STATES[verb]
                return 204, None
            case "DELETE", ["offsets"]:
                assert one is not None
                if one.state != "STOPPED":
                    raise Refused(400, "Connectors must be in the STOPPED state before their offsets can be modified")
                self.offsets.pop(name, None)
                return 200, {"message": "done"}
            case "DELETE", []:
                del self.connectors[name]
                return 204, None
            case "GET", _:
                return 200, self._read(name, rest)
        raise Refused(404, "HTTP 404 Not Found")

    def _read(self, name: str, rest: list[str]) -> Document:
        one = self.connectors[name]
        match rest:
            case ["config"]:
                return self._shown(name)
            case ["status"]:
                return self._status(name)
            case ["tasks"]:
                count = 0 if one.state == "STOPPED" else 1
                config = {**self._shown(name), "task.class": "T"}
                return [{"id": {"connector": name, "task": 0}, "config": config}] * count
        raise Refused(404, "HTTP 404 Not Found")

    def _shown(self, name: str) -> dict[str, str]:
        config = self.connectors[name].config
        hidden = {key: self.mask if self.masks(key) else value for key, value in config.items()}
        return dict(reversed({**hidden, "name": name, "__internal.config.version": "1"}.items()))

    def _status(self, name: str) -> Document:
        one = self.connectors[name]
        state = one.state
        if one.failing is not None:
            one.failing -= 1
            state = "FAILED" if one.failing < 0 else state
        trace = {"trace": "a.b.C: the task died\n\tat x"} if state == "FAILED" else {}
        tasks = [] if one.state == "STOPPED" else [{"id": 0, "state": state, "worker_id": "w", **trace}]
        return {"name": name, "type": "sink", "connector": {"state": one.state, "worker_id": "w"}, "tasks": tasks}

    def _validation(self, config: Mapping[str, str]) -> Document:
        wrong = self.invalid.get(config["name"])
        return {
            "error_count": int(wrong is not None),
            "configs": [
                {
                    "definition": {"name": key, "type": "STRING"},
                    "value": {"name": key, "errors": [wrong] if wrong and key == "topics" else []},
                }
                for key in config
            ],
        }


class _Adapter(BaseAdapter):
    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster

    def send(self, request: requests.PreparedRequest, *_args: Any, **_kwargs: Any) -> requests.Response:
        body = json.loads(request.body) if request.body else None
        parts = urlsplit(request.url or "")
        status, document = self._cluster.answer(request.method or "", str(parts.path), body)
        if parts.path == "/connectors" and request.method == "GET" and "expand" not in str(parts.query):
            document = list(document)
        response = requests.Response()
        response.status_code = status
        response.request = request
        response.url = request.url or ""
        response._content = b"" if document is None else json.dumps(document).encode()
        response.headers["Content-Type"] = "application/json"
        return response

    def close(self) -> None:
        pass
