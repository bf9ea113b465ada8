"""The statements of a pipeline, and a server: what differs, and bringing it in line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import completion
from streamguard.commands.ksql.options import (
    client_of,
    declared_in,
    load_functions,
    pipeline_variables_option,
    refuse_unused,
    relative,
    url_option,
    variables_of,
)
from streamguard.commands.output import output_option, show, show_one

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.engine.client.applying import Planned
    from streamguard.engine.client.http import KsqlClient

F = TypeVar("F", bound=Callable[..., Any])
CHANGES = 2
SHOWN = 5
COLUMNS = ("name", "result", "query", "file")


def plan_options(function: F) -> F:
    """The pipeline, the server, and how far a plan may go."""
    options = (
        click.argument("pipeline", default="bank", shell_complete=completion.pipelines),
        pipeline_variables_option,
        url_option,
        click.option(
            "--recreate",
            is_flag=True,
            help="End and make again what can not be replaced in place, and all that reads it; its state is lost.",
        ),
        click.option(
            "--prune",
            is_flag=True,
            help="Drop what no pipeline of this project declares. Topics stay.",
        ),
        click.option("--detailed-exitcode", is_flag=True, help="End with 2 if there are changes."),
        output_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command()
@plan_options
@click.pass_obj
def plan(app: App, /, *, pipeline: str, output: str, detailed_exitcode: bool, **given: Any) -> int:
    """Show what apply would change on the server, statement by statement. Changes nothing.

    + creates, ~ replaces or makes again, - drops, > runs each time, = stays, ! is refused. Statements are compared by
    what they say, not by their letters. Of one that is created, `streamguard -v` shows all. Ends with 3 if something
    would be refused.

    \b
    Examples:
      streamguard ksql plan bank
      streamguard ksql plan --detailed-exitcode || echo "something differs"
      streamguard ksql plan bank --recreate --prune -o json
    """
    from streamguard.commands.connectors.telling import painted

    _, planned = _planned(app, pipeline, **given)
    if output == "table":
        for change in planned.changes:
            click.echo(painted(change.text(whole=app.verbose)))
    elif output == "ndjson":
        show([change.row() for change in planned.changes], (), output)
    else:
        show_one({"changes": [each.row() for each in planned.changes], "left_alone": planned.left_alone}, output)
    return _ending(planned, detailed_exitcode=detailed_exitcode)


@click.command()
@plan_options
@click.option("--dry-run", is_flag=True, help="Show the plan and stop: the same as the command plan.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before something is dropped.")
@click.pass_obj
def apply(
    app: App, /, *, pipeline: str, output: str, detailed_exitcode: bool, dry_run: bool, yes: bool, **given: Any
) -> int:
    """Bring the server in line with the statements of a pipeline.

    What is missing is created, in the order that the statements need. What changed is replaced in place (CREATE OR
    REPLACE) where ksqlDB allows that; otherwise nothing is done, unless --recreate. Applying twice changes nothing.
    Queries read their topics from the beginning, unless a file SETs otherwise. Ends with 3 if something is refused,
    with 5 if ksqlDB refused a statement after it had carried out others.

    \b
    Examples:
      streamguard ksql apply
      streamguard ksql apply bank --url http://ksqldb.example.com:8088
      streamguard ksql apply bank --recreate --yes
      streamguard ksql apply bank --dry-run --detailed-exitcode
    """
    from streamguard.commands.connectors.asking import ask
    from streamguard.commands.connectors.telling import painted
    from streamguard.engine.client.applying import carry_out
    from streamguard.engine.client.planning import has_changes
    from streamguard.errors import Refused

    if dry_run:
        ctx = click.get_current_context()
        chosen = {"pipeline": pipeline, "output": output, "detailed_exitcode": detailed_exitcode}
        return int(ctx.invoke(plan, **chosen, **given) or 0)
    client, planned = _planned(app, pipeline, **given)
    for change in planned.changes:
        if change.action != "unchanged" or app.verbose:
            click.echo(painted(change.text(whole=app.verbose)), err=True)
    code = _ending(planned, detailed_exitcode=detailed_exitcode)
    refused = sum(bool(each.refusal) for each in planned.changes)
    if refused:
        raise Refused(
            f"nothing was changed on the ksql server: {refused} of {len(planned.changes)} changes are refused"
        )
    ending = [change.name for change in planned.changes if change.destroys]
    if ending:
        ask(f"{', '.join(ending[:SHOWN])}{' …' if len(ending) > SHOWN else ''}: end what runs there?", yes)
    rows = [
        {"file": relative(each.file), "name": each.name, "result": each.outcome, "query": each.query}
        for each in carry_out(client, planned)
    ]
    show(rows, COLUMNS, output)
    return code if has_changes(planned.changes) else 0


def _planned(
    app: App, pipeline: str, *, url: str | None, definitions: tuple[str, ...], recreate: bool, prune: bool
) -> tuple[KsqlClient, Planned]:
    from streamguard.engine.client.applying import plan_files
    from streamguard.engine.client.planning import Wishes

    given = variables_of(definitions)
    variables = {**app.pipeline(pipeline).variables, **given}
    files = app.project.statements(pipeline)
    refuse_unused(files, given)
    if not files:
        click.echo(f"{app.project.ksql / pipeline} holds no *.sql files: nothing to apply", err=True)
    load_functions(app)
    client = client_of(app, url)
    elsewhere = _elsewhere(app, pipeline, given, must=prune)
    return client, plan_files(client, files, variables, Wishes(recreate, prune, elsewhere))


def _elsewhere(app: App, pipeline: str, definitions: Mapping[str, str], *, must: bool) -> list[str]:
    """What the other pipelines of the project declare. With `must` a file of them that can not be read is an error."""
    from streamguard.engine.client.declared import names
    from streamguard.errors import StreamguardError

    others = [name for name in app.project.pipelines() if name != pipeline]
    try:
        return names(declared_in(app, others, definitions))
    except StreamguardError:
        if must:
            raise
        return []


def _ending(planned: Planned, *, detailed_exitcode: bool) -> int:
    """The counts, what is left alone, and the exit code of a plan."""
    from streamguard.engine.client.planning import counts, has_changes
    from streamguard.errors import Refused

    click.echo(f"Plan: {counts(planned.changes)}", err=True)
    if planned.left_alone:
        names = planned.left_alone
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        click.echo(f"Left alone: {shown}, which no file here declares. --prune drops them.", err=True)
    if any(each.refusal for each in planned.changes):
        return Refused.exit_code
    return CHANGES if detailed_exitcode and has_changes(planned.changes) else 0
