"""What a cluster has and knows: its plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands.connectors.options import client_of, url_option
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
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
