"""What `produce` asks when it is run bare on a terminal: a few values, and the command line that they make.

The menu writes to stderr: stdout is for the summary of the run that follows.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from streamguard.commands import App


@dataclass(frozen=True)
class Question:
    """A value that is asked for: the option that it becomes, and the type that checks it."""

    text: str
    option: str
    default: Any
    kind: click.ParamType[Any]
    optional: bool = False


RATE = Question("Records a second (empty: the pipeline's own)", "--rate", "", click.FLOAT, optional=True)
SECONDS = Question("For how many seconds (empty: until Ctrl-C)", "--duration", "", click.FLOAT, optional=True)
COUNT = Question("How many records", "--count", 10_000, click.IntRange(1))
SPEED = Question("Seconds of the day in each second", "--speed", 60, click.FloatRange(0, min_open=True))
DAYS = Question("How many days back", "--days", 7, click.FloatRange(0, min_open=True))


@dataclass(frozen=True)
class Choice:
    """A way of producing: its fixed options, and what is asked."""

    name: str
    about: str
    fixed: tuple[str, ...]
    questions: tuple[Question, ...]


CHOICES = (
    Choice("stream", "records as they are due, until Ctrl-C", (), (RATE, SECONDS)),
    Choice("batch", "so many records, as fast as possible", ("--max",), (COUNT,)),
    Choice(
        "velocity burst", "half of all records in quick bursts of one account", ("--mode", "velocity"), (RATE, SECONDS)
    ),
    Choice("realistic day", "the last 24 hours with quiet nights and busy evenings", ("--mode", "day"), (SPEED,)),
    Choice("backfill", "the last days with their own dates, and then on", (), (DAYS,)),
)
ON = "And then go on live"


def ask(app: App, *, prompt: Callable[..., Any] | None = None) -> list[str] | None:
    """The arguments of `produce` that somebody chose; None if the line that they make is not wanted."""
    prompt = prompt or _prompt
    click.echo("What shall be produced?\n", err=True)
    for number, choice in enumerate(CHOICES, 1):
        click.echo(f"  {number}  {choice.name:<15} {choice.about}", err=True)
    click.echo(err=True)
    chosen = CHOICES[prompt("Choice", default=1, type=click.IntRange(1, len(CHOICES))) - 1]
    pipelines = producing(app)
    pipeline = prompt("Pipeline", default=pipelines[0], type=click.Choice(pipelines))
    arguments = [pipeline, *chosen.fixed]
    for question in chosen.questions:
        value = prompt(
            question.text, default=question.default, type=_kind(question), show_default=question.default != ""
        )
        if value not in ("", None):
            arguments += [question.option, f"{value:g}" if isinstance(value, float) else str(value)]
    if chosen.name == "backfill" and prompt(ON, default="y", type=click.Choice(["y", "n"])) == "y":
        arguments.append("--then-live")
    click.echo(f"\nThe same without the menu:\n  {command_line(arguments)}\n", err=True)
    return arguments if prompt("Run it", default="y", type=click.Choice(["y", "n"])) == "y" else None


def command_line(arguments: Sequence[str]) -> str:
    """What somebody would type."""
    return shlex.join(["streamguard", "produce", *arguments])


def producing(app: App) -> list[str]:
    """The pipelines that have a generator, the main one first."""
    from streamguard.errors import ProjectError

    found = []
    for name in app.project.pipelines():
        try:
            if app.pipeline(name).generator is not None:
                found.append(name)
        except ProjectError:  # one that can not be read is no choice
            continue
    if not found:
        raise ProjectError(f"no pipeline of {app.project.root} names a generator: write one into init/NAME.yml")
    return sorted(found, key=lambda name: (name != "bank", name))


class _OrNothing(click.ParamType[Any]):
    """A value of another type, or nothing."""

    def __init__(self, kind: click.ParamType[Any]) -> None:
        self._kind, self.name = kind, kind.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        return "" if value == "" else self._kind.convert(value, param, ctx)


def _kind(question: Question) -> click.ParamType[Any]:
    return _OrNothing(question.kind) if question.optional else question.kind


def _prompt(text: str, **options: Any) -> Any:
    return click.prompt(text, err=True, **options)
