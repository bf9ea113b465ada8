"""What became of a deployment: one result a connector, the report of all, and the error that the command ends with.

The report is a document with a schema, `report.json`; `plan` and `deploy` give the same one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from streamguard.connect.deploying.plan import Change, Write
from streamguard.connect.lint.finding import Finding
from streamguard.connect.secrecy.secrets import redact
from streamguard.errors import ConnectError, ConnectorInvalid, PartlyDone, Refused, StreamguardError, WaitTimedOut

FORMAT = 1
TOLD = 20
"""How many errors the last sentence of a command repeats; the report has them all."""
Outcome = Literal["planned", "done", "unchanged", "refused", "invalid", "failed", "timed out", "skipped", "under way"]
"""`skipped`: not begun, as another one failed or the command was interrupted. `under way`: begun, not seen to end."""
Rest = Literal["unchanged", "skipped", "under way"]
WELL: frozenset[Outcome] = frozenset({"planned", "done", "unchanged"})


@dataclass(frozen=True)
class Result:
    """What became of one connector. `state` and `tasks` are what was seen last; `written` is what was sent."""

    change: Change
    outcome: Outcome = "planned"
    state: str = ""
    tasks: int = 0
    error: StreamguardError | None = None
    findings: tuple[Finding, ...] = ()
    written: tuple[Write, ...] = ()
    pipeline: str = ""
    template: str = ""

    @property
    def name(self) -> str:
        return self.change.name

    @property
    def action(self) -> str:
        return self.change.action

    @property
    def is_well(self) -> bool:
        return self.outcome in WELL

    def row(self) -> dict[str, Any]:
        """As a document; secrets masked."""
        change = self.change.row()
        return {
            "name": self.name,
            "pipeline": self.pipeline or None,
            "template": self.template or None,
            "action": self.action,
            "outcome": self.outcome,
            "state": {**change["state"], "seen": self.state or None},
            "tasks": self.tasks,
            "changes": change["changes"],
            "writes": change["writes"],
            "written": len(self.written),
            "findings": [finding.row() for finding in self.findings],
            "error": None if self.error is None else redact(str(self.error)),
        }


@dataclass(frozen=True)
class Report:
    """The results of one command. `started` is a time as ISO 8601 has it, `url` has no credentials.

    `error` is what ended the whole of it, as a cluster that is away: then `results` are those known by then.
    """

    command: Literal["plan", "deploy"]
    results: Sequence[Result]
    url: str
    version: str = ""
    started: str = ""
    seconds: float = 0.0
    error: StreamguardError | None = None

    @property
    def exit_code(self) -> int:
        error = self.error or error_of(self.results, planned=self.command == "plan")
        return 0 if error is None else error.exit_code

    def document(self) -> dict[str, Any]:
        """As `report.json` says."""
        outcomes = [result.outcome for result in self.results]
        return {
            "format": FORMAT,
            "command": self.command,
            "cluster": {"url": self.url, "version": self.version or None},
            "started": self.started,
            "seconds": round(self.seconds, 3),
            "exit_code": self.exit_code,
            "summary": {outcome: outcomes.count(outcome) for outcome in dict.fromkeys(outcomes)},
            "writes": sum(len(result.written) for result in self.results),
            "error": None if self.error is None else redact(str(self.error)),
            "connectors": [result.row() for result in self.results],
        }


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of a report."""
    text = resources.files("streamguard.connect.deploying").joinpath("report.json").read_text()
    found: dict[str, Any] = json.loads(text)
    return found


def raise_for(results: Sequence[Result], *, planned: bool = False) -> None:
    """Raise what the command ends with, unless every connector is as it should be."""
    error = error_of(results, planned=planned)
    if error is not None:
        raise error


def error_of(results: Sequence[Result], *, planned: bool = False) -> StreamguardError | None:
    """One error for all results; None if all went well. `planned`: nothing was done, and nothing was to be.

    All of one kind: that kind, whose exit code says it. Some went well, or were written at least: `PartlyDone`.
    """
    ill = [result for result in results if not result.is_well]
    if not ill:
        return None
    errors = [result.error for result in ill if result.error is not None]
    more = [f"and {len(errors) - TOLD} more: --output json has them all"] if len(errors) > TOLD else []
    told = "\n  ".join([*dict.fromkeys(map(str, errors[:TOLD])), *more, *_about_rest(ill)])
    kinds = {type(error) for error in errors}
    if len(ill) == 1 == len(results) and errors:
        return type(errors[0])(told)
    if planned or any(result.outcome == "planned" for result in results):
        kind = kinds.pop() if len(kinds) == 1 else ConnectError
        return kind(f"{len(ill)} of {len(results)} connectors can not be deployed as they are:\n  {told}")
    if any(result.outcome in ("done", "unchanged") for result in results):
        well = len(results) - len(ill)
        return PartlyDone(f"{well} of {len(results)} connectors are as wanted, not so:\n  {told}")
    words = f"none of the {len(results)} connectors is as wanted:\n  {told}"
    if len(kinds) == 1:
        return kinds.pop()(words)
    return PartlyDone(words) if any(result.written for result in ill) else ConnectError(words)


def _about_rest(ill: Sequence[Result]) -> list[str]:
    words = {"skipped": "not tried", "under way": "written, and not seen to end"}
    counts = {outcome: sum(result.outcome == outcome for result in ill) for outcome in words}
    return [f"{counts[outcome]} more: {words[outcome]}" for outcome in words if counts[outcome]]


def outcome_of(error: StreamguardError) -> Outcome:
    """The word for an error of one connector."""
    if isinstance(error, Refused):
        return "refused"
    if isinstance(error, ConnectorInvalid):
        return "invalid"
    return "timed out" if isinstance(error, WaitTimedOut) else "failed"
