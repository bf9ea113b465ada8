"""`streamguard connectors …`: render, check, deploy and watch what `connectors/` holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.connector_options import (
    client_of,
    names_argument,
    refuse_secrets,
    rendered_by,
    required_names,
    template_options,
    topics_of,
    url_option,
    yes_option,
)
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.apply import Progress
    from streamguard.connect.client import ConnectClient

STATUS_COLUMNS = ("name", "type", "state", "tasks", "worker", "cause")
RESULT_COLUMNS = ("name", "action", "state", "tasks", "error")
CHANGES = 2
LONGEST = 86_400.0
SECONDS = click.FloatRange(0, LONGEST)


@click.group()
def connectors() -> None:
    """Render, deploy and watch connectors.

    A connector is a Jinja template connectors/PIPELINE/NAME.json.j2 with values from connectors/values/. NAMES choose
    some of them; without names a command means all.

    \b
    Examples:
      streamguard connectors plan                           what deploy would change
      streamguard connectors deploy                         change it, and wait until every task runs
      streamguard connectors deploy users-s3-sink --set iceberg_commit_interval_ms=60000
      streamguard connectors status -o json
    """


@connectors.command("list")
@url_option
@output_option
@click.pass_obj
def list_(app: App, url: str | None, output: str) -> None:
    """List the connectors on the worker, with state and tasks.

    \b
    Examples:
      streamguard connectors list
      streamguard connectors list -o ndjson | jq -r .name
    """
    show(_status_rows(client_of(app, url), ()), ("name", "type", "state", "tasks"), output)


@connectors.command()
@url_option
@output_option
@click.pass_obj
def plugins(app: App, url: str | None, output: str) -> None:
    """List the plugins that the worker has.

    \b
    Examples:
      streamguard connectors plugins
    """
    rows = [{"class": p.class_name, "type": p.type, "version": p.version} for p in client_of(app, url).plugins()]
    show(rows, ("class", "type", "version"), output)


@connectors.command()
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


@connectors.command()
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


@connectors.command()
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


@connectors.command()
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


@connectors.command()
@names_argument
@url_option
@output_option
@click.pass_obj
def status(app: App, names: tuple[str, ...], url: str | None, output: str) -> None:
    """Show connectors and tasks, and why one FAILED.

    \b
    Examples:
      streamguard connectors status
      streamguard connectors status users-s3-sink -o yaml
    """
    show(_status_rows(client_of(app, url), names), STATUS_COLUMNS, output)


@connectors.command()
@required_names
@click.option("--only-failed", is_flag=True, help="Only what is FAILED.")
@url_option
@click.pass_obj
def restart(app: App, names: tuple[str, ...], only_failed: bool, url: str | None) -> None:
    """Restart connectors with their tasks.

    \b
    Examples:
      streamguard connectors restart users-s3-sink
      streamguard connectors restart users-s3-sink transactions-s3-sink --only-failed
    """
    client = client_of(app, url)
    for name in names:
        parts = client.restart(name, only_failed=only_failed).parts
        click.echo(f"{name}: {'restarting ' + ', '.join(parts) if parts else 'nothing to restart'}", err=True)


@connectors.command()
@required_names
@url_option
@click.pass_obj
def pause(app: App, names: tuple[str, ...], url: str | None) -> None:
    """Pause connectors: their tasks stay and read nothing.

    \b
    Examples:
      streamguard connectors pause users-s3-sink
    """
    client = client_of(app, url)
    for name in names:
        client.pause(name)
        click.echo(f"{name}: pausing", err=True)


@connectors.command()
@required_names
@url_option
@click.pass_obj
def resume(app: App, names: tuple[str, ...], url: str | None) -> None:
    """Resume connectors that were paused.

    \b
    Examples:
      streamguard connectors resume users-s3-sink
    """
    client = client_of(app, url)
    for name in names:
        client.resume(name)
        click.echo(f"{name}: resuming", err=True)


@connectors.command()
@required_names
@url_option
@yes_option
@click.pass_obj
def delete(app: App, names: tuple[str, ...], url: str | None, yes: bool) -> None:
    """Delete connectors. Their consumer groups stay: made again, they go on where they were.

    \b
    Examples:
      streamguard connectors delete users-s3-sink
      streamguard connectors delete users-s3-sink users-mongodb-sink --yes
    """
    client = client_of(app, url)
    if not yes:
        click.confirm(f"Delete {', '.join(names)} at {client.shown_url}?", abort=True, err=True)
    for name in names:
        client.delete(name)
        click.echo(f"{name}: deleted", err=True)


@connectors.command()
@names_argument
@url_option
@click.option(
    "--interval",
    type=click.FloatRange(0.1, LONGEST),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.pass_obj
def heal(app: App, names: tuple[str, ...], url: str | None, interval: float) -> None:
    """Restart FAILED connectors and tasks, until SIGTERM or Ctrl-C.

    Pauses between restarts grow from 5 seconds to 5 minutes. A task that failed because a server was away is restarted
    for ever; one that fails three times with the same trace for another reason is left alone and told of.

    \b
    Examples:
      streamguard connectors heal
      streamguard connectors heal users-s3-sink --interval 10
    """
    import logging
    import signal
    import threading

    from streamguard.connect import heal as healing
    from streamguard.kafka import logs

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    logs.configure(app.settings, verbose=app.verbose)
    log = logging.getLogger("streamguard.connect.heal")
    client = client_of(app, url)
    log.info("watching", extra={"url": client.shown_url})
    healing.heal(
        client,
        stop,
        tell=lambda event, facts: log.info(event, extra=dict(facts)),
        names=names or None,
        interval=interval,
    )


def _status_rows(client: ConnectClient, names: Sequence[str]) -> list[dict[str, Any]]:
    from streamguard.connect.report import status_rows

    return status_rows(client.connectors(), names, client.shown_url)


def _tell(progress: Progress) -> None:
    """The plan, then a line a step; why something failed is said once, at the end."""
    if progress.step == "planned":
        click.echo(progress.text, err=True)
        return
    said = {"checked": "valid", "written": progress.text, "running": f"runs: {progress.text}", "failed": "failed"}
    click.echo(f"  {progress.name}: {said[progress.step]}", err=True)
