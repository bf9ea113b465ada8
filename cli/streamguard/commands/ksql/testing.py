"""Cases of statements: records in, records expected out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.ksql.options import load_functions, pipeline_variables_option, relative, variables_of
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App

COLOURS = {"-": "red", "+": "green"}


@click.command("test")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))
@pipeline_variables_option
@click.option("--server", "url", metavar="URL", help="Run the cases on this ksql server and its Kafka instead.")
@output_option
@click.pass_obj
def run_cases(app: App, paths: tuple[Path, ...], definitions: tuple[str, ...], url: str | None, output: str) -> None:
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
      streamguard ksql test ksql/card -D velocity_max=5
      streamguard ksql test --server http://ksqldb.example.com:8088
    """
    from streamguard.engine.testing.case_files import SUFFIX, case_files, read_cases
    from streamguard.engine.testing.cases import judge

    load_functions(app)
    files = case_files(paths or [app.project.ksql])
    if not files:
        click.echo(f"no *{SUFFIX} files in {', '.join(map(str, paths or [app.project.ksql]))}", err=True)
    if url is not None:
        from streamguard.engine.client.http import client_at
        from streamguard.engine.testing.live_cases import LiveCases

        judge = LiveCases(client_at(app.settings, url), app.settings).judge
    rows = []
    for path in files:
        for case in read_cases(path, variables_of(definitions)):
            lines = judge(case)
            result = "failed" if lines else "passed"
            rows.append({"file": relative(str(path)), "case": case.name, "result": result, "differences": lines})
    if output == "table":
        _print_cases(rows)
    else:
        show(rows, ["file", "case", "result", "differences"], output)
    if any(row["differences"] for row in rows):
        raise click.exceptions.Exit(1)


def _print_cases(rows: list[dict[str, Any]]) -> None:
    """A line for each file and for each case that failed, with its differences below; then how many there were."""
    for file in dict.fromkeys(row["file"] for row in rows):
        own = [row for row in rows if row["file"] == file]
        passed = sum(row["result"] == "passed" for row in own)
        click.echo(f"{file}: {passed} of {len(own)} passed")
        for row in own:
            if row["differences"]:
                click.echo(f"  {click.style('x', fg='red')} {row['case']}")
                for text in row["differences"]:
                    click.echo("\n".join(f"      {_painted(line)}" for line in text.splitlines()))
    failed = sum(row["result"] == "failed" for row in rows)
    click.echo(f"{len(rows) - failed} passed, {failed} failed")


def _painted(line: str) -> str:
    """What was expected in red, what came in green: a diff of records."""
    colour = COLOURS.get(line.lstrip()[:2].rstrip())
    return click.style(line, fg=colour) if colour else line
