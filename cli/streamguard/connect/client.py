"""Kafka Connect's REST API: one method an endpoint, typed answers; retries and errors are made in `_send`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

import requests
import tenacity

from streamguard.connect import answers
from streamguard.connect.answers import UNREACHABLE, ConnectorStatus, Deployed, Plugin, Restart, Validation, Worker
from streamguard.connect.secrets import redact
from streamguard.errors import ConnectError, ConnectorInvalid, ConnectorNotFound, ConnectUnavailable

Config = Mapping[str, str]

CONNECT_SECONDS = 3.0
READ_SECONDS = 95.0
"""The worker gives up on a request after 90 s; a little more, so that its own answer arrives."""


class _Again(Exception):
    """Not now: the worker starts, or rebalances."""


class _Ambiguous(Exception):
    """The request may have been carried out."""


class ConnectClient:
    """A Connect cluster. Requests are repeated while it starts or rebalances, until `deadline` seconds have passed.

    A cluster that has never answered is given up after `patience` seconds: then the address is probably wrong.
    """

    def __init__(
        self,
        url: str,
        *,
        session: requests.Session | None = None,
        deadline: float = 60.0,
        patience: float = 2.0,
        read_timeout: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = _address(url)
        if parts is None:
            raise ConnectError(f"{redact(url)} is no address of Kafka Connect: it is like http://127.0.0.1:8083")
        self._url = url.rstrip("/")
        self.shown_url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._session = session or requests.Session()
        self._session.trust_env = False  # neither proxies nor ~/.netrc
        self._deadline = deadline
        self._patience = patience
        self._timeout = (CONNECT_SECONDS, read_timeout)
        self._sleep = sleep
        self._reached = False

    def worker(self) -> Worker:
        return Worker(str(self._send("GET", "/").get("version", "")))

    def plugins(self) -> list[Plugin]:
        found = self._send("GET", "/connector-plugins")
        return [Plugin(entry["class"], entry["type"], str(entry.get("version") or "")) for entry in found]

    def validate(self, class_name: str, config: Config) -> Validation:
        """The plugin's opinion of a config. May open connections, and takes seconds when they fail."""
        path = f"/connector-plugins/{quote(class_name, safe='')}/config/validate"
        answer = answers.validation(self._send("PUT", path, json=dict(config), desired=config, harmless=True))
        errors = (replace(error, message=redact(error.message, config)) for error in answer.errors)
        return replace(answer, errors=tuple(errors))

    def connectors(self) -> dict[str, Deployed]:
        """Every connector with config and status, by one request."""
        found = self._send("GET", "/connectors", params=[("expand", "info"), ("expand", "status")])
        return answers.deployed(found)

    def config(self, name: str) -> dict[str, str]:
        return {key: str(value) for key, value in self._send("GET", _path(name, "config")).items()}

    def status(self, name: str) -> ConnectorStatus:
        return answers.connector_status(self._send("GET", _path(name, "status")))

    def task_configs(self, name: str) -> list[dict[str, str]]:
        """The config that each task has been given, in the order of the tasks."""
        tasks = self._send("GET", _path(name, "tasks"))
        return [{key: str(value) for key, value in task["config"].items()} for task in tasks]

    def put_config(self, name: str, config: Config) -> None:
        """Create the connector, or replace its config; after an ambiguous answer the config is read back."""
        self._send(
            "PUT",
            _path(name, "config"),
            json=dict(config),
            desired=config,
            landed=lambda: _holds(self.config(name), config),
        )

    def patch_config(self, name: str, patch: Mapping[str, str | None]) -> None:
        """Change some keys of a config, None removes one. Workers know this since 3.8."""
        desired = {key: value for key, value in patch.items() if value is not None}
        gone = patch.keys() - desired.keys()

        def landed() -> bool:
            config = self.config(name)
            return _holds(config, desired) and not gone & config.keys()

        self._send("PATCH", _path(name, "config"), json=dict(patch), desired=desired, landed=landed)

    def pause(self, name: str) -> None:
        self._send("PUT", _path(name, "pause"), harmless=True)

    def resume(self, name: str) -> None:
        self._send("PUT", _path(name, "resume"), harmless=True)

    def restart(self, name: str, *, only_failed: bool = False) -> Restart:
        """Restart the connector and its tasks, or those of them that are FAILED."""
        params = [("includeTasks", "true"), ("onlyFailed", str(only_failed).lower())]
        found = self._send("POST", _path(name, "restart"), params=params, harmless=True)
        status = answers.connector_status(found or {})
        parts = ["connector"] if status.state == "RESTARTING" else []
        return Restart((*parts, *(f"task {task.id}" for task in status.tasks if task.state == "RESTARTING")))

    def restart_task(self, name: str, task: int) -> None:
        self._send("POST", _path(name, "tasks", str(task), "restart"), harmless=True)

    def delete(self, name: str) -> None:
        """Delete the connector. Its consumer group stays: made again, it goes on where it was."""

        def landed() -> bool:
            try:
                self.config(name)
            except ConnectorNotFound:
                return True
            return False

        self._send("DELETE", _path(name), landed=landed)

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: list[tuple[str, str]] | None = None,
        json: Any = None,
        desired: Config | None = None,
        harmless: bool = False,
        landed: Callable[[], bool] | None = None,
    ) -> Any:
        """Ask until there is an answer. A write that may have happened is repeated if it is `harmless`, else only
        once `landed` has looked and not found it."""
        unsure = False

        def attempt() -> Any:
            nonlocal unsure
            if unsure and landed is not None and landed():
                return None
            unsure = False
            try:
                return self._once(method, path, params, json, desired)
            except _Ambiguous as exc:
                if not (harmless or landed or method == "GET"):
                    raise ConnectError(f"{self.shown_url}: {exc}; whether it was done is not known") from exc
                unsure = True
                raise

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type((_Again, _Ambiguous)),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=2.0),
            stop=self._stop,
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (_Again, _Ambiguous) as exc:
            if not self._reached:
                raise ConnectUnavailable(
                    f"no Kafka Connect answers at {self.shown_url} ({exc}): start it with `streamguard up`, "
                    "or say where it is with STREAMGUARD_CONNECT_URL or --url"
                ) from exc
            raise ConnectUnavailable(
                f"Kafka Connect at {self.shown_url} did not do {method} {path} within {self._deadline:g} s: {exc}"
            ) from exc

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        limit = self._deadline if self._reached else min(self._patience, self._deadline)
        return (state.seconds_since_start or 0.0) >= limit

    def _once(
        self, method: str, path: str, params: list[tuple[str, str]] | None, json: Any, desired: Config | None
    ) -> Any:
        try:
            response = self._session.request(
                method, self._url + path, params=params, json=json, timeout=self._timeout, allow_redirects=False
            )
        except requests.ConnectTimeout as exc:
            raise _Again("no connection in time") from exc
        except requests.ConnectionError as exc:
            if _never_sent(exc):
                raise _Again("connection refused") from exc
            raise _Ambiguous("the connection broke") from exc
        except requests.Timeout as exc:
            self._reached = True
            raise _Ambiguous("no answer in time") from exc
        except requests.RequestException as exc:
            raise ConnectError(f"{self.shown_url}: {redact(str(exc), desired)}") from exc
        self._reached = self._reached or _may_be_a_worker(response)
        return self._judge(response, path, desired)

    def _judge(self, response: requests.Response, path: str, desired: Config | None) -> Any:
        try:
            body = response.json() if response.content else None
        except ValueError:
            body = None
            if response.status_code < 300:
                raise ConnectError(f"{self.shown_url} answers no JSON: that is no Kafka Connect") from None
        message = redact(answers.message_of(body, response.text), desired)
        match answers.meaning(response.status_code, body, response.text):
            case "done":
                return body
            case "again":
                raise _Again(message)
            case "ambiguous":
                raise _Ambiguous(message)
            case "absent":
                raise ConnectorNotFound(f"{self.shown_url}: {message}")
            case "invalid":
                raise ConnectorInvalid(message)
            case "final":
                raise ConnectError(f"{self.shown_url}{path}: {response.status_code} {message}")


def _address(url: str) -> SplitResult | None:
    """The parts of an address of a web server; None if it is none."""
    try:
        parts = urlsplit(url)
        return parts if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 else None
    except ValueError:  # the port is no number, or too large
        return None


def _never_sent(exc: requests.ConnectionError) -> bool:
    """Did it fail before a byte of the request was sent?"""
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    reason = exc.args[0] if exc.args else None
    return isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError)


def _may_be_a_worker(response: requests.Response) -> bool:
    """A worker that starts answers 404 too, but it is not the only server that does."""
    return response.status_code != 404 or response.headers.get("Server", "").startswith("Jetty")


def _path(name: str, *rest: str) -> str:
    if not name or any(character in UNREACHABLE for character in name):
        raise ConnectError(f"Kafka Connect can not reach a connector named {name!r}: no / \\ and % in names")
    return "/".join(("/connectors", quote(name, safe=""), *rest))


def _holds(config: Config, desired: Config) -> bool:
    return all(config.get(key) == value for key, value in desired.items())
