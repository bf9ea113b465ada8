"""What deploying says: changes, steps as they happen, and results."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from streamguard.commands.output import nearby, show, show_one
from streamguard.commands.progress import QUIET
from streamguard.errors import StreamguardError, UnknownName

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.deploying.apply import Deployment, Progress
    from streamguard.connect.deploying.results import Report, Result
    from streamguard.connect.rest.answers import Deployed

RESULT_COLUMNS = ("name", "action", "outcome", "state", "tasks")
COLOURS = {"+": "green", "~": "yellow", "-": "red", "!": "red"}
FEW = 20
"""So many connectors are told of one by one; of more there are counts, and only what changes is listed."""


class Begun:
    """A command that has begun, at the worker at `url`."""

    def __init__(self, command: Literal["plan", "deploy"], url: str) -> None:
        self._command = command
        self._url = url
        self._deployment: Deployment | None = None
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.monotonic()

    def with_(self, deployment: Deployment) -> Deployment:
        """The deployment of the command, once there is one."""
        self._deployment = deployment
        return deployment

    @contextmanager
    def reporting(self, output: str) -> Iterator[None]:
        """An error that ends the whole command is in its report, too, where that is a document."""
        try:
            yield
        except StreamguardError as exc:
            if output in ("json", "yaml") and not isinstance(exc, UnknownName):  # a usage error has no report
                results = self._deployment.end() if self._deployment is not None else []
                print_report(self.report(results, exc), output)
            raise

    def report(self, results: Sequence[Result], error: StreamguardError | None = None) -> Report:
        from streamguard.connect.deploying.results import Report

        url, version, seconds = self._url, "", time.monotonic() - self._clock
        if self._deployment is not None:
            url, version = self._deployment.url, self._deployment.version
        return Report(self._command, results, url, version, self._started, seconds, error)


def tell_strays(app: App, deployed: Mapping[str, Deployed]) -> None:
    """Connectors of pipelines that are not in the project: a prune of all the others leaves them alone."""
    from streamguard.connect.templates.own import strays

    configs = {name: one.config for name, one in deployed.items()}
    for gone, names in strays(configs, app.settings.connect_owner, app.project.pipelines()).items():
        click.echo(
            f"Left alone: {len(names)} of the pipeline {gone}, which is not in this project. "
            f"`--prune --pipeline {gone}` deletes them.",
            err=True,
        )


class Talk:
    """Tells of a deployment on stderr: the plan, then a line a step; of many connectors counts, now and then."""

    def __init__(self, *, many: bool, verbose: bool, only_warnings: bool) -> None:
        self._only_warnings = only_warnings
        self._many = many
        self._verbose = verbose
        self._counts: dict[str, int] = {}
        self._told = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        if progress.step == "warning":
            self._warn(progress.text)
        elif self._only_warnings:
            return
        elif progress.step == "planned":
            if self._verbose or not self._many or not progress.text.startswith("="):
                click.echo(painted(progress.text), err=True)
        elif not self._many or self._verbose:
            said = {"checked": "valid", "written": progress.text, "running": progress.text, "failed": "failed"}
            click.echo(f"  {progress.name}: {said[progress.step]}", err=True)
        else:
            self._counts[progress.step] = self._counts.get(progress.step, 0) + 1
            if time.monotonic() - self._told > QUIET:
                self._told = time.monotonic()
                click.echo("  " + ", ".join(f"{count} {step}" for step, count in self._counts.items()), err=True)

    def _warn(self, text: str) -> None:
        number = self._counts["warnings"] = self._counts.get("warnings", 0) + 1
        if number <= FEW or self._verbose:
            click.echo(text, err=True)
        elif number == FEW + 1:
            click.echo("… there are more warnings: `connectors lint` lists them", err=True)


def painted(change: str) -> str:
    """The lines of a change in the colours of their signs."""

    def paint(line: str) -> str:
        colour = COLOURS.get(line.lstrip()[:1])
        return click.style(line, fg=colour) if colour else line

    return "\n".join(paint(line) for line in nearby(change).split("\n"))


def list_changes(results: Sequence[Result], *, verbose: bool) -> None:
    """Every change, and what stays if that is not too much."""
    for result in results:
        if verbose or len(results) <= FEW or result.change.action != "unchanged" or result.change.refusal:
            click.echo(painted(result.change.text(whole=verbose)))


def print_results(report: Report, output: str, *, verbose: bool) -> None:
    if output != "table":
        print_report(report, output)
        return
    results = report.results
    shown = [r for r in results if verbose or len(results) <= FEW or r.outcome != "unchanged"]
    rows = [{column: getattr(result, column) for column in RESULT_COLUMNS} for result in shown]
    if rows:
        show(rows, RESULT_COLUMNS, output)
    if len(rows) < len(results):
        click.echo(f"{len(results) - len(rows)} more are unchanged", err=True)


def print_report(report: Report, output: str) -> None:
    """The whole report; as NDJSON a line a connector."""
    document = report.document()
    if output == "ndjson":
        show(document["connectors"], (), output)
    else:
        show_one(document, output)
