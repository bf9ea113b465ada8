"""`streamguard query`: what the sinks hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App

ENGINES = ("mongodb", "duckdb", "athena", "postgres")
MOST_ROWS = (1 << 31) - 1  # what every engine takes as a limit
ARRIVAL = {
    "mongodb": "records take about a second from Kafka to MongoDB",
    "duckdb": "records take up to ten seconds from Kafka to a table in S3, which is written commit by commit",
    "postgres": "a transaction takes about a second from Kafka to its decision in PostgreSQL",
    "athena": "records take up to a commit interval of the sink from Kafka to a table in S3",
}


@click.command()
@click.argument("name", required=False, shell_complete=completion.queries)
@click.option(
    "-e",
    "--engine",
    type=click.Choice(ENGINES),
    help="Where to run it: MongoDB, the Iceberg tables on this machine, Amazon Athena, or PostgreSQL.  "
    "[default: the first of them that the query has a file for]",
)
@click.option(
    "-p",
    "--pipeline",
    shell_complete=completion.pipelines,
    help="The pipeline, when more than one has a query of that name.",
)
@click.option("-n", "--limit", type=click.IntRange(1, MOST_ROWS), help="Print no more rows than this.")
@click.option("--list", "listing", is_flag=True, help="List the queries, as a call without NAME does.")
@output_option
@click.pass_obj
def query(
    app: App,
    *,
    name: str | None,
    engine: str | None,
    pipeline: str | None,
    limit: int | None,
    listing: bool,
    output: str,
) -> None:
    """Query what a pipeline has made: documents in MongoDB, tables in S3, decisions in PostgreSQL.

    The queries are files in init/PIPELINE/queries/: an aggregation that pastes unchanged into MongoDB Compass, SQL that
    pastes unchanged into Amazon Athena, or into psql. Every engine that a query has a file for gives the same rows.

    \b
    Examples:
      streamguard query                              the queries there are
      streamguard query fraud-report --limit 20      transactions with their people
      streamguard query fraud-report -e duckdb       the same rows from S3
      streamguard query top-senders -o json          for the next program
      streamguard query suspicious-accounts          of the pipeline card, from PostgreSQL
    """
    from streamguard.query import files, run

    if name is None or listing:
        if pipeline is not None:
            app.pipeline(pipeline)  # an unknown one is refused
        listed = [vars(entry) for entry in files.queries(app.project) if pipeline in (None, entry.pipeline)]
        rows = [{key: entry[key] for key in ("name", "pipeline", "about")} for entry in listed]
        show(rows, ["name", "pipeline", "about"], output)
        return
    chosen = files.find_query(app.project, name, pipeline)
    engine = files.choose_engine(chosen, engine)
    answer = run(engine, chosen, app.pipeline(chosen.pipeline), app.settings, limit=limit)
    show(answer.rows, answer.columns, output)
    if not answer.rows:
        click.echo(
            f"No rows yet: there is nothing of the kind that {chosen.name} asks for. If there should be: "
            f"{ARRIVAL[engine]}; does a generator run (streamguard status)?",
            err=True,
        )
