"""`streamguard up`: the local servers and a pipeline on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.output import show
from streamguard.commands.progress import show_programs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from streamguard.commands import App
    from streamguard.connect.deploying.apply import Result
    from streamguard.model import Pipeline
    from streamguard.pipeline import Report
    from streamguard.project import Project
    from streamguard.settings import Settings
    from streamguard.stack.stack import Row


@click.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option("--mode", type=click.Choice(["local", "compose"]), help="Where the servers run.  [default: the setting]")
@click.option(
    "--values",
    metavar="NAME|FILE",
    shell_complete=completion.values,
    help="Values of the connectors: connectors/values/NAME.yml, or a file.  [default: those of the mode]",
)
@click.option("--no-produce", is_flag=True, help="Start no generator.")
@click.option("--timings", is_flag=True, help="Show how long each server and step took.")
@click.pass_obj
def up(app: App, *, pipeline: str, mode: str | None, values: str | None, no_produce: bool, timings: bool) -> None:
    """Start the local servers and PIPELINE (bank) on them. What runs already is left alone.

    Topics, tables, statements and connectors are applied, then services and a generator are started. With --mode
    compose all of it runs in containers, which docker compose makes of docker-compose.yml.

    \b
    Examples:
      streamguard up
      streamguard up bank --no-produce
      streamguard up --timings
      streamguard up --mode compose
      streamguard up bank --values cloud            its sinks write to MongoDB Atlas and AWS
    """
    from streamguard import pipeline as pipelines
    from streamguard.connect.templates.values import DEFAULT
    from streamguard.stack.stack import Stack

    wanted, settings = app.pipeline(pipeline), app.settings_with(mode=mode)
    if settings.mode == "compose":
        _up_in_containers(app.project, settings, wanted, produce=not no_produce, values=values)
        return
    stack = Stack(settings, app.project)
    with show_programs() as on_progress:
        report = pipelines.up(stack, wanted, produce=not no_produce, on_progress=on_progress, values=values or DEFAULT)
    _print(stack.status(), report, timings=timings)
    click.echo("\nNext:")
    for step in _next_steps(app.project, app.settings, wanted, report):
        click.echo(f"  {step}")


def _up_in_containers(
    project: Project, settings: Settings, pipeline: Pipeline, *, produce: bool, values: str | None
) -> None:
    from streamguard import containers
    from streamguard.stack.compose import VALUES

    def tell(step: str) -> None:
        click.echo(step, err=True)

    results = containers.up(project, settings, pipeline, produce=produce, tell=tell, values=values or VALUES)
    _print_sinks(results)
    click.echo("\nNext:")
    for step in (
        "docker compose ps",
        "export STREAMGUARD_MODE=compose     so that other commands find the containers",
        f"open http://localhost:{settings.grafana_port}          dashboards; the password of admin is in .env",
        "streamguard down --mode compose",
    ):
        click.echo(f"  {step}")


def _print_sinks(results: Sequence[Result]) -> None:
    show(
        [{"name": one.name, "state": one.state, "tasks": one.tasks} for one in results],
        ("name", "state", "tasks"),
        "table",
    )


def _print(rows: Sequence[Row], report: Report, *, timings: bool) -> None:
    servers = [row.document() for row in rows]
    if timings:
        for row in servers:
            row["seconds"] = f"{report.seconds.get(row['name'], 0.0):.1f}"
    show(servers, ("name", "state", "url", *(("seconds",) if timings else ())), "table")
    click.echo()
    _print_sinks(report.connectors)
    if timings:
        click.echo()
        steps = [{"step": name, "seconds": f"{seconds:.1f}"} for name, seconds in report.seconds.items()]
        show(
            [step for step in steps if step["step"] not in {row["name"] for row in servers}],
            ("step", "seconds"),
            "table",
        )


def _next_steps(project: Project, settings: Settings, pipeline: Pipeline, report: Report) -> list[str]:
    """What to type next, from what this pipeline has; lines of at most 80 characters."""
    from streamguard.commands.alert_lines import TOPICS
    from streamguard.query.files import queries

    steps = [
        f"streamguard query {query.name} --limit 5" for query in queries(project) if query.pipeline == pipeline.name
    ]
    lines = steps[:1]
    if any(pipeline.topic(topic) for topic in TOPICS.values()):
        lines.append(f"streamguard alerts tail {pipeline.name} --count 5")
    if pipeline.generator is not None:
        lines.append(f"streamguard topics tail {pipeline.generator.topic} -n 3")
        lines.append(f"streamguard produce {pipeline.name} --rate 500 --count 2000")
    lines += [f"curl -s localhost:{settings.connect_port}/connectors/{r.name}/status" for r in report.connectors[:1]]
    return [*lines, "streamguard status", "streamguard down"]
