"""Deploy: plan, check, write only what differs, wait. One bad connector does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from streamguard.connect.answers import Plugin
from streamguard.connect.check import Finding, check
from streamguard.connect.client import ConnectClient
from streamguard.connect.plan import Change, diff
from streamguard.connect.render import Connector
from streamguard.connect.wait import Outcome, wait
from streamguard.errors import (
    ConnectorInvalid,
    ConnectorNotFound,
    ConnectUnavailable,
    PartlyDone,
    Refused,
    StreamguardError,
)

PATCH_SINCE = (3, 8)


@dataclass(frozen=True)
class Progress:
    """A step of a deployment, told while it happens: `planned`, `checked`, `written`, `running` or `failed`."""

    step: str
    name: str
    text: str = ""


@dataclass(frozen=True)
class Result:
    """What became of one connector. `error` None: it runs as its template says."""

    name: str
    action: str
    state: str
    tasks: int
    error: StreamguardError | None = None

    def row(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "action": self.action,
            "state": self.state,
            "tasks": self.tasks,
            "error": None if self.error is None else str(self.error),
        }


Report = Callable[[Progress], None]


def _tell_nobody(_progress: Progress) -> None:
    """The report of those who want none."""


def plan(client: ConnectClient, connectors: Sequence[Connector]) -> list[Change]:
    """What `deploy` would do, by one request."""
    deployed = {name: connector.config for name, connector in client.connectors().items()}
    return diff({connector.name: connector.config for connector in connectors}, deployed)


def deploy(
    client: ConnectClient,
    connectors: Sequence[Connector],
    *,
    topics: Mapping[str, int] | None,
    timeout: float = 60.0,
    settle: float = 1.5,
    report: Report = _tell_nobody,
) -> list[Result]:
    """Bring the worker in line with `connectors`. `topics`: those that exist, with their partitions; None: not known.

    Errors of single connectors are in the results, see `raise_for`; an unreachable worker is raised.
    """
    changes = plan(client, connectors)
    for change in changes:
        report(Progress("planned", change.name, str(change)))
    by_name = {connector.name: connector for connector in connectors}
    failed = _check_all(client, [by_name[c.name] for c in changes if c.action != "unchanged"], topics, report)
    patching = client.worker().number >= PATCH_SINCE
    written: list[Change] = []
    for change in changes:
        if change.name in failed:
            continue
        try:
            _write(client, change, by_name[change.name], patching)
        except ConnectUnavailable:
            raise
        except StreamguardError as exc:
            failed[change.name] = type(exc)(f"{change.name}: {exc}")
            report(Progress("failed", change.name, str(exc)))
        else:
            written.append(change)
            if change.action != "unchanged":
                report(Progress("written", change.name, f"{change.action}d"))
    outcomes = wait(
        client,
        [(change, by_name[change.name].config) for change in written],
        timeout=timeout,
        settle=settle,
        report=lambda name, outcome: report(_told(name, outcome)),
    )
    return [_result(change, failed.get(change.name), outcomes.get(change.name)) for change in changes]


def check_all(
    client: ConnectClient, connectors: Sequence[Connector], topics: Mapping[str, int] | None
) -> dict[str, list[Finding]]:
    """What is wrong with each connector, by name; an empty list: nothing."""
    plugins = client.plugins()
    return {connector.name: check(client, connector, plugins, topics) for connector in connectors}


def raise_for(results: Sequence[Result]) -> None:
    """Raise what the command ends with, unless every connector runs."""
    errors = [(result.name, result.error) for result in results if result.error is not None]
    if not errors:
        return
    told = "\n  ".join(str(error) for _, error in errors)
    if len(errors) < len(results):
        raise PartlyDone(f"{len(results) - len(errors)} of {len(results)} connectors run as wanted, not so:\n  {told}")
    kinds = {type(error) for _, error in errors}
    kind = kinds.pop() if len(kinds) == 1 else PartlyDone
    raise kind(told) if len(errors) == 1 else kind(f"none of the {len(errors)} connectors runs as wanted:\n  {told}")


def _check_all(
    client: ConnectClient, connectors: Sequence[Connector], topics: Mapping[str, int] | None, report: Report
) -> dict[str, StreamguardError]:
    if not connectors:
        return {}
    plugins: list[Plugin] = client.plugins()
    failed: dict[str, StreamguardError] = {}
    for connector in connectors:
        findings = check(client, connector, plugins, topics)
        if findings:
            told = "; ".join(str(finding) for finding in findings)
            kind = Refused if all(finding.policy for finding in findings) else ConnectorInvalid
            failed[connector.name] = kind(f"{connector.name}: {told}")
            report(Progress("failed", connector.name, told))
        else:
            report(Progress("checked", connector.name))
    return failed


def _write(client: ConnectClient, change: Change, connector: Connector, patching: bool) -> None:
    if change.action == "unchanged":
        return  # an identical write would stop and start the connector
    if change.action == "update" and patching:
        client.patch_config(change.name, change.patch)
    else:
        client.put_config(change.name, connector.config)


def _told(name: str, outcome: Outcome) -> Progress:
    if isinstance(outcome, StreamguardError):
        return Progress("failed", name, str(outcome))
    count = len(outcome.tasks)
    return Progress("running", name, f"{outcome.state}, {count} task{'s' if count != 1 else ''}")


def _result(change: Change, error: StreamguardError | None, outcome: Outcome | None) -> Result:
    if error is not None:
        return Result(change.name, change.action, "not deployed", 0, error)
    if outcome is None or isinstance(outcome, StreamguardError):
        state = "deleted" if isinstance(outcome, ConnectorNotFound) else "FAILED"
        return Result(change.name, change.action, state, 0, outcome)
    return Result(change.name, change.action, outcome.state, len(outcome.tasks))
