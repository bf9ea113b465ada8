"""The embedded server in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands.ksql.options import load_functions

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port of the REST API.  [default: the setting ksql_port]"
)
@click.option("--service-id", help="Servers of one service id share a command log and divide the work.")
@click.pass_obj
def server(app: App, port: int | None, service_id: str | None) -> None:
    """Run the embedded ksql server in the foreground.

    It binds 127.0.0.1, keeps its streams and queries in Kafka, and ends within 5 seconds after SIGTERM.

    \b
    Examples:
      streamguard ksql server
      streamguard ksql server --port 8089 --service-id trial
    """
    from streamguard.engine.server.server import run

    load_functions(app)
    run(app.settings_with(ksql_port=port, ksql_service_id=service_id))
