"""What a cluster has and knows: its plugins, their keys, its loggers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import client_of, url_option
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App

LEVELS = click.Choice(("OFF", "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"), case_sensitive=False)


@click.group(invoke_without_command=True)
@click.pass_context
def plugins(ctx: click.Context) -> None:
    """List the plugins that the worker has, and what they take.

    \b
    Examples:
      streamguard connectors plugins list --all
      streamguard connectors plugins describe MongoSinkConnector
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, url=None, context=None, every=False, output="table")


@plugins.command("list")
@click.option("--all", "every", is_flag=True, help="Transformations, predicates and converters too.")
@url_option
@output_option
@click.pass_obj
def list_(app: App, url: str | None, every: bool, output: str) -> None:
    """List the plugins: connectors, or all of them.

    \b
    Examples:
      streamguard connectors plugins list
      streamguard connectors plugins list --all -o json
    """
    found = client_of(app, url).plugins(connectors_only=not every)
    rows = [{"class": plugin.class_name, "type": plugin.type, "version": plugin.version} for plugin in found]
    show(rows, ("class", "type", "version"), output)


@plugins.command()
@click.argument("class_name", metavar="CLASS", shell_complete=completion.plugins)
@click.option("--version", metavar="VERSION", help="Of several that the worker has (since 4.1).")
@click.option("--importance", type=click.Choice(("high", "medium", "low")), help="Keys of this importance and above.")
@url_option
@output_option
@click.pass_obj
def describe(
    app: App, *, class_name: str, version: str | None, importance: str | None, url: str | None, output: str
) -> None:
    """Show the keys that a plugin takes. CLASS is its full name or the last part of it.

    \b
    Examples:
      streamguard connectors plugins describe IcebergSinkConnector --importance medium
      streamguard connectors plugins describe 'HoistField$Key' -o yaml
    """
    from streamguard.connect.lint.explain import definition_row, find_plugin

    client = client_of(app, url)
    plugin = find_plugin(client.plugins(connectors_only=False), class_name)
    order = ("HIGH", "MEDIUM", "LOW")
    wanted = order[: order.index(importance.upper()) + 1] if importance else order
    rows = [
        definition_row(definition)
        for definition in client.plugin_config(plugin.class_name, version)
        if definition.importance in wanted or not definition.importance
    ]
    show(rows, ("key", "type", "default", "importance", "documentation"), output)


@click.command()
@click.argument("key", shell_complete=completion.keys)
@click.option("--class", "class_name", metavar="CLASS", shell_complete=completion.plugins, help="Of this plugin only.")
@url_option
@output_option
@click.pass_obj
def explain(app: App, *, key: str, class_name: str | None, url: str | None, output: str) -> None:
    """Say what a key of a config is for, in the words of the worker's plugins.

    Without a worker, in those of the common plugins whose keys streamguard knows itself.

    \b
    Examples:
      streamguard connectors explain iceberg.control.commit.interval-ms
      streamguard connectors explain transforms.id.field
      streamguard connectors explain errors.tolerance --class MongoSinkConnector
    """
    from streamguard.connect.lint.explain import explain as look_up
    from streamguard.connect.lint.explain import explain_offline
    from streamguard.errors import ConnectUnavailable

    try:
        found = look_up(client_of(app, url), key, class_name)
    except ConnectUnavailable:
        click.echo("no worker answers: this is what plugins say that streamguard knows itself", err=True)
        found = explain_offline(key, class_name)
    if output != "table":
        show([explanation.row() for explanation in found], (), output)
        return
    for number, explanation in enumerate(found):
        if number:
            click.echo()
        _print_explanation(explanation.row())


@click.group()
def loggers() -> None:
    """Show and change what a worker logs.

    \b
    Examples:
      streamguard connectors loggers get
      streamguard connectors loggers set org.apache.iceberg.connect DEBUG --for 10m
    """


@loggers.command()
@click.argument("name", required=False, shell_complete=completion.loggers)
@click.option("--all", "every", is_flag=True, help="Also those that log like what is above them.")
@url_option
@output_option
@click.pass_obj
def get(app: App, name: str | None, every: bool, url: str | None, output: str) -> None:
    """Show the loggers that have a level of their own; NAME: that one, and all below it.

    \b
    Examples:
      streamguard connectors loggers get
      streamguard connectors loggers get org.apache.kafka.connect.runtime -o json
    """
    from streamguard.connect.rest.loggers import level_of, notable

    client = client_of(app, url)
    listed = client.loggers()
    rows: list[dict[str, Any]] = [
        {"name": logger.name, "level": logger.level, "modified": logger.modified}
        for logger in (listed if every or name else notable(listed))
        if name is None or logger.name == name or logger.name.startswith(f"{name}.")
    ]
    if name is not None and not any(row["name"] == name for row in rows):
        rows.insert(0, {"name": name, "level": level_of(client, name), "modified": None})
    show(rows, ("name", "level"), output)


@loggers.command("set")
@click.argument("name", shell_complete=completion.loggers)
@click.argument("level", type=LEVELS)
@click.option("--for", "duration", metavar="TIME", help="Set it back after so long, as in 30s or 10m; also on Ctrl-C.")
@click.option("--scope", type=click.Choice(("worker", "cluster")), default="cluster", show_default=True)
@url_option
@click.pass_obj
def set_(app: App, *, name: str, level: str, duration: str | None, scope: Any, url: str | None) -> None:
    """Change the level of a logger and of those below it.

    With --for the command stays until the time is over, and then sets the level back that the worker had before.

    \b
    Examples:
      streamguard connectors loggers set com.mongodb.kafka DEBUG --for 10m
      streamguard connectors loggers set org.apache.kafka.connect.runtime.WorkerSinkTask INFO --scope worker
    """
    from streamguard.connect.rest.loggers import leaks, parse_duration, set_for

    seconds = parse_duration(duration) if duration else None
    client = client_of(app, url)
    if leaks(name, level):
        click.echo(f"at {level} a worker may write resolved secrets of connectors into its log", err=True)
    if seconds is None:
        client.set_logger(name, level, scope)
        click.echo(f"{name}: {level.upper()}", err=True)
        return
    stop = _stop_by_signals()
    click.echo(f"{name}: {level.upper()} for {duration}, or until Ctrl-C", err=True)
    before, after = set_for(client, name, level, scope, wait=lambda: stop.wait(seconds))
    late = "" if after == before else f", though the worker shows {after} still"
    click.echo(f"{name}: {before} again{late}", err=True)


def _stop_by_signals() -> threading.Event:
    """Set by SIGTERM and Ctrl-C, whenever they come: the level is then set back, and the command ends with 0."""
    import signal

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    return stop


def _print_explanation(row: dict[str, Any]) -> None:
    from streamguard.project import listed

    facts = [row["type"], "required" if row["required"] else f"default {row['default']!r}".replace("None", "none")]
    facts += [f"importance {row['importance'].lower()}"] if row["importance"] else []
    click.echo(f"{click.style(row['key'], bold=True)}: {', '.join(facts)}")
    click.echo(f"  {row['documentation'] or 'no documentation'}")
    names = [name.rpartition(".")[2] for name in row["plugins"]]
    click.echo(f"  {listed(names, 5)}")
