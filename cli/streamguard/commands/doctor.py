"""`streamguard doctor`: what a pipeline needs of this machine and of the servers, and whether it is there."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import values_option
from streamguard.commands.output import output_option, show
from streamguard.commands.progress import show_parts
from streamguard.commands.rights import principal_options, rendered_for, rights_given

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.doctor.examination import Patient
    from streamguard.rights.derive import Engine
    from streamguard.rights.model import Right

COLUMNS = ("state", "what", "found", "next")


@click.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@values_option
@click.option(
    "--as",
    "name",
    default="deployer",
    show_default=True,
    metavar="NAME",
    help="Compare what Kafka lets us do with the rights of this one of `streamguard rights`.",
)
@principal_options
@output_option
@click.pass_obj
def doctor(app: App, /, *, pipeline: str, values: str, name: str, output: str, **given: Any) -> int:
    """Check what PIPELINE needs, and say what to do about what is not as it should be. Changes nothing.

    Everywhere: slips in the names of settings, and files with passwords. In mode local: Python, Java, jars, memory,
    disk, ports and the servers that run. Elsewhere, and of servers that run: whether Kafka answers, the topics, what it
    lets us do and what it grants others (if we may list that), the Connect worker with its plugins and what it
    resolves, the ksql server and its guarantee, and where the sinks write. Everything is asked at once, and nothing is
    waited for longer than 15 seconds.

    A row is ok, warn (it works), fail (it does not, or not as promised) or unknown (nobody can tell from here). The
    exit code is 1 if something fails.

    \b
    Examples:
      streamguard doctor
      STREAMGUARD_MODE=external streamguard doctor bank --values cloud
      STREAMGUARD_KAFKA_PROPERTIES=ingestor.properties streamguard doctor --as ingestor
      streamguard doctor -o json | jq '.[] | select(.state == "fail")'
    """
    from streamguard.doctor.checks import examine, failed
    from streamguard.doctor.examination import jobs_of

    patient = _patient(app, pipeline, values, name, **given)
    with show_parts("checking") as told:
        checks = examine(jobs_of(patient), told)
    show([check.document() for check in checks], COLUMNS, output)
    counts = {state: sum(check.state == state for check in checks) for state in ("fail", "warn", "unknown")}
    words = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    click.echo(f"{pipeline}, mode {app.settings.mode}: {words or 'all as it should be'}", err=True)
    return 1 if failed(checks) else 0


def _patient(app: App, name: str, values: str, whose: str, **given: Any) -> Patient:
    from streamguard.commands.connectors.options import client_of
    from streamguard.commands.ksql.options import client_of as ksql_client_of
    from streamguard.doctor.examination import Patient
    from streamguard.rights.derive import chosen

    pipeline, connectors = rendered_for(app, name, values)

    def rights(engine: Engine) -> list[Right]:
        return rights_given(app, pipeline, connectors, **{**given, "engine": given["engine"] or engine})

    [one, *_] = chosen(rights("streamguard"), [whose], given["prefix"])
    return Patient(
        app.project,
        app.settings,
        pipeline,
        connectors,
        rights,
        one.principal,
        partial(client_of, app, None, deadline=5.0),
        partial(ksql_client_of, app, None),
    )
