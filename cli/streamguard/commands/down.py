"""`streamguard down`: stop the local servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
@click.option("--wipe", is_flag=True, help="Also remove their data, logs and credentials; asks first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def down(app: App, wipe: bool, yes: bool) -> None:
    """Stop the local servers; data stays, unless --wipe.

    \b
    Examples:
      streamguard down
      streamguard down --wipe --yes
    """
    from streamguard.commands.progress import show_programs
    from streamguard.stack.stack import Stack

    stack = Stack(app.settings, app.project)
    if wipe and not yes:
        click.confirm(f"Remove everything in {app.settings.data_dir}?", abort=True, err=True)
    with show_programs() as on_progress:
        ran = stack.stop(on_progress)
    click.echo("All local servers are stopped." if ran else "No local server was running.", err=True)
    if wipe:
        stack.wipe()
        click.echo(f"The data in {app.settings.data_dir} is removed.", err=True)
