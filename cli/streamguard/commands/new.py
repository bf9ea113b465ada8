"""`streamguard new`: the files of a new pipeline."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from streamguard.commands.ksql.options import load_functions, variables_of
from streamguard.commands.output import nearby
from streamguard.errors import StreamguardError

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.scaffold.answers import Answers
    from streamguard.scaffold.files import Made

SINKS = ("mongodb", "s3", "none")


@click.command()
@click.argument("pipeline")
@click.option("--topic", metavar="NAME", help="The topic that it reads.  [default: the name of the pipeline]")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME:TYPE",
    help="A field of a record: string, int, bigint, double or boolean. Once for each.",
)
@click.option("--rule", metavar="SQL", help="The condition of the records that are flagged: 'amount >= 900'.")
@click.option("--sink", "sinks", multiple=True, type=click.Choice(SINKS), help="Where they go.  [default: mongodb]")
@click.option("-D", "--define", "definitions", multiple=True, metavar="NAME=VALUE", help="What ${NAME} in the rule is.")
@click.option("-y", "--yes", is_flag=True, help="Ask nothing: defaults for what the options do not say.")
@click.pass_obj
def new(
    app: App,
    *,
    pipeline: str,
    topic: str | None,
    fields: tuple[str, ...],
    rule: str | None,
    sinks: tuple[str, ...],
    definitions: tuple[str, ...],
    yes: bool,
) -> None:
    """Write the files of a new pipeline, ready for `up`.

    Records of a topic are split by a rule, a condition in SQL: what it takes goes to TOPIC-flagged and on to the sinks,
    everything else to TOPIC-passed. Written are statements with cases that pass, connectors, what a stack needs, and a
    world that makes records of both kinds.

    On a terminal it asks for what the options do not say. The rule is checked before anything is written, and nothing
    that is there is written over.

    \b
    Examples:
      streamguard new refunds
      streamguard new refunds --field shop:string --field amount:double --rule 'amount >= 400' --yes
      streamguard new refunds --topic shop.refunds --field amount:double --rule 'amount >= ${limit}' -D limit=400 \\
          --sink mongodb --sink s3 --yes
    """
    from streamguard.scaffold.answers import Answers, check_pipeline, check_topic, read_fields
    from streamguard.scaffold.files import check_new, create
    from streamguard.scaffold.statements import Split

    check_new(check_pipeline(pipeline), app.project)
    asking = not yes and sys.stdin.isatty() and sys.stderr.isatty()
    if not asking and rule is None:
        raise click.UsageError("which records are flagged? Say it with --rule 'amount >= 900'.")
    load_functions(app)
    variables = variables_of(definitions)
    if topic is None:
        topic = _ask("Topic", check_topic, pipeline) if asking else pipeline
    read = read_fields(fields or (_ask_fields(read_fields) if asking else ()))
    answers = Answers(pipeline, check_topic(topic), read, rule or "", variables=variables)
    if rule is None:
        rule = _ask("Rule, a condition in SQL", lambda text: Split(replace(answers, rule=text.strip())))
    chosen = sinks or (_ask_sinks() if asking else ("mongodb",))
    answers = replace(answers, rule=rule.strip(), sinks=_without_none(chosen))
    _tell(answers, create(answers, app.project, app.settings))


def _ask(what: str, check: Callable[[str], object], default: str | None = None) -> str:
    """Until the answer passes; what is wrong with one is told."""

    def checked(text: str) -> str:
        try:
            check(text)
        except StreamguardError as exc:
            raise click.UsageError(str(exc)) from exc
        return text.strip()

    shown = default is not None and default != ""
    return str(click.prompt(what, default=default, value_proc=checked, show_default=shown, err=True))


def _ask_fields(read: Callable[[tuple[str, ...]], object]) -> tuple[str, ...]:
    """Until an empty line."""
    click.echo("Fields as NAME:TYPE (string, int, bigint, double, boolean); an empty line ends them.", err=True)
    found: list[str] = []
    while True:
        text = _ask(
            f"Field {len(found) + 1}", lambda text: text and read((*found, text)), default="" if found else None
        )
        if not text:
            return tuple(found)
        found.append(text)


def _ask_sinks() -> tuple[str, ...]:
    text = _ask(f"Sinks ({', '.join(SINKS)}), with commas between", lambda text: _without_none(_parts(text)), "mongodb")
    return _parts(text)


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _without_none(sinks: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [sink for sink in sinks if sink not in SINKS]
    if unknown:
        raise click.UsageError(f"there is no sink {unknown[0]}: {', '.join(SINKS)}")
    if "none" in sinks and len(set(sinks)) > 1:
        raise click.UsageError("none goes with no other sink.")
    return tuple(dict.fromkeys(sink for sink in sinks if sink != "none"))


def _tell(answers: Answers, made: Made) -> None:
    for path in made.files:
        click.echo(f"wrote {nearby(str(path))}")
    share = f"of {made.drawn:,} records of its world the rule takes {made.taken:,}"
    only = ", so only one way is seen: change the world to make the other" if made.taken in (0, made.drawn) else ""
    click.echo(f"\n{share}{only}", err=True)
    click.echo("\nNext:", err=True)
    name = answers.pipeline
    lint = [f"streamguard connectors lint --strict -p {name}"] if answers.sinks else []
    for line in (
        f"streamguard ksql test ksql/{name}",
        *lint,
        f"streamguard up {name}",
        f"streamguard topics tail {answers.flagged} -n 3",
    ):
        click.echo(f"  {line}", err=True)
