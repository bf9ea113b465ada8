"""What runs on a cluster: list, status, pause, resume, restart, delete, heal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.connectors.options import client_of, names_argument, required_names, url_option, yes_option
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.client import ConnectClient

STATUS_COLUMNS = ("name", "type", "state", "tasks", "worker", "cause")
LONGEST = 86_400.0


@click.command("list")
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


@click.command()
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


@click.command()
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


@click.command()
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


@click.command()
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


@click.command()
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


@click.command()
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
