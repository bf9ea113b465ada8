"""`streamguard down`: stop the local servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
@click.option("--mode", type=click.Choice(["local", "compose"]), help="Where the servers run.  [default: the setting]")
@click.option("--wipe", is_flag=True, help="Also remove their data, logs and credentials; asks first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def down(app: App, mode: str | None, wipe: bool, yes: bool) -> None:
    """Stop the local servers; data stays, unless --wipe.

    \b
    Examples:
      streamguard down
      streamguard down --wipe --yes
      streamguard down --mode compose
    """
    from streamguard.commands.connectors.asking import ask
    from streamguard.commands.progress import show_programs
    from streamguard.stack.stack import Stack

    settings = app.settings_with(mode=mode)
    contained = settings.mode == "compose"
    if wipe:
        doomed = "the volumes of the containers" if contained else f"everything in {settings.data_dir}"
        ask(f"Remove {doomed}?", yes)
    if contained:
        from streamguard.stack import compose

        compose.down(app.project, settings, wipe=wipe)
        return
    stack = Stack(settings, app.project)
    with show_programs() as on_progress:
        ran = stack.stop(on_progress)
    click.echo("All local servers are stopped." if ran else "No local server was running.", err=True)
    if wipe:
        stack.wipe()
        click.echo(f"The data in {settings.data_dir} is removed.", err=True)
