"""Deploy: lint, plan, validate, apply, wait. Each step is a function; what a plan lists is exactly what is written.

One bad connector does not stop the others, unless `fail_fast` says so: then the first error stops what has not begun,
and an error that lint finds stops everything before the first write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from streamguard.connect.deploying import verdicts
from streamguard.connect.deploying.plan import Abilities, Change, Write, diff
from streamguard.connect.deploying.results import Rest, Result, outcome_of, raise_for
from streamguard.connect.deploying.wait import Outcome, Reading, Target, wait
from streamguard.connect.deploying.writing import EndControl, apply
from streamguard.connect.lint.annotations import line, merged
from streamguard.connect.lint.finding import Finding
from streamguard.connect.rest.answers import ConnectorStatus, Deployed
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.secrets import redact
from streamguard.connect.templates import own
from streamguard.connect.templates.own import Prune
from streamguard.connect.templates.render import Connector
from streamguard.errors import (
    ConnectorFailed,
    ConnectorNotFound,
    Refused,
    StreamguardError,
)

__all__ = ["Deployment", "How", "Plan", "Progress", "Result", "deploy", "plan", "raise_for"]

JOBS = 8
DONE = {"create": "created", "update": "updated", "pause": "paused", "resume": "resumed", "stop": "stopped"} | {
    "delete": "deleted"
}
_SEEN: Mapping[type[StreamguardError], str] = {ConnectorNotFound: "deleted", ConnectorFailed: "FAILED"}


@dataclass(frozen=True)
class How:
    """How a deployment goes about it. `timeout`, `settle` and `doubt` are seconds; see `wait`."""

    jobs: int = JOBS
    fail_fast: bool = False
    wait_for: Literal["running", "progress", "none"] = "running"
    timeout: float = 60.0
    settle: float = 1.5
    doubt: float = 0.0


@dataclass(frozen=True)
class Progress:
    """A step of a deployment, told while it happens: `planned`, `checked`, `written`, `running` or `failed`; or a
    `warning`, of which the same one is told once for all connectors."""

    step: str
    name: str
    text: str = ""


@dataclass(frozen=True)
class Plan:
    """The one list of changes; the version of the worker that it was made for; and what was there."""

    changes: list[Change]
    version: str = ""
    deployed: Mapping[str, Deployed] = field(default_factory=dict)


Tell = Callable[[Progress], None]


def tell_nobody(_progress: Progress) -> None:
    """The report of those who want none."""


def plan(
    client: ConnectClient,
    connectors: Sequence[Connector],
    *,
    prune: Prune | None = None,
    force_secrets: bool = False,
    take_over: bool = False,
) -> Plan:
    """What `deploy` would do, by one list of everything. Raises `Refused` if a prune would delete most of it."""
    deployed = client.all_connectors()
    version = client.worker().version
    gone = own.goners({name: one.config for name, one in deployed.items()}, prune) if prune else []
    changes = diff(
        connectors,
        deployed,
        Abilities.of(version),
        delete=gone,
        reset_offsets=prune is not None and prune.reset_offsets,
        force_secrets=force_secrets,
        take_over=take_over,
    )
    return Plan(changes, version, deployed)


def deploy(
    client: ConnectClient,
    connectors: Sequence[Connector],
    *,
    topics: Mapping[str, int] | None,
    timeout: float = 60.0,
    settle: float = 1.5,
    doubt: float = 0.0,
    report: Tell = tell_nobody,
) -> list[Result]:
    """Bring the cluster in line with `connectors`. `topics`: those that exist, with their partitions; None: not known.
    `doubt`: for how many seconds a FAILED may be of before, as that of a worker which has just started again.

    Errors of single connectors are in the results, see `raise_for`; a cluster that can not be read is raised.
    """
    how = How(timeout=timeout, settle=settle, doubt=doubt)
    return Deployment(client, connectors, topics=topics, how=how, tell=report).run()


class Deployment:
    """One deployment: `run` once. `results` has what is known so far, also after an error or an interruption."""

    def __init__(
        self,
        client: ConnectClient,
        connectors: Sequence[Connector],
        *,
        topics: Mapping[str, int] | None,
        how: How | None = None,
        prune: Prune | None = None,
        reading: Reading | None = None,
        end_control: EndControl | None = None,
        unrendered: Mapping[str, StreamguardError] | None = None,
        force_secrets: bool = False,
        take_over: bool = False,
        tell: Tell | None = None,
    ) -> None:
        self._client = client
        self._connectors = {connector.name: connector for connector in connectors}
        self._topics = topics
        self._how = how or How()
        self._prune = prune
        self._reading = reading
        self._end_control = end_control
        self._unrendered = dict(unrendered or {})
        self._force_secrets = force_secrets
        self._take_over = take_over
        self._tell = tell or tell_nobody
        self._stop = threading.Event()
        self._begun: dict[str, list[Write]] = {}  # told of from threads, each its own connectors
        self._found: dict[str, Result] = {}
        self.version = ""
        self.deployed: Mapping[str, Deployed] = {}

    @property
    def url(self) -> str:
        return self._client.shown_url

    @property
    def results(self) -> list[Result]:
        return [self._found[name] for name in sorted(self._found)]

    def preview(self) -> list[Result]:
        """Lint and plan: what `run` would do. Changes nothing."""
        self._lint()
        self._make_plan()
        for result in self.results:
            if result.outcome == "planned" and result.action == "unchanged":
                self._note(result.name, outcome="unchanged")
        return self.results

    def run(self) -> list[Result]:
        """All steps. Raises what concerns the whole cluster; errors of single connectors are in the results."""
        self._lint()
        changes = self._make_plan()  # whole, also if nothing of it is to be done, so that the report is whole
        if self._how.fail_fast and not all(result.is_well for result in self.results):
            self._stop.set()
        written = self._apply(self._validate(changes))
        self._wait(written)
        return self.end()

    def end(self) -> list[Result]:
        """The results, also of what was not ended, as after Ctrl-C: nothing more is begun. Before there was a plan only
        those that will not be deployed anyway: of the others nothing is known."""
        self._stop.set()
        if not self.version:
            return [result for result in self.results if not result.is_well]
        for result in self.results:
            if result.outcome == "planned":
                begun = result.name in self._begun
                rest: Rest = "under way" if begun else "skipped" if result.change.writes else "unchanged"
                self._note(result.name, outcome=rest, written=self._written(result.name))
        return self.results

    def _lint(self) -> None:
        for name, error in self._unrendered.items():
            self._note(name, Change(name, "unchanged", refusal=redact(str(error))), outcome="refused", error=error)
        for name, findings in verdicts.lint(self._client, list(self._connectors.values()), self._topics).items():
            self._note(name, Change(name, "unchanged"), findings=findings)
            self._judge(name, findings)
        found = [finding for result in self.results for finding in result.findings if finding.severity == "warning"]
        for finding in merged(found):
            self._tell(Progress("warning", finding.connector, line(finding, Path.cwd())))

    def _make_plan(self) -> list[Change]:
        """The changes that can be carried out. What lint refuses is planned without writes, so that it can be seen."""
        made = plan(
            self._client,
            list(self._connectors.values()),
            prune=self._prune,
            force_secrets=self._force_secrets,
            take_over=self._take_over,
        )
        self.version, self.deployed = made.version, made.deployed
        for change in made.changes:
            present = self._found.get(change.name)
            if present is not None and not present.is_well:
                refused = replace(change, writes=(), refusal=str(present.error).removeprefix(f"{change.name}: "))
                self._note(change.name, refused)
            else:
                self._note(change.name, change)
                if change.refusal:
                    self._fail(change.name, Refused(f"{change.name}: {change.refusal}"))
            self._tell(Progress("planned", change.name, str(self._found[change.name].change)))
        return self._open(made.changes)

    def _validate(self, changes: list[Change]) -> list[Change]:
        """Those that their plugins accept. Only configs that would be written are asked about."""
        asked = [self._connectors[change.name] for change in changes if change.action in ("create", "update")]

        def told(connector: Connector, findings: tuple[Finding, ...]) -> None:
            self._note(connector.name, findings=(*self._found[connector.name].findings, *findings))
            if self._judge(connector.name, findings):
                self._tell(Progress("checked", connector.name))
            elif self._how.fail_fast:
                self._stop.set()

        if not self._stop.is_set():
            verdicts.validate(self._client, asked, jobs=self._how.jobs, stop=self._stop, report=told)
        return self._open(changes)

    def _apply(self, changes: list[Change]) -> list[Change]:
        """Those that were written, and those that need no write."""
        how = self._how
        to_write = [change for change in changes if change.writes]
        for change, error in apply(
            self._client,
            to_write,
            jobs=how.jobs,
            stop=self._stop,
            fail_fast=how.fail_fast,
            sent=self._sent,
            end_control=self._end_control,
        ):
            self._note(change.name, written=self._written(change.name))
            if error is not None:
                self._fail(change.name, error)
            else:
                self._tell(Progress("written", change.name, DONE[change.action]))
        return [change for change in self._open(changes) if not change.writes or self._found[change.name].written]

    def _wait(self, changes: Sequence[Change]) -> None:
        """Until all are as they should be. There is nothing to wait for after a deletion."""
        for change in changes:
            if change.action == "delete" or self._how.wait_for == "none":
                self._note(change.name, outcome="done" if change.writes else "unchanged")
        waited = [] if self._stop.is_set() else self._open(changes)
        wait(
            self._client,
            [self._target(change) for change in waited],
            timeout=self._how.timeout,
            report=self._waited,
            reading=self._reading if self._how.wait_for == "progress" else None,
            fail_fast=self._how.fail_fast,
        )

    def _target(self, change: Change) -> Target:
        config = self._connectors[change.name].config
        changed = change.keys if change.action == "update" else ()
        settle = self._how.settle if change.action != "unchanged" else 0.0
        new, state = change.action == "create", change.after or "running"
        return Target(change.name, config, state, changed, new, settle, self._how.doubt)

    def _waited(self, name: str, outcome: Outcome) -> None:
        if not isinstance(outcome, ConnectorStatus):
            self._note(name, state=_SEEN.get(type(outcome), ""))
            if isinstance(outcome, ConnectorFailed) and self._found[name].action == "unchanged":
                outcome = ConnectorFailed(f"{outcome}; it failed before: `connectors restart {name} --only-failed`")
            self._fail(name, outcome)
            return
        change, count = self._found[name].change, len(outcome.tasks)
        self._note(name, state=outcome.state, tasks=count, outcome="done" if change.writes else "unchanged")
        self._tell(Progress("running", name, f"{outcome.state}, {count} task{'s' if count != 1 else ''}"))

    def _open(self, changes: Sequence[Change]) -> list[Change]:
        """Those of which nothing has been said yet."""
        return [change for change in changes if self._found[change.name].outcome == "planned"]

    def _judge(self, name: str, findings: Sequence[Finding]) -> bool:
        error = verdicts.error_of(name, findings)
        if error is not None:
            self._fail(name, error)
        return error is None

    def _fail(self, name: str, error: StreamguardError) -> None:
        self._note(name, outcome=outcome_of(error), error=error)
        self._tell(Progress("failed", name, str(error)))

    def _sent(self, write: Write) -> None:
        self._begun.setdefault(write.name, []).append(write)

    def _written(self, name: str) -> tuple[Write, ...]:
        return tuple(self._begun.get(name, ()))

    def _note(self, name: str, change: Change | None = None, **facts: Any) -> None:
        present = self._found.get(name)
        if present is None:
            assert change is not None
            connector = self._connectors.get(name)
            pipeline, template = (connector.pipeline, str(connector.template)) if connector else ("", "")
            present = Result(change, pipeline=pipeline, template=template)
        self._found[name] = replace(present, change=change or present.change, **facts)
