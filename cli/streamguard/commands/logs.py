"""`streamguard logs`: the log of a local server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
@click.argument("server", shell_complete=completion.servers)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many lines.")
@click.pass_obj
def logs(app: App, server: str, follow: bool, lines: int) -> None:
    """Show the end of the log of a local server (`supervisor` has one as well).

    \b
    Examples:
      streamguard logs kafka
      streamguard logs connect -f -n 200
    """
    from streamguard.stack.stack import Stack

    if app.settings.mode == "compose":
        from streamguard.stack import compose

        options = ("--follow",) if follow else ()
        compose.run(app.project, app.settings, ["*"], "logs", "--no-log-prefix", "--tail", str(lines), *options, server)
        return
    stack = Stack(app.settings, app.project)
    coming = stack.follow(server) if follow else ()
    found = stack.tail(server, lines)
    if not found and lines:
        click.echo(f"The log of {server} is empty: it has not run here yet (streamguard status)", err=True)
    _print(found)
    for line in coming:
        _print([line])


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        click.echo(line)
