"""Rows for listings, without anything that a worker may have resolved."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from streamguard.connect.deploying.wait import first_cause, summary
from streamguard.connect.rest.answers import ConnectorStatus, Deployed
from streamguard.connect.secrecy.secrets import shown
from streamguard.connect.templates.own import owner_of


def status_row(connector: Deployed) -> dict[str, Any]:
    """Name, type, state, tasks as in `RUNNING, FAILED`, worker, and the cause of what FAILED."""
    status = connector.status
    if status is None:
        return {
            "name": connector.name,
            "type": "",
            "state": "UNASSIGNED",
            "tasks": [],
            "worker": "",
            "cause": None,
            "failures": [],
        }
    return {
        "name": connector.name,
        "type": status.type,
        "state": status.state,
        "tasks": [task.state for task in status.tasks],
        "worker": status.worker,
        "cause": cause_of(status, connector.config),
        "failures": _failures(status, connector.config),
    }


def description(connector: Deployed, topics: Sequence[str] | None, secret_keys: Collection[str] = ()) -> dict[str, Any]:
    """All that a cluster tells of a connector: its tasks, and its config without secrets, those of `secret_keys` too.

    `topics` are those that it has used; None: not known.
    """
    row, status, config = status_row(connector), connector.status, connector.config
    causes = {failure["task"]: failure["cause"] for failure in row["failures"]}
    return {
        "name": connector.name,
        "class": config.get("connector.class", ""),
        "type": row["type"],
        "state": row["state"],
        "worker": row["worker"],
        "cause": causes.get(None),
        "owner": str(owner_of(config) or ""),
        "tasks": [
            {"task": task.id, "state": task.state, "worker": task.worker, "cause": causes.get(task.id)}
            for task in (status.tasks if status else ())
        ],
        "topics": None if topics is None else list(topics),
        "config": {key: shown(key, value, secret_keys) for key, value in sorted(config.items()) if key != "name"},
    }


def _failures(status: ConnectorStatus, config: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each part that FAILED, with its worker and first cause; `task` None is the connector itself."""
    parts: list[tuple[int | None, str, str]] = []
    if status.state == "FAILED":
        parts.append((None, status.worker, status.trace))
    parts += [(task.id, task.worker, task.trace) for task in status.failed]
    return [{"task": task, "worker": worker, "cause": first_cause(trace, config)} for task, worker, trace in parts]


def trouble(listed: Mapping[str, Deployed]) -> str:
    """One line about the connectors that should run and do not, as in ``1 of 4 connectors not running: c FAILED``."""
    states = {name: "UNASSIGNED" if one.status is None else summary(one.status) for name, one in sorted(listed.items())}
    ill = [f"{name} {state}" for name, state in states.items() if state not in ("RUNNING", "PAUSED", "STOPPED")]
    return f"{len(ill)} of {len(listed)} connectors not running: {', '.join(ill)}" if ill else ""


def cause_of(status: ConnectorStatus, config: Mapping[str, str]) -> str | None:
    """The first cause of the connector's failure, or of its first failed task's; None if nothing failed."""
    if status.state == "FAILED":
        return first_cause(status.trace, config)
    return first_cause(status.failed[0].trace, config) if status.failed else None
