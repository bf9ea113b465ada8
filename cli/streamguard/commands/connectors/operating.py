"""What runs on a cluster, looked at: list, status, watch, wait."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import click

from streamguard.commands.connectors.asking import LONGEST, SECONDS, connectors, patterns_argument
from streamguard.commands.connectors.options import client_of, require_kafka, unfit_kafka, url_option
from streamguard.commands.output import FORMATS, output_option, show

if TYPE_CHECKING:
    from rich.table import Table

    from streamguard.commands import App
    from streamguard.connect.operating.watch import Row, Watcher
    from streamguard.connect.rest.client import ConnectClient

STATUS_COLUMNS = ("name", "type", "state", "tasks", "worker", "cause")
FEW_TASKS = 3
GAP = 2
LEAST_NAME = 12
LEAST_CAUSE = 10
COLOURS = {"RUNNING": "green", "FAILED": "bold red", "UNASSIGNED": "yellow", "PAUSED": "yellow", "STOPPED": "yellow"}


@click.command("list")
@patterns_argument
@url_option
@output_option
@click.pass_obj
def list_(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """List the connectors of the cluster, with state and tasks.

    \b
    Examples:
      streamguard connectors list
      streamguard connectors list 'users-*'
      streamguard connectors list -o ndjson | jq -r .name
    """
    _show_statuses(client_of(app, url), patterns, ("name", "type", "state", "tasks"), output)


@click.command()
@patterns_argument
@url_option
@output_option
@click.pass_obj
def status(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """Show connectors and tasks, and why one FAILED.

    \b
    Examples:
      streamguard connectors status
      streamguard connectors status '*-s3-sink'
      streamguard connectors status users-s3-sink -o yaml
    """
    _show_statuses(client_of(app, url), patterns, STATUS_COLUMNS, output)


@click.command()
@patterns_argument
@url_option
@click.option(
    "-i",
    "--interval",
    type=click.FloatRange(0.2, LONGEST),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option("-n", "--count", type=click.IntRange(1), metavar="N", help="Look so many times.  [default: until Ctrl-C]")
@click.option("-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print.")
@click.pass_obj
def watch(
    app: App, *, patterns: tuple[str, ...], url: str | None, interval: float, count: int | None, output: str
) -> None:
    """Watch connectors: state, tasks that run, lag, records a second over the last minute, errors.

    The lag is in committed records that the sink has yet to read; errors are the records in its dead-letter topic, and
    how many of them are new. What needs somebody stands first. A look is one request to Connect; Kafka is asked for
    the offsets. Piped, there is a line a connector and look; json and yaml give a document a look.

    \b
    Examples:
      streamguard connectors watch
      streamguard connectors watch 'users-*' --interval 5
      streamguard connectors watch -n 1 -o ndjson | jq -r 'select(.lag > 10000) | .name'
    """
    from streamguard.connect.operating.watch import DEADLINE, Watcher

    client = client_of(app, url, deadline=DEADLINE)
    watcher = Watcher(client, app.settings, patterns, unfit=unfit_kafka(app, client))
    try:
        if output == "table" and sys.stdout.isatty():
            _watch_live(watcher, interval, count)
        else:
            _watch_lines(watcher, interval, count, output)
    finally:
        watcher.close()


@click.command()
@patterns_argument
@click.option(
    "--for",
    "wanted",
    type=click.Choice(("running", "progress", "paused", "stopped")),
    default="running",
    show_default=True,
    help="Every task runs; it also commits what it had not read; it is paused; it is stopped.",
)
@click.option("--timeout", type=SECONDS, default=60.0, show_default=True, metavar="SECONDS", help="How long to wait.")
@click.option(
    "--settle",
    type=SECONDS,
    default=1.5,
    show_default=True,
    metavar="SECONDS",
    help="How long it must stay so: a worker says RUNNING of a task that is about to fail.",
)
@url_option
@output_option
@click.pass_obj
def wait(
    app: App, *, patterns: tuple[str, ...], wanted: Any, timeout: float, settle: float, url: str | None, output: str
) -> None:
    """Wait until connectors are what they should be. Those that are stopped are not waited for to run, unless named.

    Ends with 0 once all are, 4 if that took too long, 5 if some are and some are not, 1 if all have failed.

    \b
    Examples:
      streamguard connectors wait
      streamguard connectors wait 'users-*' --for progress --timeout 300
      streamguard connectors wait users-s3-sink --for stopped
    """
    from streamguard.connect.offsets.progress import Offsets
    from streamguard.connect.operating import operate
    from streamguard.connect.rest.globs import select

    client = client_of(app, url)
    if wanted == "progress":
        require_kafka(app, client)
    known = client.connectors_for(patterns)
    chosen = select(patterns, known, client.shown_url)
    if not patterns and wanted in ("running", "progress"):
        chosen = [name for name in chosen if not operate.rests(known[name].status)]
    click.echo(f"waiting for {connectors(len(chosen))}", err=True)
    outcomes = operate.settle(
        client,
        [operate.Outcome(name, "wait") for name in chosen],
        known,
        "running" if wanted == "progress" else wanted,
        timeout=timeout,
        seconds=settle,
        reading=Offsets(client, app.settings) if wanted == "progress" else None,
    )
    show(
        [{"name": one.name, "state": one.state, "error": one.row()["error"]} for one in outcomes],
        ("name", "state"),
        output,
    )
    operate.raise_for(outcomes)


def _watch_lines(watcher: Watcher, interval: float, count: int | None, output: str) -> None:
    from datetime import UTC, datetime

    for rows, trouble in watcher.looks(interval, count):
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        if trouble:
            click.echo(trouble, err=True)
        if output == "table":
            for row in rows:
                click.echo(f"{at} {row}")
        else:
            show([{"at": at, **row.document()} for row in rows], (), output)
        sys.stdout.flush()


def _watch_live(watcher: Watcher, interval: float, count: int | None) -> None:
    from rich.console import Console
    from rich.live import Live

    from streamguard.connect.operating.watch import Row

    console, shown = Console(), list[Row]()
    with Live(console=console, auto_refresh=False) as live:
        for rows, trouble in watcher.looks(interval, count):
            shown = rows if rows or not trouble else shown  # those of before, while Connect is away
            live.update(_table(shown, trouble, console.width, console.height), refresh=True)


def _table(rows: Sequence[Row], trouble: str, width: int, height: int) -> Table:
    """As many rows as the terminal has lines, a line each; the rest is counted, and is what needs nobody."""
    from rich.table import Table
    from rich.text import Text

    headings = ("NAME", "STATE", "TASKS", "LAG", "RATE/S", "ERRORS")
    room = max(3, height - 4)
    cells = [_cells(row) for row in rows[:room]]
    names, *used = (max(len(line[i]) for line in (headings, *cells)) + GAP for i in range(len(headings)))
    cause = LEAST_CAUSE if any(row.cause for row in rows[:room]) else 0
    names = max(LEAST_NAME, min(names, width - sum(used) - cause))  # numbers are whole, or they say something else
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    table.add_column("NAME", no_wrap=True, overflow="ellipsis", width=names - GAP)
    for heading, least in zip(headings[1:], used, strict=True):
        justify: Literal["left", "right"] = "left" if heading == "STATE" else "right"
        table.add_column(heading, justify=justify, no_wrap=True, min_width=least - GAP)
    room_for_cause = width - names - sum(used)
    if room_for_cause >= len("CAUSE"):
        table.add_column("CAUSE", no_wrap=True, overflow="ellipsis", max_width=room_for_cause)
    for row, line in zip(rows, cells, strict=False):
        styles = ("", COLOURS.get(row.state, ""), "", "", "", "bold red" if row.new_errors else "")
        shown = [Text(text, style=style) for text, style in zip(line, styles, strict=True)]
        table.add_row(*shown, *([Text(row.cause or "")] if room_for_cause >= len("CAUSE") else []))
    if len(rows) > room:
        table.add_row(Text(f"… and {len(rows) - room} more"))
    if trouble:
        table.caption = Text(trouble, style="bold red")
    return table


def _cells(row: Row) -> tuple[str, ...]:
    errors = _number(row.errors) + (f" (+{row.new_errors:,})" if row.new_errors else "")
    return row.name, row.state, f"{row.running}/{row.tasks}", _number(row.lag), _number(row.rate), errors


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"


def _show_statuses(client: ConnectClient, patterns: Sequence[str], columns: Sequence[str], output: str) -> None:
    from streamguard.connect.deploying.report import status_row
    from streamguard.connect.rest.globs import select

    listed = client.connectors_for(patterns)
    rows = [status_row(listed[name]) for name in select(patterns, listed, client.shown_url)]
    if output == "table":
        rows = [{**row, "tasks": _tasks(row["tasks"])} for row in rows]
    show(rows, columns, output)


def _tasks(states: Sequence[str]) -> str:
    """One by one, or counted if they are many, those that need somebody first."""
    if len(states) <= FEW_TASKS:
        return ", ".join(states)
    order = sorted(set(states), key=lambda state: (state == "RUNNING", state))
    return ", ".join(f"{states.count(state)} {state}" for state in order)
