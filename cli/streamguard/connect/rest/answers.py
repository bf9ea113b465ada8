"""What a Connect worker answers, typed; and what its errors mean.

The same status stands for different things, so an answer is judged by status, body and text together:

* 404 without `error_code` in the body: the worker is still starting. "No status found": not assigned yet, or absent.
  "HTTP 404 Not Found", and 405: this worker is too old for the request. Any other 404 with `error_code`: there is no
  such connector, task or plugin.
* 409 "already exists": so it does. Any other 409: a rebalance, or stale knowledge of the leader.
* 500 may be a rebalance too, or a leader that is gone: by its text. For anything else (a malformed body, an enum's bad
  value) it is final, repeating it changes nothing.
* a time-out, 502, 504, 500 "Request timed out" or one that broke on its way to the leader: the write may have happened.
* 429 and 503: not by this worker, not now.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

UNREACHABLE = "/\\%;{}"
"""A connector whose name has one of these can be made over REST, and then not be changed or deleted: the worker's web
server refuses the first three. Of the others a worker that forwards a request to the leader makes another address: what
is after ; is lost, so that deleting ``a;b`` deletes ``a``, and { } end in 500, after a POST that did make it."""

Meaning = Literal[
    "done",
    "away",
    "unassigned",
    "again",
    "ambiguous",
    "absent",
    "exists",
    "unsupported",
    "denied",
    "invalid",
    "final",
]
State = Literal["running", "paused", "stopped"]

_REBALANCE = re.compile(
    r"rebalance is (expected|in progress|needed)|safely retried|no known leader|"
    r"stale configuration|conflicting operation|cannot complete request (momentarily|because)",
    re.IGNORECASE,
)
_FORWARDING = re.compile(r"IO Error trying to forward", re.IGNORECASE)
_NEVER_ARRIVED = re.compile(r"refused|ConnectException|no ?route ?to ?host|unresolved|unknown ?host", re.IGNORECASE)
_PERHAPS_DONE = re.compile(r"request timed out|error (writing|removing) .*kafka", re.IGNORECASE)
_MASK = re.compile(r"[•*]{3,}|\[hidden\]")


def is_mask(value: str) -> bool:
    """Is this what a server shows in place of a secret?"""
    return bool(_MASK.fullmatch(value))


@dataclass(frozen=True)
class Worker:
    """GET /: the worker's version, and the id of its Kafka cluster."""

    version: str
    commit: str = ""
    cluster_id: str = ""

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
    """A class that the worker can run: of type sink or source, or a transformation, predicate, converter."""

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
class KeyDefinition:
    """What a plugin says about one key of its config. `default` None: it has none. `type` as in ``PASSWORD``, ``LIST``.

    `order` counts within `group`; `recommended` values are known to a validation only.
    """

    name: str
    type: str = "STRING"
    documentation: str = ""
    default: str | None = None
    required: bool = False
    importance: str = ""
    group: str = ""
    order: int = 0
    recommended: tuple[str, ...] = ()


@dataclass(frozen=True)
class Validation:
    """The answer to a validation. The worker's echo of the values is dropped: it has the secrets resolved.

    `known` are the keys that something defines, `undefined` those that the worker listed without a definition.
    """

    errors: tuple[FieldError, ...]
    known: frozenset[str]
    undefined: frozenset[str] = frozenset()
    definitions: tuple[KeyDefinition, ...] = ()


@dataclass(frozen=True)
class Offset:
    """Where a sink goes on in one partition; `offset` None: nothing is committed, or it is to be forgotten."""

    topic: str
    partition: int
    offset: int | None


@dataclass(frozen=True)
class Logger:
    """A logger of one worker. `level` as in ``WARN``; `modified`: when REST last changed it, ms since 1970."""

    name: str
    level: str
    modified: int | None = None


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
        return _meaning_of_404(body, message)
    if status == 409:
        return "exists" if "already exists" in message else "again"
    if status == 500:
        return _meaning_of_500(message)
    if status in (502, 504):
        return "ambiguous"
    if status in (429, 503):
        return "away"
    if status == 401 or (status == 403 and "tracking" not in message):
        return "denied"
    if status == 405:
        return "unsupported"
    return "invalid" if status in (400, 422) else "final"


def _meaning_of_404(body: Any, message: str) -> Meaning:
    if not isinstance(body, Mapping) or "error_code" not in body:
        return "away"
    if message.startswith("HTTP 404"):
        return "unsupported"
    return "unassigned" if "no status found" in message.lower() else "absent"


def _meaning_of_500(message: str) -> Meaning:
    if _FORWARDING.search(message):
        if "SSLHandshake" in message:
            return "final"
        return "again" if _NEVER_ARRIVED.search(message) else "ambiguous"
    if _REBALANCE.search(message):
        return "again"
    if "Failed to find any class" in message:
        return "invalid"
    return "ambiguous" if _PERHAPS_DONE.search(message) else "final"


def message_of(body: Any, text: str) -> str:
    """The worker's own words, or what it sent in place of JSON, without the tags."""
    if isinstance(body, Mapping) and isinstance(body.get("message"), str):
        return re.sub(r", available connectors are: .*", "", str(body["message"]), flags=re.DOTALL)
    return re.sub(r"<[^>]*>|\s+", " ", text).strip()


def worker(document: Mapping[str, Any]) -> Worker:
    """From GET /."""
    version, commit, cluster_id = (document.get(key) or "" for key in ("version", "commit", "kafka_cluster_id"))
    return Worker(str(version), str(commit), str(cluster_id))


def plugins(document: Sequence[Mapping[str, Any]]) -> list[Plugin]:
    """From GET /connector-plugins."""
    return [Plugin(entry["class"], entry["type"], str(entry.get("version") or "")) for entry in document]


def key_definitions(document: Sequence[Mapping[str, Any]]) -> list[KeyDefinition]:
    """From GET /connector-plugins/CLASS/config."""
    return [key_definition(entry) for entry in document]


def names(document: Sequence[str]) -> list[str]:
    """From GET /connectors."""
    if not all(isinstance(name, str) for name in document):
        raise TypeError("a list of names was expected")
    return list(document)


def texts(document: Mapping[str, Any]) -> dict[str, str]:
    """A config."""
    return {key: str(value) for key, value in document.items()}


def task_configs(document: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """From GET /connectors/NAME/tasks."""
    return [texts(task["config"]) for task in document]


def topics(document: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, list[str]]:
    """From GET /connectors/NAME/topics, by connector."""
    return {name: list(entry.get("topics", ())) for name, entry in document.items()}


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
    """From GET /connectors?expand=info&expand=status. One without `info` is not readable yet and is left out, and so is
    one whose `info` is null: it is being deleted at this moment."""
    return {
        name: Deployed(
            name,
            {key: str(value) for key, value in (parts["info"].get("config") or {}).items()},
            connector_status(parts["status"]) if parts.get("status") else None,
        )
        for name, parts in document.items()
        if parts.get("info")
    }


def echoes(document: Mapping[str, Any]) -> dict[str, str | None]:
    """The values that a validation sends back, secrets resolved: only for knowing what must never be shown."""
    values = [entry.get("value") or {} for entry in document.get("configs", ())]
    return {str(value.get("name", "")): value.get("value") for value in values}


def validation(document: Mapping[str, Any]) -> Validation:
    """From PUT /connector-plugins/CLASS/config/validate; a `definition` may be null."""
    errors: list[FieldError] = []
    definitions: list[KeyDefinition] = []
    undefined: set[str] = set()
    for entry in document.get("configs", ()):
        value, defined = entry.get("value") or {}, entry.get("definition") or {}
        key = value.get("name") or defined.get("name") or ""
        if defined:
            recommended = tuple(str(item) for item in value.get("recommended_values") or ())
            definitions.append(replace(key_definition(defined), name=key, recommended=recommended))
        else:
            undefined.add(key)
        errors += [FieldError(key, text, defined.get("documentation") or "") for text in value.get("errors") or ()]
    known = frozenset(one.name for one in definitions)
    return Validation(tuple(errors), known, frozenset(undefined), tuple(definitions))


def key_definition(document: Mapping[str, Any]) -> KeyDefinition:
    """From an entry of GET /connector-plugins/CLASS/config, or a `definition` of a validation."""
    default = document.get("default_value")
    return KeyDefinition(
        name=document.get("name") or "",
        type=document.get("type") or "STRING",
        documentation=document.get("documentation") or "",
        default=None if default is None else str(default),
        required=bool(document.get("required")),
        importance=document.get("importance") or "",
        group=document.get("group") or "",
        order=int(document.get("order_in_group") or 0),
    )


def offsets(document: Mapping[str, Any]) -> list[Offset]:
    """From GET /connectors/NAME/offsets of a sink, by topic and partition; KeyError: it is a source's."""
    found = []
    for entry in document.get("offsets", ()):
        place, position = entry["partition"], entry.get("offset") or {}
        offset = position.get("kafka_offset")
        found.append(
            Offset(place["kafka_topic"], int(place["kafka_partition"]), None if offset is None else int(offset))
        )
    return sorted(found, key=lambda one: (one.topic, one.partition))


def offsets_document(wanted: Sequence[Offset]) -> dict[str, Any]:
    """What PATCH /connectors/NAME/offsets takes; an `offset` of null forgets that of the partition."""
    return {
        "offsets": [
            {
                "partition": {"kafka_topic": one.topic, "kafka_partition": one.partition},
                "offset": None if one.offset is None else {"kafka_offset": one.offset},
            }
            for one in wanted
        ]
    }


def loggers(document: Mapping[str, Mapping[str, Any]]) -> list[Logger]:
    """From GET /admin/loggers, by name."""
    return [
        Logger(name, str(entry.get("level") or ""), entry.get("last_modified"))
        for name, entry in sorted(document.items())
    ]
