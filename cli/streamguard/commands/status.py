"""`streamguard status`: the local servers, or in mode external those that are yours."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

import click

from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.settings import Settings
    from streamguard.stack.stack import Stack

COLUMNS = ("name", "state", "pid", "url", "uptime", "restarts")
SECONDS_BETWEEN = 1.0
_FORMATS = {"table": (), "json": ("--format", "json"), "ndjson": ("--format", "json"), "yaml": ("--format", "json")}
"""How docker compose says it; JSON is YAML too."""


@click.command()
@click.option("-w", "--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@output_option
@click.pass_obj
def status(app: App, watch: bool, output: str) -> None:
    """Show the local servers: what each says itself when it is asked now.

    A server is starting until it was ready for the first time, at most 30 seconds. A detail says what one that is not
    ready lacks, or which connectors do not run. The exit code is 0 whether servers run or not. The other formats name
    the log files too. In mode compose it is docker compose that says it, in a form of its own. In mode external it is
    whether your Kafka, Kafka Connect and ksql server answer, and let you in; `streamguard doctor` looks closer.

    \b
    Examples:
      streamguard status
      streamguard status --watch
      streamguard status --output json
    """
    from streamguard.stack.stack import Stack

    if app.settings.mode == "compose":
        from streamguard.stack import compose

        compose.run(app.project, app.settings, ["*"], "ps", "--all", *_FORMATS[output])
        return
    look = (
        _external(app.settings, output)
        if app.settings.mode == "external"
        else _local(Stack(app.settings, app.project), output)
    )
    if watch:
        _watch(look)
    look(clear=False)


class Look(Protocol):
    """Shows what there is now; `clear`: on an empty terminal."""

    def __call__(self, *, clear: bool) -> None: ...


def _watch(look: Look) -> None:
    import time

    while True:
        look(clear=sys.stdout.isatty())
        sys.stdout.flush()
        time.sleep(SECONDS_BETWEEN)


def _external(settings: Settings, output: str) -> Look:
    from streamguard import external

    def look(*, clear: bool) -> None:
        rows = [server.document() for server in external.status(settings)]
        if clear:
            click.clear()
        show(rows, ("name", "state", "url", "detail"), output)

    return look


def _local(stack: Stack, output: str) -> Look:
    from streamguard import pipeline

    def look(*, clear: bool) -> None:
        rows = [row.document() for row in pipeline.status(stack)]
        columns = (*COLUMNS, "detail") if any(row["detail"] for row in rows) else COLUMNS
        if output == "table":
            for row in rows:
                row["uptime"] = _duration(row["uptime"])
        if clear:
            click.clear()
        show(rows, columns, output)

    return look


def _duration(seconds: int | None) -> str | None:
    """As in 1 d 2 h, 3 min 4 s or 5 s: the two largest units."""
    if seconds is None:
        return None
    units = (("d", seconds // 86400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60))
    shown = [f"{count} {unit}" for unit, count in units if count]
    return " ".join(shown[:2]) or "0 s"
