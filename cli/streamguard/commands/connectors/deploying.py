"""From templates to a cluster: render, validate, plan, deploy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands.connectors.options import (
    client_of,
    refuse_secrets,
    rendered_by,
    template_options,
    topics_of,
    url_option,
)
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.apply import Progress

RESULT_COLUMNS = ("name", "action", "state", "tasks", "error")
CHANGES = 2
LONGEST = 86_400.0
SECONDS = click.FloatRange(0, LONGEST)


@click.command()
@template_options
@click.option("-o", "--output", type=click.Choice(("json", "yaml", "ndjson")), default="json", show_default=True)
@click.pass_obj
def render(
    app: App, *, names: tuple[str, ...], pipeline: str | None, values: str, overrides: tuple[str, ...], output: str
) -> None:
    """Print the configs that the templates give. Asks no server.

    \b
    Examples:
      streamguard connectors render
      streamguard connectors render users-mongodb-sink --set mongodb_tasks=4 -o yaml
    """
    rendered = rendered_by(app, names, pipeline, values, overrides)
    refuse_secrets(rendered)
    show([{"name": connector.name, "config": dict(connector.config)} for connector in rendered], (), output)


@click.command()
@template_options
@url_option
@output_option
@click.pass_obj
def validate(
    app: App,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    url: str | None,
    output: str,
) -> None:
    """Check the configs without deploying them.

    Looks at policy, the worker's plugins and their own validation, keys that nobody knows, and topics.

    \b
    Examples:
      streamguard connectors validate
      streamguard connectors validate users-s3-sink -o json
    """
    from streamguard.connect.apply import check_all
    from streamguard.errors import ConnectorInvalid, Refused

    rendered = rendered_by(app, names, pipeline, values, overrides)
    found = check_all(client_of(app, url), rendered, topics_of(app))
    rows = [
        {"name": name, "key": finding.key, "finding": finding.text, "policy": finding.policy}
        for name, findings in found.items()
        for finding in findings
    ]
    if output != "table" or rows:
        show(rows, ("name", "key", "finding"), output)
    if rows:
        kind = Refused if all(row["policy"] for row in rows) else ConnectorInvalid
        wrong = sum(bool(findings) for findings in found.values())
        raise kind(f"{wrong} of {len(found)} connectors can not be deployed as they are")
    click.echo(f"{len(found)} connectors are valid", err=True)


@click.command()
@template_options
@url_option
@output_option
@click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes.")
@click.pass_obj
def plan(
    app: App,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    url: str | None,
    output: str,
    detailed_exitcode: bool,
) -> int:
    """Show what deploy would change. Changes nothing.

    \b
    Examples:
      streamguard connectors plan
      streamguard connectors plan --detailed-exitcode || echo "something differs"
    """
    from streamguard.connect.apply import plan as make_plan
    from streamguard.connect.plan import has_changes

    rendered = rendered_by(app, names, pipeline, values, overrides)
    refuse_secrets(rendered)
    changes = make_plan(client_of(app, url), rendered)
    if output == "table":
        for change in changes:
            click.echo(str(change))
    else:
        show([change.row() for change in changes], (), output)
    return CHANGES if detailed_exitcode and has_changes(changes) else 0


@click.command()
@template_options
@url_option
@output_option
@click.option("--dry-run", is_flag=True, help="Show the plan and stop: the same as the command plan.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long every task may take to run.",
)
@click.option(
    "--settle",
    type=SECONDS,
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="How long a task must stay RUNNING.",
)
@click.pass_context
def deploy(
    ctx: click.Context,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    url: str | None,
    output: str,
    dry_run: bool,
    timeout: float,
    settle: float,
) -> int:
    """Create or update what differs, and wait until every task runs. What does not differ is not written.

    Ends with 0 if every connector runs, 3 if policy refuses one, 4 if waiting took too long, 5 if some run and some do
    not, 1 otherwise. Connectors that no template names are left alone.

    \b
    Examples:
      streamguard connectors deploy
      streamguard connectors deploy transactions-mongodb-sink users-mongodb-sink --set mongodb_tasks=4
      streamguard connectors deploy --values cloud --dry-run
    """
    from streamguard.connect.apply import deploy as make_so
    from streamguard.connect.apply import raise_for

    if dry_run:
        chosen = {"names": names, "pipeline": pipeline, "values": values, "overrides": overrides}
        return int(ctx.invoke(plan, **chosen, url=url, output=output, detailed_exitcode=False) or 0)
    app: App = ctx.obj
    rendered = rendered_by(app, names, pipeline, values, overrides)
    client = client_of(app, url)
    results = make_so(client, rendered, topics=topics_of(app), timeout=timeout, settle=settle, report=_tell)
    show([result.row() for result in results], RESULT_COLUMNS[:-1], output)
    raise_for(results)
    return 0


def _tell(progress: Progress) -> None:
    """The plan, then a line a step; why something failed is said once, at the end."""
    if progress.step == "planned":
        click.echo(progress.text, err=True)
        return
    said = {"checked": "valid", "written": progress.text, "running": f"runs: {progress.text}", "failed": "failed"}
    click.echo(f"  {progress.name}: {said[progress.step]}", err=True)
