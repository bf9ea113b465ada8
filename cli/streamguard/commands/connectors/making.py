"""What makes templates and what belongs beside them: parameters, companions, new, export."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion
from streamguard.commands.connectors.options import (
    client_of,
    names_argument,
    template_options,
    url_option,
    values_option,
)
from streamguard.commands.output import output_option, show

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.templates.companions import Companion
    from streamguard.connect.templates.values import Values


@click.command()
@click.argument("name", required=False, shell_complete=completion.kinds)
@output_option
@click.pass_obj
def parameters(app: App, name: str | None, output: str) -> None:
    """List the parameters of a kind of sink, or of a connector's template.

    Without NAME the kinds. Parameters of one connector are given in the file NAME.yml beside its template.

    \b
    Examples:
      streamguard connectors parameters
      streamguard connectors parameters mongodb
      streamguard connectors parameters users-s3-sink -o json
    """
    from streamguard.connect.templates.parameters import kinds, parameter_list, parameters_of_kind
    from streamguard.errors import UnknownName
    from streamguard.project import did_you_mean

    known = kinds(app.project.connectors)
    if name is None:
        show([{"kind": kind, "makes": title} for kind, title in known.items()], ("kind", "makes"), output)
        return
    templates = {
        _name_of(path): path for pipeline in app.project.pipelines() for path in app.project.templates(pipeline)
    }
    if name in known:
        listed = parameters_of_kind(name, app.project.connectors)
    elif name in templates:
        listed = parameter_list(templates[name], app.project.connectors)
    else:
        raise UnknownName(f"there is no kind of sink and no template {name}{did_you_mean(name, [*known, *templates])}")
    rows = [entry.row() for entry in listed.parameters]
    if output == "table":
        rows = [{**row, "default": "required" if row["required"] else _default(row["default"])} for row in rows]
    show(rows, ("name", "type", "default", "about"), output)


@click.command()
@template_options
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Write files there, new or anew.  [default: print them]",
)
@click.pass_obj
def companions(
    app: App,
    *,
    names: tuple[str, ...],
    pipeline: str | None,
    values: str,
    overrides: tuple[str, ...],
    into: Path | None,
) -> None:
    """Print what belongs beside connectors: tables of Athena, indexes of MongoDB, maintenance of Iceberg, the table.

    They are made from the same parameters as the connectors.

    \b
    Examples:
      streamguard connectors companions users-s3-sink
      streamguard connectors companions --into companions/
    """
    found = _companions(app, names, pipeline, values, overrides)
    if into is None:
        for companion in found:
            comment = "//" if companion.file.endswith(".js") else "--"
            click.echo(f"{comment} {companion.file}: {companion.about}\n{companion.text}")
        return
    into.mkdir(parents=True, exist_ok=True)
    for companion in found:
        (into / companion.file).write_text(companion.text, encoding="utf-8")
        click.echo(f"wrote {into / companion.file}", err=True)


@click.command()
@click.argument("kind", shell_complete=completion.kinds)
@click.argument("name")
@click.option(
    "-p",
    "--pipeline",
    metavar="NAME",
    shell_complete=completion.pipelines,
    help="The pipeline.  [default: the only one, or bank]",
)
@click.option("--topics", metavar="A,B", help="The topics that it reads.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="A parameter: see `parameters KIND`.")
@click.option("--about", default="", metavar="TEXT", help="A sentence about it, for the head of the template.")
@values_option
@click.pass_obj
def new(
    app: App,
    *,
    kind: str,
    name: str,
    pipeline: str | None,
    topics: str | None,
    overrides: tuple[str, ...],
    about: str,
    values: str,
) -> None:
    """Write the template and the values of a new connector. KIND: s3, mongodb, iceberg or postgres.

    On a terminal it asks for what the options do not say. Nothing that is there is written over, and nothing is left if
    what came out does not render.

    \b
    Examples:
      streamguard connectors new mongodb alerts-mongodb-sink
      streamguard connectors new s3 users-files-sink --topics users --set s3_bucket=my-bucket --set s3_region=eu-west-1
      streamguard connectors new postgres users-postgres-sink --topics users --set table=users --set id_fields=id \\
          --set postgres_url=jdbc:postgresql://db:5432/fraud --set 'columns=id: string, name: string'
    """
    from streamguard.connect.templates.parameters import kinds
    from streamguard.connect.templates.scaffold import New, create, read_answer
    from streamguard.connect.templates.values import load_values, values_file
    from streamguard.errors import UnknownName
    from streamguard.project import did_you_mean

    known = kinds(app.project.connectors)
    if kind not in known:
        hint = did_you_mean(kind, known) if known else _where_kinds_are(app)
        raise UnknownName(f"there is no kind of sink {kind}{hint}")
    chosen = app.project.pipeline_to_fill(pipeline or _only_pipeline(app))
    loaded = load_values(app.settings, chosen, values_file(app.project, values))
    given: dict[str, Any] = {}
    for key, text in (*((("topics", topics),) if topics else ()), *(_pair(text) for text in overrides)):
        given[key] = read_answer(kind, app.project, key, text)
    if sys.stdin.isatty() and sys.stderr.isatty():
        given |= _ask(app, kind, given, loaded)
    connector = create(New(kind, name, chosen.name, given, about), app.project, loaded)
    click.echo(f"wrote {connector.template} and {connector.template.name.removesuffix('.json.j2')}.yml", err=True)
    _tell_topics(app, chosen.name, connector.config)


@click.command()
@names_argument
@click.option(
    "-p",
    "--pipeline",
    required=True,
    metavar="NAME",
    shell_complete=completion.pipelines,
    help="The pipeline whose folder gets the templates.",
)
@url_option
@click.pass_obj
def export(app: App, *, names: tuple[str, ...], pipeline: str, url: str | None) -> int:
    """Write connectors of a cluster as templates. They render to what the cluster has.

    A folder of connectors/ is a pipeline; one that is not there yet is made.

    No secret is written: a key that holds one gets a reference to a variable of the worker, which is told of. Nothing
    that is there is written over.

    \b
    Examples:
      streamguard connectors export -p legacy --url http://connect:8083
      streamguard connectors export users-s3-sink 'trial-*' -p bank
    """
    from streamguard.connect.deploying.export import export_all
    from streamguard.connect.templates.render import SUFFIX
    from streamguard.connect.templates.scaffold import write_files
    from streamguard.errors import PartlyDone, Refused

    folder = app.project.connectors / app.project.pipeline_to_fill(pipeline).name
    found, refused = export_all(client_of(app, url), names)
    write_files({folder / f"{one.name}{SUFFIX}": one.template for one in found}, app.project)
    for one in found:
        click.echo(f"wrote {folder / one.name}{SUFFIX}", err=True)
        for variable, key in one.variables.items():
            click.echo(f"  {key}: give the worker the variable {variable}, then allow it in its env provider", err=True)
    if refused:
        kind = PartlyDone if found else Refused
        raise kind("not written:\n  " + "\n  ".join(str(error) for error in refused))
    return 0


def _where_kinds_are(app: App) -> str:
    """For a project that has no pieces of templates."""
    from streamguard.connect.templates.pieces import PIECES
    from streamguard.project import shipped

    return f": {app.project.connectors / PIECES} has none; copy what is in {shipped() / 'connectors' / PIECES}"


def _default(value: Any) -> str:
    """As it is written in a file of values."""
    return str(value).lower() if isinstance(value, bool) else "" if value is None else str(value)


def _companions(
    app: App, names: Sequence[str], pipeline: str | None, values: str, overrides: Sequence[str]
) -> list[Companion]:
    from streamguard.connect.rest.globs import select_templates
    from streamguard.connect.templates.companions import companions as made_for
    from streamguard.connect.templates.parameters import complete, kind_of
    from streamguard.connect.templates.render import render
    from streamguard.connect.templates.values import load_values, values_file

    project, found = app.project, []
    pipelines = [app.pipeline(each) for each in ([pipeline] if pipeline else project.pipelines())]
    templates = {each.name: {_name_of(path): path for path in project.templates(each.name)} for each in pipelines}
    wanted = select_templates(names, {name for named in templates.values() for name in named})
    for each in pipelines:
        loaded = load_values(app.settings, each, values_file(project, values), overrides)
        for name, template in templates[each.name].items():
            if name not in wanted:
                continue
            given = complete(template, loaded, project.connectors)
            kind = kind_of(template, project.connectors, given)
            if kind:
                connector = render(template, loaded, project.connectors)
                # What a template writes itself is no parameter of it, and needs companions as well.
                written = {"collection": connector.config.get("collection"), "topics": connector.topics}
                found += made_for(kind, name, {**written, **given})
    return found


def _name_of(template: Path) -> str:
    from streamguard.connect.templates.render import SUFFIX

    return template.name.removesuffix(SUFFIX)


def _only_pipeline(app: App) -> str:
    names = app.project.pipelines()
    return names[0] if len(names) == 1 else "bank"


def _pair(text: str) -> tuple[str, str]:
    from streamguard.errors import UnknownName

    key, equals, value = text.partition("=")
    if not equals or not key.isidentifier():
        raise UnknownName(f"--set takes KEY=VALUE, and {key or text!r} is no name of a parameter")
    return key, value


def _ask(app: App, kind: str, given: dict[str, Any], loaded: Values) -> dict[str, Any]:
    """The answers to what is asked; an empty one leaves a parameter out."""
    from streamguard.connect.templates.scaffold import questions, read_answer

    answers: dict[str, Any] = {}
    for parameter in questions(kind, app.project, given):
        known = loaded.get(parameter.name, parameter.default)
        text = click.prompt(
            parameter.ask, default="" if known is None else str(known), show_default=known is not None, err=True
        )
        if text and text != str(known):
            answers[parameter.name] = read_answer(kind, app.project, parameter.name, text)
    return answers


def _tell_topics(app: App, pipeline: str, config: Any) -> None:
    """Which of its topics the pipeline does not have yet."""
    wanted = [topic.strip() for topic in config.get("topics", "").split(",") if topic.strip()]
    own = [config[key] for key in ("errors.deadletterqueue.topic.name", "iceberg.control.topic") if key in config]
    missing = [topic for topic in (*wanted, *own) if app.pipeline(pipeline).topic(topic) is None]
    if missing:
        file = app.project.init / f"{pipeline}.yml"
        what = f"add to the topics of {file}" if file.is_file() else "topics that it needs"
        click.echo(f"{what}: {', '.join(missing)}", err=True)
