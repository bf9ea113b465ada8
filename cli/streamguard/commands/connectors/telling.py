"""What deploying says: changes, steps as they happen, and results."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import click

from streamguard.commands.output import show, show_one
from streamguard.commands.progress import QUIET

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.answers import Deployed
    from streamguard.connect.apply import Deployment, Progress
    from streamguard.connect.results import Report, Result

RESULT_COLUMNS = ("name", "action", "outcome", "state", "tasks")
FEW = 20
"""So many connectors are told of one by one; of more there are counts, and only what changes is listed."""


class Begun:
    """When a command began."""

    def __init__(self, command: Literal["plan", "deploy"]) -> None:
        self._command = command
        self._started = datetime.now(UTC).isoformat(timespec="seconds")
        self._clock = time.monotonic()

    def report(self, deployment: Deployment, results: Sequence[Result]) -> Report:
        from streamguard.connect.results import Report

        seconds = time.monotonic() - self._clock
        return Report(self._command, results, deployment.url, deployment.version, self._started, seconds)


def tell_strays(app: App, deployed: Mapping[str, Deployed]) -> None:
    """Connectors of pipelines that are not in the project: a prune of all the others leaves them alone."""
    from streamguard.connect.own import strays

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
                click.echo(progress.text, err=True)
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


def list_changes(results: Sequence[Result], *, verbose: bool) -> None:
    """Every change, and what stays if that is not too much."""
    for result in results:
        if verbose or len(results) <= FEW or result.change.action != "unchanged" or result.change.refusal:
            click.echo(str(result.change))


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
