"""What a Connect worker answers, typed; and what its errors mean.

The same status stands for different things, so an answer is judged by status, body and text together:

* 404 without `error_code` in the body: the worker is still starting. "No status found": just created, not assigned
  yet. Any other 404 with `error_code`: there is no such connector, task or plugin.
* 409: a rebalance, or stale knowledge of the leader. 500 may be the same, or a leader that is gone: by its text.
* 500 for anything else (a malformed body, an enum's bad value): final, repeating it changes nothing.
* a time-out, or 500 "Request timed out": ambiguous, the write may have happened.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

UNREACHABLE = "/\\%"
"""A connector whose name has one of these can be made over REST, and then never be read or deleted."""

Meaning = Literal["done", "again", "ambiguous", "absent", "invalid", "final"]

_REBALANCE = re.compile(
    r"rebalance is (expected|in progress|needed)|IO Error trying to forward|safely retried|no known leader|"
    r"stale configuration|conflicting operation|cannot complete request (momentarily|because)",
    re.IGNORECASE,
)
_SUPPOSED_LOST = re.compile(r"request timed out|timed out", re.IGNORECASE)


@dataclass(frozen=True)
class Worker:
    """GET /: the worker's version."""

    version: str

    @property
    def number(self) -> tuple[int, int]:
        """Major and minor of `4.3.1`, `7.9.0-ccs`, `4.4.0-SNAPSHOT`; (0, 0) if it says none."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else (0, 0)


@dataclass(frozen=True)
class TaskStatus:
    """A task. `trace` is the worker's text: it may hold secrets and records, so it is redacted before it is shown."""

    id: int
    state: str
    worker: str
    trace: str = ""


@dataclass(frozen=True)
class ConnectorStatus:
    """A connector and its tasks."""

    name: str
    state: str
    worker: str
    type: str
    trace: str
    tasks: tuple[TaskStatus, ...]

    @property
    def failed(self) -> tuple[TaskStatus, ...]:
        return tuple(task for task in self.tasks if task.state == "FAILED")

    @property
    def is_running(self) -> bool:
        """The connector and every task run, and there is at least one task."""
        return self.state == "RUNNING" and bool(self.tasks) and all(task.state == "RUNNING" for task in self.tasks)


@dataclass(frozen=True)
class Deployed:
    """A connector as the worker has it; `status` None means that it is not assigned yet."""

    name: str
    config: Mapping[str, str]
    status: ConnectorStatus | None


@dataclass(frozen=True)
class Plugin:
    """A connector class that the worker can run."""

    class_name: str
    type: str
    version: str


@dataclass(frozen=True)
class FieldError:
    """What the plugin says against one key of a config."""

    field: str
    message: str
    documentation: str = ""


@dataclass(frozen=True)
class Validation:
    """The answer to a validation. The worker's echo of the values is dropped: it has the secrets resolved.

    `known` are the keys that something defines, `undefined` those that the worker listed without a definition.
    """

    errors: tuple[FieldError, ...]
    known: frozenset[str]
    undefined: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Restart:
    """Which parts a restart was asked for, by name: `connector`, `task 0`."""

    parts: tuple[str, ...]


def meaning(status: int, body: Any, text: str) -> Meaning:
    """What an answer means for the one who asked."""
    message = message_of(body, text)
    if status < 300:
        return "done"
    if status == 404:
        if not isinstance(body, Mapping) or "error_code" not in body or "no status found" in message.lower():
            return "again"
        return "absent"
    if status == 409:
        return "final" if "already exists" in message else "again"
    if status in (429, 502, 503):
        return "again"
    if status == 504 or (status == 500 and _SUPPOSED_LOST.search(message) and not _REBALANCE.search(message)):
        return "ambiguous"
    if status == 500 and _REBALANCE.search(message):
        return "again"
    return "invalid" if status in (400, 422) else "final"


def message_of(body: Any, text: str) -> str:
    """The worker's own words, or the start of what it sent in place of JSON."""
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return str(body["message"])
    return re.sub(r"<[^>]*>|\s+", " ", text).strip()[:300]


def connector_status(document: Mapping[str, Any]) -> ConnectorStatus:
    """From GET /connectors/NAME/status, or a `status` of an expanded list."""
    connector = document.get("connector", {})
    tasks = sorted((_task(task) for task in document.get("tasks", ())), key=lambda task: task.id)
    return ConnectorStatus(
        name=document.get("name", ""),
        state=connector.get("state", "UNASSIGNED"),
        worker=connector.get("worker_id", ""),
        type=document.get("type", ""),
        trace=connector.get("trace", ""),
        tasks=tuple(tasks),
    )


def _task(document: Mapping[str, Any]) -> TaskStatus:
    return TaskStatus(
        int(document["id"]), document.get("state", ""), document.get("worker_id", ""), document.get("trace", "")
    )


def deployed(document: Mapping[str, Mapping[str, Any]]) -> dict[str, Deployed]:
    """From GET /connectors?expand=info&expand=status. One without `info` is not readable yet and is left out."""
    return {
        name: Deployed(
            name,
            {key: str(value) for key, value in parts["info"].get("config", {}).items()},
            connector_status(parts["status"]) if "status" in parts else None,
        )
        for name, parts in document.items()
        if "info" in parts
    }


def validation(document: Mapping[str, Any]) -> Validation:
    """From PUT /connector-plugins/CLASS/config/validate; a `definition` may be null."""
    errors: list[FieldError] = []
    known: set[str] = set()
    undefined: set[str] = set()
    for entry in document.get("configs", ()):
        value, definition = entry.get("value") or {}, entry.get("definition") or {}
        key = value.get("name") or definition.get("name") or ""
        (known if definition else undefined).add(key)
        errors += [FieldError(key, text, definition.get("documentation") or "") for text in value.get("errors") or ()]
    return Validation(tuple(errors), frozenset(known), frozenset(undefined))
