"""`streamguard lake`: the tables that the sinks to S3 write to, where no `up` makes them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import values_option
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App


@click.group()
def lake() -> None:
    """Make the tables in S3's catalog: those of the Iceberg sink, or those of Athena over files.

    \b
    Examples:
      streamguard lake apply --values cloud
    """


@lake.command("apply")
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@values_option
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A value, over those of the file.")
@output_option
@click.pass_obj
def apply(app: App, *, pipeline: str, values: str, overrides: tuple[str, ...], output: str) -> None:
    """Make the tables that the sinks of PIPELINE write to S3, and in AWS the views that its queries read.

    Before the sinks are deployed; `up` does it by itself for the servers that it starts. With the values cloud the
    Iceberg tables are made in AWS Glue, and with s3_flavour=confluent Athena makes tables over the files. An Iceberg
    table that is there gets columns that it lacks, and nothing else is changed. Doing it again changes nothing.

    \b
    Examples:
      streamguard lake apply --values cloud
      streamguard lake apply bank --values cloud --set s3_flavour=confluent -o json
    """
    from streamguard.lake import apply as make

    chosen = app.pipeline(pipeline)
    made = make(app.project, app.settings, chosen, values, overrides, tell=partial(click.echo, err=True))
    show([one.row() for one in made], ("kind", "name", "result"), output)
