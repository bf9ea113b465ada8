"""What runs on a cluster, changed: restart, pause, resume, stop, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from streamguard.commands.connectors.asking import (
    SECONDS,
    ask,
    connectors,
    finish,
    listed,
    many_options,
    means_many,
    require_names,
    tell,
    wait_options,
)
from streamguard.commands.connectors.options import client_of, require_kafka, url_option
from streamguard.commands.output import output_option

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.connect.rest.answers import Deployed, State
    from streamguard.connect.rest.client import ConnectClient

F = TypeVar("F", bound=Callable[..., Any])


def change_options(function: F) -> F:
    """What every command takes that tells connectors to be in another state."""
    for option in (output_option, url_option, wait_options, many_options):
        function = option(function)
    return function


@click.command()
@many_options
@click.option("--only-failed", is_flag=True, help="Only connectors and tasks that are FAILED.")
@wait_options
@url_option
@output_option
@click.pass_obj
def restart(
    app: App,
    *,
    patterns: tuple[str, ...],
    everything: bool,
    yes: bool,
    jobs: int,
    only_failed: bool,
    wait: bool,
    timeout: float,
    url: str | None,
    output: str,
) -> None:
    """Restart connectors with their tasks, and wait until these run and stay so.

    One that is STOPPED is left alone, one that is PAUSED stays so. With --only-failed nothing is asked: what runs is
    not touched.

    \b
    Examples:
      streamguard connectors restart users-s3-sink
      streamguard connectors restart --only-failed --all
      streamguard connectors restart '*-s3-sink' --yes --no-wait
    """
    from streamguard.connect.operating import operate

    require_names(patterns, everything)
    client = client_of(app, url)
    known, names = _chosen(client, patterns)
    if only_failed:
        names = operate.needing_restart(known, names)
    elif names and means_many(patterns):
        ask(f"Restart {connectors(len(names))} at {client.shown_url}: {listed(names)}?", yes)

    def act(name: str) -> str:
        return operate.restart(client, name, known[name].status, only_failed=only_failed)

    if not names:
        click.echo("nothing to restart", err=True)
    outcomes = operate.each(names, act, jobs, tell)
    if wait:
        outcomes = operate.settle_restarts(client, outcomes, known, timeout=timeout)
    finish(outcomes, output)


@click.command()
@change_options
@click.pass_obj
def pause(app: App, /, **options: Any) -> None:
    """Pause connectors: their tasks stay, with their connections and memory, and read nothing.

    \b
    Examples:
      streamguard connectors pause users-s3-sink
      streamguard connectors pause 'users-*' --yes
      streamguard connectors pause --all --no-wait
    """
    _change(app, "pause", **options)


@click.command()
@change_options
@click.pass_obj
def resume(app: App, /, **options: Any) -> None:
    """Resume connectors that are PAUSED or STOPPED, and wait until their tasks run and stay so.

    \b
    Examples:
      streamguard connectors resume users-s3-sink
      streamguard connectors resume 'users-*' --yes --timeout 120
    """
    _change(app, "resume", **options)


@click.command()
@change_options
@click.pass_obj
def stop(app: App, /, **options: Any) -> None:
    """Stop connectors: their tasks end. Config and offsets stay, `resume` goes on where they were.

    \b
    Examples:
      streamguard connectors stop users-s3-sink
      streamguard connectors stop 'users-*' --yes
    """
    _change(app, "stop", **options)


@click.command()
@many_options
@click.option("--reset-offsets", is_flag=True, help="Forget how far they have read, too: stop, reset offsets, delete.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the tasks may take to end before their offsets are reset.",
)
@url_option
@output_option
@click.pass_obj
def delete(
    app: App,
    *,
    patterns: tuple[str, ...],
    everything: bool,
    yes: bool,
    jobs: int,
    reset_offsets: bool,
    timeout: float,
    url: str | None,
    output: str,
) -> None:
    """Delete connectors. Their consumer groups stay: made again, they go on where they were.

    With --reset-offsets they read everything again when they are made again, as far as Kafka still has it.

    \b
    Examples:
      streamguard connectors delete users-s3-sink
      streamguard connectors delete users-s3-sink users-mongodb-sink --yes
      streamguard connectors delete 'trial-*' --reset-offsets
    """
    from streamguard.connect.offsets.altering import forget
    from streamguard.connect.operating import operate
    from streamguard.connect.templates.own import owner_of

    require_names(patterns, everything)
    client = client_of(app, url)
    if reset_offsets:
        require_kafka(app, client)
    known, names = _chosen(client, patterns)
    after = "made again, they read everything again" if reset_offsets else "their offsets stay"
    foreign = sum(owner_of(known[name].config) is None for name in names)
    after += f"; {foreign} of them not deployed by streamguard" if foreign else ""
    if names:
        ask(f"Delete {connectors(len(names))} at {client.shown_url} ({after}): {listed(names)}?", yes)

    def act(name: str) -> str:
        if reset_offsets:
            forget(client, app.settings, name, known[name].config, timeout=timeout)
        client.delete(name)
        return "deleted, offsets reset" if reset_offsets else "deleted"

    finish(operate.each(names, act, jobs, tell), output)


def _chosen(client: ConnectClient, patterns: Sequence[str]) -> tuple[Mapping[str, Deployed], list[str]]:
    from streamguard.connect.rest.globs import select

    known = client.connectors_for(patterns)
    return known, select(patterns, known, client.shown_url)


def _change(
    app: App,
    word: Literal["pause", "resume", "stop"],
    *,
    patterns: tuple[str, ...],
    everything: bool,
    yes: bool,
    jobs: int,
    wait: bool,
    timeout: float,
    url: str | None,
    output: str,
) -> None:
    """Tell the chosen connectors to be in another state, and wait until they are."""
    from streamguard.connect.operating import operate

    require_names(patterns, everything)
    client = client_of(app, url)
    act, state = _told(client)[word]
    known, names = _chosen(client, patterns)
    todo = [name for name in names if not operate.reached(known[name].status, state)]
    if todo and means_many(patterns):
        ask(f"{word.capitalize()} {connectors(len(todo))} at {client.shown_url}: {listed(todo)}?", yes)

    def do(name: str) -> str:
        act(name)
        return word

    there = [operate.Outcome(name, "unchanged", state.upper()) for name in names if name not in todo]
    done = operate.each(todo, do, jobs, tell)
    if wait:
        done = operate.settle(client, done, known, state, timeout=timeout)
    finish(sorted([*there, *done], key=lambda outcome: outcome.name), output)


def _told(client: ConnectClient) -> dict[str, tuple[Callable[[str], None], State]]:
    """What is asked of the worker for each command, and the state that comes of it."""
    return {
        "pause": (client.pause, "paused"),
        "resume": (client.resume, "running"),
        "stop": (client.stop, "stopped"),
    }
