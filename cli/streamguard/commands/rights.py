"""`streamguard rights`: what each service must be allowed in a Kafka with access control."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import values_option
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.templates.render import Connector
    from streamguard.model import Pipeline
    from streamguard.rights.derive import Engine
    from streamguard.rights.model import Right

F = TypeVar("F", bound=Callable[..., Any])

COLUMNS = ("principal", "resource", "name", "pattern", "operations", "why")


def principal_options(function: F) -> F:
    """How principals, the Connect workers' group and their topics are called, and which server runs the statements."""
    options = (
        click.option(
            "--prefix",
            default="streamguard-",
            show_default=True,
            metavar="TEXT",
            help="What begins the names of principals.",
        ),
        click.option(
            "--engine",
            type=click.Choice(("streamguard", "ksqldb")),
            help="Which server runs the statements.  [default: streamguard, in containers ksqldb; doctor asks it]",
        ),
        click.option(
            "--connect-group", metavar="GROUP", help="The group.id of the Connect workers.  [default: as in local]"
        ),
        click.option(
            "--connect-topics",
            metavar="A,B,C",
            help="Their topics of configs, offsets and states.  [default: as in local]",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@values_option
@principal_options
@click.option("--only", metavar="NAME", multiple=True, help="Only this principal, with or without the prefix.")
@click.option(
    "--format",
    "form",
    type=click.Choice(("kafka-acls", "strimzi", "confluent")),
    help="As other tools take them: kafka-acls.sh, KafkaUser resources, Confluent's command line.",
)
@click.option(
    "--cluster", metavar="NAME", default="my-cluster", show_default=True, help="With --format strimzi: the Kafka."
)
@output_option
@click.pass_context
def rights(
    ctx: click.Context,
    /,
    *,
    pipeline: str,
    values: str,
    only: tuple[str, ...],
    form: str | None,
    cluster: str,
    output: str,
    **given: Any,
) -> None:
    """Print what each service of PIPELINE must be allowed in Kafka, and why. Asks no server.

    One principal for each service, and for those who work with the pipeline from outside: generator (`produce`), watch
    (`connectors heal`), deployer (`topics apply`, `connectors deploy`, `doctor`), verifier (`verify`), operator
    (`dead-letters replay`, `connectors offsets`). The rights follow from topics, services, statements and connectors
    alone; nothing else is needed, and nothing of it can be left out. Who may write or read something may describe it:
    that is not listed.

    \b
    Examples:
      streamguard rights
      streamguard rights bank --only ingestor
      streamguard rights bank --format kafka-acls > grant.sh
      streamguard rights card --engine ksqldb --format strimzi --cluster my-cluster | kubectl apply -f -
    """
    from streamguard.rights.derive import chosen
    from streamguard.rights.formats import formatted

    if form is not None and ctx.get_parameter_source("output") is not click.core.ParameterSource.DEFAULT:
        raise click.UsageError("--format and --output exclude each other")
    app: App = ctx.obj
    given["engine"] = given["engine"] or ("ksqldb" if app.settings.mode == "compose" else "streamguard")
    found = chosen(rights_given(app, *rendered_for(app, pipeline, values), **given), only, given["prefix"])
    if form is not None:
        click.echo(formatted(found, form, cluster=cluster), nl=False)
        return
    show([right.document() for right in found], COLUMNS, output)


def rendered_for(app: App, name: str, values: str) -> tuple[Pipeline, list[Connector]]:
    """A pipeline and its connectors."""
    from streamguard.commands.ksql.options import load_functions
    from streamguard.connect.templates.choose import render_pipeline

    load_functions(app)
    pipeline = app.pipeline(name)
    return pipeline, render_pipeline(app.project, app.settings, pipeline, values)


def rights_given(
    app: App,
    pipeline: Pipeline,
    connectors: Sequence[Connector],
    *,
    prefix: str,
    engine: Engine,
    connect_group: str | None,
    connect_topics: str | None,
) -> list[Right]:
    """The rights with what `principal_options` say."""
    from streamguard.rights.derive import rights_of
    from streamguard.rights.sinks import Worker

    local = Worker.local(app.settings)
    topics = tuple(connect_topics.split(",")) if connect_topics else local.topics
    if len(topics) != len(local.topics):
        raise click.UsageError(f"--connect-topics takes three names, as in {','.join(local.topics)}")
    worker = Worker(connect_group or local.group, topics)
    return rights_of(app.project, app.settings, pipeline, connectors, engine=engine, worker=worker, prefix=prefix)
