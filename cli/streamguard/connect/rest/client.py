"""Kafka Connect's REST API: one method an endpoint, typed answers. `transport` repeats requests and makes errors."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from streamguard.connect.rest import answers
from streamguard.connect.rest.answers import (
    UNREACHABLE,
    ConnectorStatus,
    Deployed,
    KeyDefinition,
    Logger,
    Offset,
    Plugin,
    Restart,
    State,
    Validation,
    Worker,
)
from streamguard.connect.rest.globs import matching
from streamguard.connect.rest.transport import READ_SECONDS, Config, Limit, Request, Transport, session_factory
from streamguard.connect.secrecy.secrets import learn_echoes, learn_password_keys, redact
from streamguard.errors import ConnectError, ConnectorExists, ConnectorNotFound

T = TypeVar("T")
LEVELS = ("OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE")
DEADLINE = 120.0
"""Seconds; more than the 90 after which a worker gives up, so that there is time left to look what became of it."""
LAG = 5.0
"""Seconds in which a worker that forwarded a creation to the leader must have read it from their topic."""


class ConnectClient:
    """A Connect cluster, asked at any of its workers. One client serves many threads.

    Requests are repeated while workers start, change or rebalance, until `deadline` seconds have passed for the whole
    call; 0: one attempt. A cluster that has never answered is given up after `patience` seconds.
    """

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        auth: AuthBase | None = None,
        tls: ssl.SSLContext | None = None,
        session: requests.Session | None = None,
        deadline: float = DEADLINE,
        patience: float = 2.0,
        read_timeout: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        urls = [url] if isinstance(url, str) else list(url)
        self._transport = Transport(
            urls,
            open_session=(lambda: session) if session is not None else session_factory(auth, tls),
            deadline=deadline,
            patience=patience,
            read_timeout=read_timeout,
            sleep=sleep,
            clock=clock,
        )
        self._clock = clock
        self._made: dict[str, float] = {}

    @property
    def shown_url(self) -> str:
        """The worker that is asked now, without credentials."""
        return self._transport.shown_url

    def worker(self) -> Worker:
        return self._read(answers.worker, self._get("/"))

    def plugins(self, connectors_only: bool = True) -> list[Plugin]:
        """The connectors that the worker can run; else its transformations, predicates and converters too."""
        params = () if connectors_only else (("connectorsOnly", "false"),)
        return self._read(answers.plugins, self._get("/connector-plugins", *params))

    def plugin_config(self, class_name: str, version: str | None = None) -> list[KeyDefinition]:
        """The keys that a plugin defines, without those that Connect itself adds. Versions: since 4.1."""
        params = () if version is None else (("version", version),)
        found = self._get(f"/connector-plugins/{quote(class_name, safe='')}/config", *params)
        definitions = self._read(answers.key_definitions, found)
        learn_password_keys(definition.name for definition in definitions if definition.type == "PASSWORD")
        return definitions

    def validate(self, class_name: str, config: Config) -> Validation:
        """The plugin's opinion of a config. May open connections, and takes seconds when they fail."""
        path = f"/connector-plugins/{quote(class_name, safe='')}/config/validate"
        body = {"name": "unnamed", "connector.class": class_name, **_texts(config)}
        found = self._transport.send(Request("PUT", path, body=body, desired=body, harmless=True))
        learn_echoes(body, self._read(answers.echoes, found))
        answer = self._read(answers.validation, found)
        errors = (replace(error, message=redact(error.message, body)) for error in answer.errors)
        return replace(answer, errors=tuple(errors))

    def connectors(self) -> dict[str, Deployed]:
        """Every connector with config and status, by one request. It leaves out those that no worker has been given
        yet: see `all_connectors`."""
        return self._read(answers.deployed, self._get("/connectors", ("expand", "info"), ("expand", "status")))

    def all_connectors(self) -> dict[str, Deployed]:
        """Every connector, also what has just been created: a worker lists that by its name only, or not yet."""
        found = self.connectors()
        names = self._read(answers.names, self._get("/connectors"))
        for name in [*names, *filter(self._is_new, list(self._made))]:
            if name not in found:
                try:
                    found[name] = Deployed(name, {} if _hidden(name) else self.config(name), None)
                except ConnectorNotFound:
                    continue  # deleted since
        return found

    def connectors_for(self, patterns: Sequence[str]) -> dict[str, Deployed]:
        """Every connector, by one request if it lists what the names and patterns mean."""
        found = self.connectors()
        return found if all(matching([pattern], found) for pattern in patterns) else self.all_connectors()

    def config(self, name: str) -> dict[str, str]:
        return self._config(name, self._transport.limit())

    def status(self, name: str) -> ConnectorStatus:
        """Waits for what was just created to be given to a worker."""

        def exists(limit: Limit) -> bool:
            return bool(self._config(name, limit))

        request = self._request("GET", name, "status")
        return self._read(answers.connector_status, self._transport.send(request, exists=exists))

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """The config that each task has been given, in the order of the tasks."""
        return self._read(answers.task_configs, self._transport.send(self._request("GET", name, "tasks")))

    def active_topics(self, name: str) -> list[str]:
        """The topics that the connector has read or written since it was made."""
        found = self._read(answers.topics, self._transport.send(self._request("GET", name, "topics")))
        return sorted(found.get(name, ()))

    def create(self, name: str, config: Config, state: State = "running") -> None:
        """Make a connector, in a state other than running since 3.7; `ConnectorExists` if it is there already.

        It is asked for again only after looking whether it is there now.
        """
        wanted = _texts(config)

        def landed(limit: Limit) -> bool:
            try:
                present = self._config(name, limit)
            except ConnectorNotFound:
                return False
            if _holds(present, wanted, masks=True):
                return True
            raise ConnectorExists(f"{self.shown_url}: somebody else made a connector {name} at the same time")

        _path(name)  # a name that could not be reached again is refused
        body: dict[str, Any] = {"name": name, "config": wanted}
        if state != "running":
            body["initial_state"] = state.upper()
        self._transport.send(Request("POST", "/connectors", body=body, desired=wanted, careful=True), landed=landed)
        self._made[name] = self._clock()

    def put_config(self, name: str, config: Config) -> None:
        """Create the connector, or replace its config; after an ambiguous answer the config is read back.

        A worker that forwards this to the leader may show the old config for some milliseconds.
        """
        wanted = _texts(config)
        request = Request("PUT", _path(name, "config"), body=wanted, desired=wanted)
        self._transport.send(request, landed=lambda limit: self._has(name, wanted, (), limit))
        self._made[name] = self._clock()

    def patch_config(self, name: str, patch: Mapping[str, str | None]) -> None:
        """Change some keys of a config, None removes one. Workers know this since 3.8."""
        wanted = _texts({key: value for key, value in patch.items() if value is not None})
        gone = patch.keys() - wanted.keys()
        request = self._request("PATCH", name, "config", body={**wanted, **dict.fromkeys(gone)}, desired=wanted)
        self._transport.send(request, landed=lambda limit: self._has(name, wanted, gone, limit))

    def pause(self, name: str) -> None:
        self._change("PUT", name, "pause")

    def resume(self, name: str) -> None:
        """Run again what is paused or stopped."""
        self._change("PUT", name, "resume")

    def stop(self, name: str) -> None:
        """Take the tasks away and keep config and offsets. Workers know this since 3.5."""
        self._change("PUT", name, "stop")

    def restart(self, name: str, *, only_failed: bool = False) -> Restart:
        """Restart the connector and its tasks, or those of them that are FAILED."""
        params = (("includeTasks", "true"), ("onlyFailed", str(only_failed).lower()))
        found = self._change("POST", name, "restart", params=params)
        status = self._read(answers.connector_status, found or {})
        parts = ["connector"] if status.state == "RESTARTING" else []
        return Restart((*parts, *(f"task {task.id}" for task in status.tasks if task.state == "RESTARTING")))

    def restart_task(self, name: str, task: int) -> None:
        self._transport.send(Request("POST", _path(name, "tasks", str(task), "restart"), harmless=True))

    def delete(self, name: str) -> None:
        """Delete the connector. Its consumer group stays: made again, it goes on where it was."""

        def landed(limit: Limit) -> bool:
            try:
                self._config(name, limit)
            except ConnectorNotFound:
                return True
            return False

        request = Request("DELETE", _path(name))
        self._made.pop(name, None)
        self._transport.send(request, landed=landed)

    def offsets(self, name: str) -> list[Offset]:
        """Where a sink goes on, by topic and partition. Workers know this since 3.5."""
        found = self._transport.send(self._request("GET", name, "offsets"))
        try:
            return answers.offsets(found)
        except (AttributeError, KeyError, TypeError):
            raise ConnectError(f"{name} is no sink: its offsets are not those of topics") from None

    def alter_offsets(self, name: str, offsets: Sequence[Offset]) -> None:
        """Set some offsets of a STOPPED sink, None forgets one. Workers know this since 3.6."""
        self._change("PATCH", name, "offsets", body=answers.offsets_document(offsets))

    def delete_offsets(self, name: str) -> None:
        """Forget every offset of a STOPPED connector. Workers know this since 3.6."""
        self._change("DELETE", name, "offsets")

    def loggers(self) -> list[Logger]:
        """The loggers of the worker that answers; other workers have their own."""
        return self._read(answers.loggers, self._get("/admin/loggers"))

    def set_logger(self, name: str, level: str, scope: Literal["worker", "cluster"] = "worker") -> None:
        """Change the level of a logger and of those below it; of every worker (`cluster`) since 3.7.

        A worker answers 404 to a level that it does not know, and takes any other scope for `worker`.
        """
        if level.upper() not in LEVELS:
            raise ConnectError(f"{level} is no level of a logger: it is one of {', '.join(LEVELS)}")
        if scope not in ("worker", "cluster"):
            raise ConnectError(f"{scope} is no scope: it is worker or cluster")
        path = f"/admin/loggers/{quote(name, safe='')}"
        body = {"level": level.upper()}
        self._transport.send(Request("PUT", path, (("scope", scope),), body, harmless=True))

    def _read(self, shape: Callable[[Any], T], found: Any) -> T:
        """`found` as `shape` takes it; what a gateway or another server answers has other shapes."""
        try:
            return shape(found)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError):
            raise ConnectError(f"{self.shown_url} answers otherwise than Kafka Connect: what serves there?") from None

    def _get(self, path: str, *params: tuple[str, str]) -> Any:
        return self._transport.send(Request("GET", path, params))

    def _change(self, method: str, name: str, *rest: str, **options: Any) -> Any:
        """Something that may be done twice."""
        return self._transport.send(self._request(method, name, *rest, harmless=True, **options))

    def _request(self, method: str, name: str, *rest: str, **options: Any) -> Request:
        """About one connector; if this client has just made it, it exists, whatever the worker knows of it so far."""

        return Request(method, _path(name, *rest), expected=lambda: self._is_new(name), **options)

    def _is_new(self, name: str) -> bool:
        made = self._made.get(name)
        return made is not None and self._clock() - made < LAG

    def _config(self, name: str, limit: Limit) -> dict[str, str]:
        return self._read(answers.texts, self._transport.send(self._request("GET", name, "config"), limit=limit))

    def _has(self, name: str, wanted: Config, gone: Sequence[str] | set[str], limit: Limit) -> bool:
        try:
            config = self._config(name, limit)
        except ConnectorNotFound:
            return False
        return _holds(config, wanted) and not config.keys() & set(gone)


def _path(name: str, *rest: str) -> str:
    if _hidden(name):
        raise ConnectError(
            f"Kafka Connect can not reach a connector named {name!r}: no / \\ % ; {{ }} in names, nor . alone"
        )
    return "/".join(("/connectors", quote(name, safe=""), *rest))


def _hidden(name: str) -> bool:
    return name in ("", ".", "..") or any(character in UNREACHABLE for character in name)


def _texts(config: Mapping[str, Any]) -> dict[str, str]:
    """A config with every value as text: workers answer 400 to null and 500 to lists, and make texts of the rest."""
    texts = {}
    for key, value in config.items():
        if isinstance(value, bool):
            texts[key] = str(value).lower()
        elif isinstance(value, str | int | float):
            texts[key] = str(value)
        else:
            raise ConnectError(f"{key} is {type(value).__name__}: a connector's config holds texts and numbers only")
    return texts


def _holds(config: Config, wanted: Config, *, masks: bool = False) -> bool:
    """`masks`: what the server hides counts as equal."""
    return all(
        config.get(key) == value or (masks and answers.is_mask(config.get(key, ""))) for key, value in wanted.items()
    )
