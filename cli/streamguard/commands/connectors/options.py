"""Options that the commands of `streamguard connectors` share, and what is made from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import completion

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.client import ConnectClient
    from streamguard.connect.render import Connector

F = TypeVar("F", bound=Callable[..., Any])

url_option = click.option(
    "--url", metavar="URL", help="Kafka Connect.  [default: the setting connect_url, the local one]"
)
yes_option = click.option("-y", "--yes", is_flag=True, help="Do not ask.")
names_argument = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=completion.connectors)
required_names = click.argument(
    "names", nargs=-1, required=True, metavar="NAME...", shell_complete=completion.connectors
)


def template_options(function: F) -> F:
    """What chooses templates and their values: NAMES, --pipeline, --values, --set."""
    options = (
        names_argument,
        click.option("-p", "--pipeline", metavar="NAME", help="The pipeline.  [default: every one that has templates]"),
        click.option(
            "--values",
            default="local",
            show_default=True,
            metavar="NAME|FILE",
            help="connectors/values/NAME.yml, or a file.",
        ),
        click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A value, over those of the file."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def client_of(app: App, url: str | None) -> ConnectClient:
    """The client of the worker at `url`, or of the settings."""
    from streamguard.connect.client import ConnectClient

    return ConnectClient(url or app.settings.connect_url)


def topics_of(app: App) -> dict[str, int]:
    """The topics that exist, with their partitions."""
    from streamguard.kafka.cluster import Cluster

    return Cluster(app.settings).partitions()


def rendered_by(
    app: App, names: Sequence[str], pipeline: str | None, values: str, overrides: Sequence[str]
) -> list[Connector]:
    """The connectors that templates and values give, those of `names` only."""
    from streamguard.connect.choose import choose, render_pipelines

    pipelines = [app.pipeline(pipeline)] if pipeline else None
    return choose(render_pipelines(app.project, app.settings, pipelines, values, overrides), names)


def refuse_secrets(rendered: Sequence[Connector]) -> None:
    """`Refused` if a config holds a secret."""
    from streamguard.connect import check

    for connector in rendered:
        check.refuse_secrets(connector)
