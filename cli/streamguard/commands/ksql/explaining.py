"""Plans of statements, made here or by a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.ksql.options import (
    client_of,
    declared_in,
    load_functions,
    pipeline_variables_option,
    relative,
    variables_of,
)

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.engine.analysis.metastore import Metastore
    from streamguard.engine.client.declared import Declared


@click.command()
@click.argument("what", metavar="[PIPELINE|STATEMENT|QUERY_ID]", required=False, shell_complete=completion.pipelines)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Explain every statement of a file.",
)
@click.option(
    "-p",
    "--pipeline",
    shell_complete=completion.pipelines,
    help="The pipeline whose streams and tables exist.  [default: those of all]",
)
@pipeline_variables_option
@click.option("--url", help="Ask this ksql server instead.")
@click.pass_obj
def explain(  # noqa: PLR0917  one parameter an option
    app: App, what: str | None, path: Path | None, pipeline: str | None, definitions: tuple[str, ...], url: str | None
) -> None:
    """Print the plan of statements: sources, formats, filters, windows, state, internal topics. Asks no server.

    A pipeline, a statement, or a file is planned against the statements of the project. With --url a server is asked
    about what runs there: a statement against its streams, or a running query by its id.

    \b
    Examples:
      streamguard ksql explain bank
      streamguard ksql explain "SELECT * FROM fraudulent_transactions WHERE amount > 900 EMIT CHANGES"
      streamguard ksql explain --file ksql/bank/02-result.sql
      streamguard ksql explain CSAS_SENDER_USERS_6 --url http://127.0.0.1:8088
    """
    if (what is None) == (path is None):
        raise click.UsageError("give a pipeline or a statement, or --file, and not both")
    if url is not None:
        if what is None:
            raise click.UsageError("--url explains a statement or a running query, and --file goes without it")
        click.echo(_asked(app, url, what))
        return
    load_functions(app)
    given = variables_of(definitions)
    if path is not None:
        _print_plans(_of_file(app, path, pipeline, given), path)
    elif what in app.project.pipelines():
        _print_plans(declared_in(app, [what], given), None)
    else:
        assert what is not None
        click.echo(_of_statement(app, what, pipeline, given))


def _asked(app: App, url: str, what: str) -> str:
    [entity] = client_of(app, url).ksql(f"EXPLAIN {what.strip().rstrip(';')};")
    description = entity["queryDescription"]
    return str(description.get("executionPlan") or description.get("topology") or "")


def _of_statement(app: App, text: str, pipeline: str | None, definitions: dict[str, str]) -> str:
    from streamguard.engine.client.declared import explained
    from streamguard.engine.language.parse import parse
    from streamguard.errors import UnknownName
    from streamguard.project import did_you_mean

    if len(text.split()) == 1:
        hint = did_you_mean(text, app.project.pipelines())
        raise UnknownName(f"no pipeline {text}{hint}; the plan of a query that runs is its server's to tell: --url")
    metastore = _metastore(app, pipeline, definitions)
    own = app.pipeline(pipeline).variables if pipeline else {}
    variables = {**own, **definitions}
    return "\n\n".join(explained(each, metastore) for each in parse(text, variables, metastore.types))


def _of_file(app: App, path: Path, pipeline: str | None, definitions: dict[str, str]) -> list[Declared]:
    """The statements of the file, behind those that exist before it: of its own pipeline the files before it."""
    from streamguard.engine.client.declared import read_files, types_of
    from streamguard.project import variables_near

    resolved = path.resolve()
    home = resolved.parent
    variables = {**variables_near(path), **definitions}
    if pipeline is None and home.parent == app.project.ksql.resolve():
        files = [each for each in app.project.statements(home.name) if each.name < path.name]
        return read_files([*files, path], variables)
    if pipeline is not None:
        variables = {**app.pipeline(pipeline).variables, **variables}
    others = declared_in(app, _chosen(app, pipeline), definitions)
    before = [each for each in others if each.file.resolve() != resolved]
    return [*before, *read_files([path], variables, types=types_of(before))]


def _chosen(app: App, pipeline: str | None) -> list[str]:
    return [pipeline] if pipeline else app.project.pipelines()


def _metastore(app: App, pipeline: str | None, definitions: dict[str, str]) -> Metastore:
    from streamguard.engine.client.declared import metastore_after

    return metastore_after(declared_in(app, _chosen(app, pipeline), definitions))


def _print_plans(declared: list[Declared], only: Path | None) -> None:
    """A heading and a plan for each statement that has one; `only`: those of that file."""
    from streamguard.engine.client.declared import plans
    from streamguard.engine.language.printing import opening

    shown = [(each, plan) for each, plan in plans(declared) if only is None or each.file == only]
    for number, (each, plan) in enumerate(shown):
        blank = "\n" if number else ""
        place = f"{relative(str(each.file))}:{each.statement.place.line}"
        click.echo(f"{blank}{click.style(f'{opening(each.statement)} ({place})', bold=True)}\n{plan}")
    if not shown:
        click.echo("no statement here has a plan", err=True)
