"""Names, patterns and questions: what the commands share that change what runs on a cluster."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import completion
from streamguard.commands.output import show
from streamguard.errors import Refused

if TYPE_CHECKING:
    from streamguard.connect.operating.operate import Outcome

F = TypeVar("F", bound=Callable[..., Any])

LONGEST = 86_400.0
SECONDS = click.FloatRange(0, LONGEST)
SHOWN = 10
"""How many names a question repeats."""
COLUMNS = ("name", "action", "state")

patterns_argument = click.argument("patterns", nargs=-1, metavar="[NAME|GLOB]...", shell_complete=completion.connectors)
required_patterns = click.argument(
    "patterns", nargs=-1, required=True, metavar="NAME|GLOB...", shell_complete=completion.connectors
)
jobs_option = click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    metavar="N",
    help="Connectors at a time.",
)


def many_options(function: F) -> F:
    """What chooses several connectors and says how to go about them: NAMES, --all, --yes, --jobs."""
    options = (
        patterns_argument,
        click.option("--all", "everything", is_flag=True, help="Every connector of the cluster."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask."),
        jobs_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def wait_options(function: F) -> F:
    """How long to wait for what was asked for, and whether."""
    waits = click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until it is so.")
    timeout = click.option(
        "--timeout", type=SECONDS, default=60.0, show_default=True, metavar="SECONDS", help="How long to wait."
    )
    return waits(timeout(function))


def require_names(patterns: Sequence[str], everything: bool) -> None:
    """A usage error unless there are names or --all, and not both."""
    if patterns and everything:
        raise click.UsageError("--all and names exclude each other")
    if not patterns and not everything:
        raise click.UsageError("Missing argument 'NAME|GLOB...' (or --all)")


def means_many(patterns: Sequence[str]) -> bool:
    """Is what a command means not said name by name?"""
    from streamguard.connect.rest.globs import is_pattern

    return not patterns or any(is_pattern(pattern) for pattern in patterns)


def ask(question: str, yes: bool) -> None:
    """Return if the answer is yes; `Refused` where there is nobody to ask."""
    if yes:
        return
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        click.echo(err=True)  # the question has no end of line
        raise Refused("nothing was done, since nobody answered: --yes does it without asking") from None
    if not agreed:
        raise click.Abort


def listed(names: Sequence[str]) -> str:
    """The names, as many as fit a question."""
    from streamguard import project

    return project.listed(names, SHOWN)


def connectors(count: int) -> str:
    """As in ``3 connectors``."""
    return f"{count} connector{'' if count == 1 else 's'}"


def finish(outcomes: Sequence[Outcome], output: str) -> None:
    """The table of what came of it, and the error if something went wrong."""
    from streamguard.connect.operating.operate import raise_for

    show([outcome.row() for outcome in outcomes], COLUMNS, output)
    raise_for(outcomes)


def tell(outcome: Outcome) -> None:
    """A line about one connector, as soon as it is known; why something failed is said once, at the end."""
    click.echo(f"{outcome.name}: {outcome.action}", err=True)
