"""`streamguard ksql …`: statements to a ksql server, and the embedded server itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App

variables_option = click.option(
    "-D", "--define", "definitions", multiple=True, metavar="NAME=VALUE", help="Replace ${NAME} in the statements."
)
url_option = click.option("--url", help="The ksql server.  [default: the setting ksql_url, the local one]")


@click.group()
def ksql() -> None:
    """Apply ksql statements and run the embedded ksql server.

    The server speaks ksqlDB's REST API, and these commands work on ksqlDB's own servers too.

    \b
    Examples:
      streamguard ksql apply bank
      streamguard ksql exec "SHOW QUERIES;"
      streamguard ksql exec "SELECT * FROM sender_users EMIT CHANGES LIMIT 3;"
    """


@ksql.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@variables_option
@url_option
@output_option
@click.pass_obj
def apply(app: App, pipeline: str, definitions: tuple[str, ...], url: str | None, output: str) -> None:
    """Send the statements of a pipeline, file by file in name order.

    Applying twice changes nothing. Queries read their topics from the beginning.

    \b
    Examples:
      streamguard ksql apply
      streamguard ksql apply bank --url http://ksqldb.example.com:8088
    """
    from streamguard.engine.client.applying import apply_files
    from streamguard.engine.client.http import KsqlClient

    app.pipeline(pipeline)
    files = app.project.statements(pipeline)
    if not files:
        click.echo(f"{app.project.ksql / pipeline} holds no *.sql files: nothing to apply", err=True)
    rows = []
    for applied in apply_files(KsqlClient(url or app.settings.ksql_url), files, _variables(definitions)):
        row = {"file": _relative(applied.file), "name": applied.name, "result": applied.outcome, "query": applied.query}
        rows.append(row)
    show(rows, ["name", "result", "query", "file"], output)


@ksql.command("exec")
@click.argument("sql", required=False)
@click.option(
    "-f", "--file", "path", type=click.Path(path_type=Path, dir_okay=False), help="Read the statements from a file."
)
@click.option("-s", "--set", "settings", multiple=True, metavar="NAME=VALUE", help="A property, as SET does.")
@variables_option
@url_option
@output_option
@click.pass_obj
def execute(  # noqa: PLR0917  one parameter an option
    app: App,
    sql: str | None,
    path: Path | None,
    settings: tuple[str, ...],
    definitions: tuple[str, ...],
    url: str | None,
    output: str,
) -> None:
    """Run statements and print what the server answers.

    A SELECT … EMIT CHANGES prints rows as they arrive, until its LIMIT or Ctrl-C.

    \b
    Examples:
      streamguard ksql exec "SHOW STREAMS;"
      streamguard ksql exec "DESCRIBE users;" --output json
      streamguard ksql exec -s auto.offset.reset=earliest "SELECT id FROM sender_users EMIT CHANGES LIMIT 5;"
      streamguard ksql exec -f statements.sql
    """
    from streamguard.engine.client.http import KsqlClient
    from streamguard.project import read_text

    if (sql is None) == (path is None):
        raise click.UsageError("give the statements as an argument or with --file, and not both")
    client = KsqlClient(url or app.settings.ksql_url)
    text = sql if path is None else read_text(path)
    assert text is not None
    properties, variables = _pairs(settings, "--set"), _variables(definitions)
    if _is_select(text):
        _print_rows(client, text, properties, variables, output)
        return
    for entity in _send(client, path, text, properties, variables):
        _print_entity(entity, output)


@ksql.command()
@click.argument("statement")
@url_option
@click.pass_obj
def explain(app: App, statement: str, url: str | None) -> None:
    """Print the plan of a statement, or of a running query by its id.

    \b
    Examples:
      streamguard ksql explain "SELECT * FROM fraudulent_transactions WHERE amount > 900 EMIT CHANGES"
      streamguard ksql explain CSAS_SENDER_USERS_6
    """
    from streamguard.engine.client.http import KsqlClient

    text = statement.strip().rstrip(";")
    [entity] = KsqlClient(url or app.settings.ksql_url).ksql(f"EXPLAIN {text};")
    description = entity["queryDescription"]
    click.echo(description.get("executionPlan") or description.get("topology") or "")


@ksql.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option("--server", "url", metavar="URL", help="Run the cases on this ksql server and its Kafka instead.")
@output_option
@click.pass_obj
def run_cases(app: App, paths: tuple[Path, ...], url: str | None, output: str) -> None:
    """Run the cases of statements: records in, records expected out, in memory, without any server.

    PATH is a file *.test.yml or a folder with such files; the default is the project's ksql folder. Cases are about
    the *.sql files beside them. What differs is printed as a diff, and the command then ends with 1.

    On a server, this engine's or ksqlDB's own, each case has sources and topics of its own, in the Kafka of the
    settings, and leaves none behind.

    \b
    Examples:
      streamguard ksql test
      streamguard ksql test ksql/bank
      streamguard ksql test ksql/bank/bank.test.yml --output json
      streamguard ksql test --server http://ksqldb.example.com:8088
    """
    from streamguard.engine.functions import user
    from streamguard.engine.testing.case_files import SUFFIX, case_files, read_cases
    from streamguard.engine.testing.cases import judge

    if app.settings.ksql_functions:
        user.load(app.settings.ksql_functions, app.project.root)
    files = case_files(paths or [app.project.ksql])
    if not files:
        click.echo(f"no *{SUFFIX} files in {', '.join(map(str, paths or [app.project.ksql]))}", err=True)
    if url is not None:
        from streamguard.engine.client.http import KsqlClient
        from streamguard.engine.testing.live_cases import LiveCases

        judge = LiveCases(KsqlClient(url), app.settings).judge
    rows = []
    for path in files:
        for case in read_cases(path):
            lines = judge(case)
            result = "failed" if lines else "passed"
            rows.append({"file": _relative(str(path)), "case": case.name, "result": result, "differences": lines})
    if output == "table":
        _print_cases(rows)
    else:
        show(rows, ["file", "case", "result", "differences"], output)
    if any(row["differences"] for row in rows):
        raise click.exceptions.Exit(1)


@ksql.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="The port of the REST API.  [default: the setting ksql_port]"
)
@click.option("--service-id", help="Servers of one service id share a command log; the newest one works.")
@click.pass_obj
def server(app: App, port: int | None, service_id: str | None) -> None:
    """Run the embedded ksql server in the foreground.

    It binds 127.0.0.1, keeps its streams and queries in Kafka, and ends within 5 seconds after SIGTERM.

    \b
    Examples:
      streamguard ksql server
      streamguard ksql server --port 8089 --service-id trial
    """
    from streamguard.engine.functions import user
    from streamguard.engine.server.server import run

    if app.settings.ksql_functions:
        user.load(app.settings.ksql_functions, app.project.root)
    run(app.settings_with(ksql_port=port, ksql_service_id=service_id))


def _send(
    client: Any, path: Path | None, text: str, properties: dict[str, str], variables: dict[str, str]
) -> list[dict[str, Any]]:
    from streamguard.engine.client.applying import place_in_file
    from streamguard.errors import StatementRefused

    try:
        return list(client.ksql(text, properties=properties, variables=variables))
    except StatementRefused as exc:
        raise place_in_file(exc, path, text) if path is not None else exc from exc


def _print_rows(client: Any, text: str, properties: dict[str, str], variables: dict[str, str], output: str) -> None:
    """Row by row: a push query may never end, so nothing is collected."""
    import json

    answer = client.query(text, properties=properties, variables=variables)
    if output == "table":
        click.echo("\t".join(answer.names))
    if output == "json":
        click.echo("[", nl=False)
    separator = "\n"
    for row in answer.rows:
        record = dict(zip(answer.names, row, strict=True))
        if output == "table":
            click.echo("\t".join("" if value is None else _cell(value) for value in row))
        elif output == "yaml":
            import yaml

            click.echo(yaml.safe_dump([record], sort_keys=False), nl=False)
        elif output == "json":
            click.echo(f"{separator}  {json.dumps(record)}", nl=False)
            separator = ",\n"
        else:
            click.echo(json.dumps(record))
    if output == "json":
        click.echo("\n]")


def _print_entity(entity: dict[str, Any], output: str) -> None:
    from streamguard.commands.output import show_one
    from streamguard.engine.server.answers import listing

    if output != "table":
        show_one(entity, output)
        return
    rows, columns = listing(entity)
    if columns:
        show(rows, columns, output)
    else:
        click.echo("\n".join(str(row["message"]) for row in rows))


def _print_cases(rows: list[dict[str, Any]]) -> None:
    """A line for each file and for each case that failed, with its differences below; then how many there were."""
    for file in dict.fromkeys(row["file"] for row in rows):
        own = [row for row in rows if row["file"] == file]
        passed = sum(row["result"] == "passed" for row in own)
        click.echo(f"{file}: {passed} of {len(own)} passed")
        for row in own:
            if row["differences"]:
                click.echo(f"  x {row['case']}")
                for text in row["differences"]:
                    click.echo("\n".join(f"      {line}" for line in text.splitlines()))
    failed = sum(row["result"] == "failed" for row in rows)
    click.echo(f"{len(rows) - failed} passed, {failed} failed")


def _cell(value: Any) -> str:
    import json

    return value if isinstance(value, str) else json.dumps(value)


def _is_select(text: str) -> bool:
    import re

    bare = re.sub(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", "", text, flags=re.DOTALL)
    return bare[:6].upper() == "SELECT"


def _variables(definitions: tuple[str, ...]) -> dict[str, str]:
    return _pairs(definitions, "--define")


def _pairs(texts: tuple[str, ...], option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


def _relative(path: str) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return path
