"""`streamguard connectors offsets …`: where sinks go on, and moving that."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import completion
from streamguard.commands.connectors.asking import (
    SECONDS,
    ask,
    connectors,
    jobs_option,
    listed,
    patterns_argument,
    required_patterns,
)
from streamguard.commands.connectors.options import client_of, require_kafka, unfit_kafka, url_option
from streamguard.commands.output import output_option, show
from streamguard.commands.progress import show_parts

if TYPE_CHECKING:
    from types import FrameType

    from streamguard.commands import App
    from streamguard.connect.offsets.moves import Move, Standing
    from streamguard.connect.rest.client import ConnectClient

    Plan = Callable[[Standing], list[Move]]

F = TypeVar("F", bound=Callable[..., Any])
COLUMNS = ("connector", "topic", "partition", "offset", "first", "end", "lag", "group")
MOVES = ("connector", "topic", "partition", "before", "after", "skipped", "repeated")
CONTROL = ("keep", "end", "earliest")


def altering_options(function: F) -> F:
    """What every command that moves offsets takes."""
    options = (
        click.option("--dry-run", is_flag=True, help="Show what would be moved, and stop."),
        click.option("-y", "--yes", is_flag=True, help="Do not ask, unless records would be skipped."),
        click.option("--allow-skip", is_flag=True, help="With --yes: do it even if records are never written then."),
        click.option(
            "--timeout", type=SECONDS, default=60.0, show_default=True, metavar="SECONDS", help="For the tasks to end."
        ),
        jobs_option,
        url_option,
        output_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def control_option(default: str) -> Callable[[F], F]:
    """The second group of an Iceberg sink."""
    return click.option(
        "--control",
        type=click.Choice(CONTROL),
        default=default,
        show_default=True,
        help="Iceberg sinks: their place in the control topic. Data files of events that are passed over are not put "
        "into the table.",
    )


@click.group()
def offsets() -> None:
    """Show and move the offsets of sinks.

    Whatever moves offsets stops the sink, moves them, and puts the sink back into the state of before, also when
    something goes wrong in between. What would skip records is refused unless you say so.

    \b
    Examples:
      streamguard connectors offsets get users-s3-sink
      streamguard connectors offsets reset users-mongodb-sink --dry-run
      streamguard connectors offsets export '*' > offsets.yml
    """


@offsets.command()
@patterns_argument
@url_option
@output_option
@click.pass_obj
def get(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """Show where sinks go on: offset, first and end of each partition, lag. An Iceberg sink has a second group.

    \b
    Examples:
      streamguard connectors offsets get
      streamguard connectors offsets get users-s3-sink -o json
    """
    from streamguard.connect.offsets.moves import warnings

    found = _standings(app, client_of(app, url), patterns, tables=True)
    show([row for standing in found for row in standing.rows()], COLUMNS, output)
    for text in (text for standing in found for text in warnings(standing)):
        click.echo(f"warning: {text}", err=True)


@offsets.command("set")
@click.argument("name", shell_complete=completion.connectors)
@click.argument("targets", nargs=-1, required=True, metavar="TOPIC[:PARTITION]=OFFSET...")
@control_option("keep")
@altering_options
@click.pass_obj
def set_(app: App, /, *, name: str, targets: tuple[str, ...], control: Any, **options: Any) -> None:
    """Set a sink to offsets: a number, earliest, latest, or a step like +1 or -100 from where it is.

    Without a partition it is all partitions of the topic; what is not named stays.

    \b
    Examples:
      streamguard connectors offsets set users-mongodb-sink users:0=120 users:1=80
      streamguard connectors offsets set users-mongodb-sink users=-100
      streamguard connectors offsets set users-mongodb-sink users:2=+1 --yes --allow-skip
    """
    from streamguard.connect.offsets.moves import control_moves, parse_target, set_to

    try:
        parsed = [parse_target(text) for text in targets]
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None
    plan: Plan = lambda standing: [*set_to(standing, parsed), *control_moves(standing, control)]  # noqa: E731
    _alter(app, (name,), lambda _: plan, **options)


@offsets.command()
@required_patterns
@click.option(
    "--to",
    type=click.Choice(("earliest", "latest", "none")),
    default="earliest",
    show_default=True,
    help="The first offset, the next one, or none: then the sink's auto.offset.reset decides.",
)
@control_option("end")
@altering_options
@click.pass_obj
def reset(app: App, /, *, patterns: tuple[str, ...], to: Any, control: Any, **options: Any) -> None:
    """Set sinks to the beginning of every partition, also of those from which they have read nothing yet.

    An Iceberg sink only ever adds rows: empty its table first, or it has them twice. What it has written and not yet
    put into the table is written anew, so its place in the control topic goes to the end; unless it is told to go to
    latest, where that would be lost.

    \b
    Examples:
      streamguard connectors offsets reset users-mongodb-sink --dry-run
      streamguard connectors offsets reset 'users-*' --yes
      streamguard connectors offsets reset users-mongodb-sink --to latest --yes --allow-skip
    """
    from streamguard.connect.offsets.moves import control_moves, reset_to

    given = click.get_current_context().get_parameter_source("control")
    if to == "latest" and given is click.core.ParameterSource.DEFAULT:
        control = "keep"
    plan: Plan = lambda standing: [*reset_to(standing, to), *control_moves(standing, control)]  # noqa: E731
    _alter(app, patterns, lambda _: plan, **options)


@offsets.command("to-datetime")
@click.argument("time", metavar="TIME")
@required_patterns
@control_option("keep")
@altering_options
@click.pass_obj
def to_datetime(app: App, /, *, time: str, patterns: tuple[str, ...], control: Any, **options: Any) -> None:
    """Set sinks to the first record of each partition that is as young as TIME, by the timestamps of the records.

    TIME is ISO 8601 with Z or an offset, or a time ago like 90m, 2h, 3d. A partition without such a record goes to its
    end.

    \b
    Examples:
      streamguard connectors offsets to-datetime 2026-11-22T10:00:00Z users-mongodb-sink
      streamguard connectors offsets to-datetime 2h 'users-*' --dry-run
    """
    from datetime import UTC

    from streamguard.connect.offsets.altering import at_time
    from streamguard.connect.offsets.instants import parse_instant
    from streamguard.connect.offsets.moves import control_moves, to_time

    try:
        milliseconds = parse_instant(time, datetime.now(UTC))
    except ValueError as exc:
        raise click.UsageError(str(exc)) from None

    def plan(standing: Standing) -> list[Move]:
        found = at_time(app.settings, standing, milliseconds)
        return [*to_time(standing, found), *control_moves(standing, control)]

    _alter(app, patterns, lambda _: plan, **options)


@offsets.command("export")
@patterns_argument
@url_option
@click.option("-o", "--output", type=click.Choice(("yaml", "json")), default="yaml", show_default=True)
@click.pass_obj
def export_(app: App, patterns: tuple[str, ...], url: str | None, output: str) -> None:
    """Print the offsets of sinks as a document that `import` takes, second groups among them.

    \b
    Examples:
      streamguard connectors offsets export > offsets.yml
      streamguard connectors offsets export 'users-*' -o json
    """
    import json
    from datetime import UTC

    import yaml

    from streamguard.connect.offsets.moves import VERSION, export

    client = client_of(app, url)
    document = {
        "version": VERSION,
        "kafka_cluster": client.worker().cluster_id,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "connectors": [export(standing) for standing in _standings(app, client, patterns)],
    }
    text = json.dumps(document, indent=2) if output == "json" else yaml.safe_dump(document, sort_keys=False).rstrip()
    click.echo(text)


@offsets.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path))
@patterns_argument
@click.option("--other-cluster", is_flag=True, help="Also if the offsets are those of another Kafka cluster.")
@altering_options
@click.pass_obj
def import_(app: App, /, *, file: Path, patterns: tuple[str, ...], other_cluster: bool, **options: Any) -> None:
    """Set sinks to the offsets that `export` wrote: those in FILE, of them the ones that are named.

    Partitions that FILE does not name stay where they are. - reads from stdin, with --yes.

    \b
    Examples:
      streamguard connectors offsets import offsets.yml --dry-run
      streamguard connectors offsets import offsets.yml users-mongodb-sink --yes
    """
    from streamguard.connect.offsets.files import by_name, read
    from streamguard.connect.offsets.moves import imported
    from streamguard.connect.rest.globs import select

    document = read(file)
    saved = by_name(document, client_of(app, options["url"]).worker().cluster_id, other_cluster=other_cluster)
    names = select(patterns, saved, str(file))
    _alter(app, names, lambda name: lambda standing: imported(standing, saved[name]), **options)


def _standings(app: App, client: ConnectClient, patterns: Sequence[str], *, tables: bool = False) -> list[Standing]:
    """Where the sinks stand; sources are left out, unless they are named. `tables`: of Iceberg are asked too."""
    from streamguard.connect.offsets.altering import standings, standings_without_kafka
    from streamguard.connect.offsets.remembered import with_tables
    from streamguard.connect.rest.globs import is_pattern, select
    from streamguard.errors import KafkaUnavailable

    known = client.connectors_for(patterns)
    named = {pattern for pattern in patterns if not is_pattern(pattern)}
    configs = {}
    for name in select(patterns, known, client.shown_url):
        status = known[name].status
        if status is None or status.type != "source" or name in named:
            configs[name] = known[name].config
    with show_parts("Looking at offsets") as progress:
        away = unfit_kafka(app, client)
        try:
            if not away:
                stand = standings(client, app.settings, configs, progress=progress)
                return list((with_tables(app.settings, stand, configs) if tables else stand).values())
        except KafkaUnavailable as exc:
            away = str(exc)
        found = standings_without_kafka(client, configs, progress=progress)
    click.echo(f"without ends and lag: {away}", err=True)
    return list(found.values())


def _alter(
    app: App,
    patterns: Sequence[str],
    plan_of: Callable[[str], Plan],
    *,
    dry_run: bool,
    yes: bool,
    allow_skip: bool,
    timeout: float,
    jobs: int,
    url: str | None,
    output: str,
) -> None:
    """Show the moves, ask, and carry them out on each sink."""
    from streamguard.connect.offsets.altering import standings
    from streamguard.connect.rest.globs import select

    client = client_of(app, url)
    known = client.connectors_for(patterns)
    names = select(patterns, known, client.shown_url)
    require_kafka(app, client)
    with show_parts("Looking at offsets") as progress:
        configs = {name: known[name].config for name in names}
        stand = standings(client, app.settings, configs, jobs=jobs, progress=progress)
    moves = {name: plan_of(name)(stand[name]) for name in names}
    todo = [name for name in names if any(one.is_one for one in moves[name])]
    rows = [one.row(name) for name in names for one in moves[name]]
    if dry_run or not todo:
        show(rows, MOVES, output)
        click.echo("nothing was moved" if todo else "nothing to move", err=True)
        return
    _ask(client, {name: stand[name] for name in todo}, moves, yes=yes, allow_skip=allow_skip)
    _carry_out(app, client, todo, configs, plan_of, timeout=timeout, jobs=jobs, output=output)


def _ask(
    client: ConnectClient,
    stand: Mapping[str, Standing],
    moves: Mapping[str, list[Move]],
    *,
    yes: bool,
    allow_skip: bool,
) -> None:
    """What would lose data has a question of its own, which --yes alone does not answer."""
    from streamguard.connect.offsets.moves import loss
    from streamguard.errors import Refused

    lost = {name: loss(standing, moves[name]) for name, standing in stand.items()}
    told = "; ".join(f"{name}: {words}" for name, words in lost.items() if words)
    if told and yes and not allow_skip:
        raise Refused(f"{told}. Nothing was changed; if that is what you want, say --allow-skip too")
    names = list(stand)
    repeated = sum(one.repeated for name in names for one in moves[name] if not one.control)
    what = f", {repeated:,} records are read again" if repeated else ""
    ask(f"Stop {connectors(len(names))} at {client.shown_url} and move the offsets{what}: {listed(names)}?", yes)
    if told:
        ask(f"{told}. Really?", allow_skip)


def _carry_out(
    app: App,
    client: ConnectClient,
    names: Sequence[str],
    configs: Mapping[str, Mapping[str, str]],
    plan_of: Callable[[str], Plan],
    *,
    timeout: float,
    jobs: int,
    output: str,
) -> None:
    from streamguard.connect.offsets import altering
    from streamguard.connect.operating.operate import each, raise_for

    done: dict[str, list[Move]] = {}

    def act(name: str) -> str:
        def tell(text: str) -> None:
            click.echo(f"{name}: {text}", err=True)

        with altering.stopped(client, name, timeout=timeout, tell=tell):
            # Planned again: until it had stopped it read on.
            now = altering.standing(client, app.settings, name, configs[name])
            moves = plan_of(name)(now)
            altering.alter(client, app.settings, now, moves, timeout=timeout)
            done[name] = moves
        return f"{sum(one.is_one for one in moves)} offsets moved"

    signal.signal(signal.SIGTERM, _interrupt)
    outcomes = each(names, act, jobs, lambda outcome: click.echo(f"{outcome.name}: {outcome.action}", err=True))
    show([one.row(name) for name in names for one in done.get(name, ())], MOVES, output)
    raise_for(outcomes)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """SIGTERM ends the command as Ctrl-C does: what was stopped is put back first."""
    raise KeyboardInterrupt
