"""`streamguard produce`: generated records into a pipeline's topic."""

from __future__ import annotations

import secrets
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from streamguard.commands import INTERRUPTED, App
from streamguard.commands.output import output_option, show_one
from streamguard.commands.produce_options import options

if TYPE_CHECKING:
    from streamguard.datagen.producing.bookkeeping import Files
    from streamguard.datagen.producing.orders import Orders
    from streamguard.datagen.records.run import Run
    from streamguard.datagen.world.model import World
    from streamguard.model import Pipeline

OF_THE_RUN = ("pipeline", "world", "mode", "rate", "full_speed", "since", "days", "seed", "name", "fraudulent_share",
              "unidentified_share", "people", "campaigns", "faults", "places", "no_truth")  # fmt: skip
"""What a journal has already."""

OF_THE_SENDING = ("count", "duration", "speed", "then_live", "workers")
"""What it has, too, and what may be said anew."""


@click.command()
@options
@output_option
@click.pass_context
def produce(ctx: click.Context, /, **given: Any) -> int:
    """Write generated records to the topic of PIPELINE, until Ctrl-C, --count or --duration.

    Every record is acknowledged by Kafka or reported as failed. The summary on stdout says how many of each label were
    acknowledged; progress is on stderr. Two runs need two names: records of the same run and number have the same
    transaction id. On a terminal, the command without any argument asks what shall be produced.

    \b
    Examples:
      streamguard produce bank                           at the pipeline's own rate, until Ctrl-C
      streamguard produce bank --rate 500 --count 20000  20,000 records in 40 seconds
      streamguard produce bank --max --duration 10       as fast as this machine can
      streamguard produce bank --days 30 --then-live     the last 30 days, then what comes
      streamguard produce bank --mode velocity           half of it bursts of one account
      streamguard produce --world card --to card.jsonl --count 1000
      streamguard produce bank --count 1000 --seed 7 --output json
    """
    app: App = ctx.obj
    if _is_bare(ctx) and sys.stdin.isatty() and sys.stderr.isatty():
        from streamguard.commands.produce_menu import ask

        arguments = ask(app)
        return 0 if arguments is None else int(produce.main(arguments, obj=app, standalone_mode=False) or 0)
    if given["verify"] is not None:
        return _verify(app, given["verify"])
    _check(ctx, given)
    if given["resume"] is not None:
        return _resume(app, ctx, given)
    run, orders = _planned(app, given)
    if given["explain"]:
        return _explain(run, orders)
    from streamguard.datagen.producing.bookkeeping import Files

    files = Files(given["manifest"], given["journal"])
    if given["target"] is not None:
        return _write_out(app, run, orders, files, given)
    return _send(app, run, orders, files, given)


def new_run(
    app: App,
    pipeline: Pipeline,
    *,
    rate: float | None,
    seed: int | None,
    people: int | None,
    name: str | None = None,
) -> Run:
    """A run of a pipeline's own world that begins now; what is None is drawn or the world's default."""
    from streamguard.datagen.producing.planning import Wishes, plan

    world, topics, _ = _world(app, pipeline.name, None, {})
    wishes = Wishes(
        name=name or secrets.token_hex(4),
        seed=secrets.randbits(32) if seed is None else seed,
        rate=rate,
        counts={} if people is None else {"person": people},
        topics=topics,
    )
    return plan(world, wishes, datetime.now(UTC))[0]


def _is_bare(ctx: click.Context) -> bool:
    return not any(_is_given(ctx, name) for name in ctx.params)


def _is_given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) != ParameterSource.DEFAULT


def _check(ctx: click.Context, given: dict[str, Any]) -> None:
    """What contradicts itself whatever the world is."""
    for one, other in (("rate", "full_speed"), ("speed", "full_speed")):
        if given[one] and given[other]:
            raise click.UsageError(f"--{one} and --max exclude each other.")
    if (given["fraudulent_share"] or 0) + (given["unidentified_share"] or 0) > 100:
        raise click.UsageError("--fraudulent-share and --unidentified-share are more than 100 percent together.")
    if given["target"] is not None:
        _check_target(given)
    if given["resume"] is not None:
        twice = [name for name in OF_THE_RUN if _is_given(ctx, name)]
        if twice:
            raise click.UsageError(f"the journal says what --resume goes on with: leave {_told(ctx, twice)} out.")


def _check_target(given: dict[str, Any]) -> None:
    if given["workers"] > 1:
        raise click.UsageError("--to and --workers exclude each other: a file is written by one process.")
    if given["journal"] is not None or given["resume"] is not None:
        raise click.UsageError(
            "--to has no journal: the same --seed, --run and --from write the same file again, so leave --journal and "
            "--resume out."
        )


def _told(ctx: click.Context, names: list[str]) -> str:
    params = {param.name: param for param in ctx.command.params}
    return " and ".join(params[name].opts[-1] if params[name].opts[0][:1] == "-" else "PIPELINE" for name in names)


def _world(
    app: App, pipeline: str, world: str | None, places: dict[str, Any]
) -> tuple[World, dict[str, str], float | None]:
    """The world, and the topics and the rate that the pipeline gives its streams."""
    from streamguard.datagen.world.reading import find_world, worlds
    from streamguard.errors import ProjectError
    from streamguard.project import did_you_mean, generator_of

    if (
        world is None
        and pipeline in worlds(app.project)
        and (pipeline not in app.project.pipelines() or app.pipeline(pipeline).generator is None)
    ):
        world = pipeline  # a world that no pipeline generates
    if world is not None:
        return _read(app, find_world(app.project, world), places), {}, None
    generator = generator_of(app.pipeline(pipeline))
    known = worlds(app.project)
    if generator.world not in known:
        hint = did_you_mean(generator.world, known)
        raise ProjectError(f"init/{pipeline}.yml: generator.world: no world {generator.world}{hint}")
    found = _read(app, find_world(app.project, generator.world), places)
    first = found.streams[0]
    topics = {first.name: generator.topic} if first.topic != generator.topic else {}
    return found, topics, generator.rate


def _read(app: App, path: Path, places: dict[str, Any]) -> World:
    """The world at `path`; what only --set makes wrong is an error of usage."""
    from streamguard.datagen.world.reading import read_world
    from streamguard.errors import ProjectError

    try:
        return read_world(path, places, app.settings.cache_dir)
    except ProjectError as exc:
        if places:
            read_world(path, cache_dir=app.settings.cache_dir)
            raise click.UsageError(f"--set: {exc}") from exc
        raise


def _planned(app: App, given: dict[str, Any]) -> tuple[Run, Orders]:
    from streamguard.datagen.producing.planning import Contradiction, Wishes, overrides, plan
    from streamguard.errors import ProjectError

    world, topics, own = _world(app, given["pipeline"], given["world"], given["places"])
    rate = given["rate"]
    if rate is None and not given["full_speed"]:
        rate = own
    if changed := overrides(world, given["mode"], rate):
        world, topics, _ = _world(app, given["pipeline"], given["world"], {**given["places"], **changed})
        rate = None
    shares = {"fraudulent": given["fraudulent_share"], "unidentified": given["unidentified_share"]}
    wishes = Wishes(
        name=given["name"] or secrets.token_hex(4),
        seed=secrets.randbits(32) if given["seed"] is None else given["seed"],
        rate=rate,
        counts={} if given["people"] is None else {"person": given["people"]},
        labels={name: percent / 100 for name, percent in shares.items() if percent is not None},
        truth=not given["no_truth"],
        topics=topics,
        **{
            name: given[name]
            for name in ("mode", "full_speed", "speed", "count", "duration", "since", "days", "then_live", "workers")
        },
        **{name: given[name] for name in ("campaigns", "faults")},
    )
    try:
        run, orders = plan(world, wishes, datetime.now(UTC))
        run.resolved()  # names what is not there, before anything begins
    except (Contradiction, ProjectError) as exc:
        raise click.UsageError(f"{exc}.") from exc
    return run, orders


def _resume(app: App, ctx: click.Context, given: dict[str, Any]) -> int:
    """Go on with the run of a journal, as it was sent; what is said anew about that wins."""
    from streamguard.datagen.producing.bookkeeping import Files
    from streamguard.datagen.producing.orders import orders_of
    from streamguard.datagen.records.journal import read_journal

    resumed = read_journal(given["resume"])
    doubtful = sum(position.doubtful for position in resumed.positions.values())
    at = ", ".join(f"{name} at {position.watermark:,}" for name, position in resumed.positions.items())
    click.echo(f"run {resumed.run.name} goes on: {at}; up to {doubtful:,} records may be there twice", err=True)
    anew = {name: given[name] for name in OF_THE_SENDING if _is_given(ctx, name)}
    orders = orders_of(resumed, {**anew, "paced": True} if "speed" in anew else anew)
    files = Files(given["manifest"], given["resume"], resumed.positions)
    return _send(app, resumed.run, orders, files, given)


def _send(app: App, run: Run, orders: Orders, files: Files, given: dict[str, Any]) -> int:
    from streamguard.datagen.producing.generate import generate
    from streamguard.errors import TopicError

    try:
        outcome = generate(app.settings, run, orders, files=files, metrics_port=given["metrics_port"])
    except TopicError as exc:
        raise TopicError(_about_topics(app, run) or str(exc)) from exc
    if sys.stderr.isatty():
        colour = "red" if outcome.totals.error else "green"
        click.secho(f"{'failed' if outcome.totals.error else 'done'}: {outcome.done}", fg=colour, bold=True, err=True)
    show_one(_shown(outcome.summary()) if given["output"] == "table" else outcome.summary(), given["output"])
    outcome.check(app.settings.kafka_bootstrap)
    return INTERRUPTED if outcome.interrupted else 0


def _about_topics(app: App, run: Run) -> str:
    """Which topics of a run are missing, and what makes them; empty if none is."""
    from streamguard.datagen.producing.sending import topics_of
    from streamguard.errors import ProjectError
    from streamguard.kafka.topics import existing_topics

    wanted = [topic for topics in topics_of(run) for topic in topics]
    there = existing_topics(app.settings, wanted)
    missing = [topic for topic in wanted if topic not in there]
    if not missing:
        return ""
    told = f"no topic {', '.join(missing)} at {app.settings.kafka_bootstrap}"
    for name in app.project.pipelines():
        with suppress(ProjectError):  # one that can not be read declares nothing
            if app.pipeline(name).topic(missing[0]) is not None:
                return f"{told}: make it with `streamguard topics apply {name}`"
    name, each = run.world.name, ", ".join(f"{topic}: {{partitions: 4}}" for topic in missing)
    return (
        f"{told}, and no pipeline has it: write `topics: {{{each}}}` into init/{name}.yml, "
        f"then `streamguard topics apply {name}`"
    )


def _shown(summary: dict[str, Any]) -> dict[str, Any]:
    """For people: without what is empty, and with small tables as text."""
    told = {
        name: ", ".join(f"{key} {number}" for key, number in value.items()) if isinstance(value, dict) else value
        for name, value in summary.items()
    }
    return {name: value for name, value in told.items() if value is not None and value not in ("", [])}


def _write_out(app: App, run: Run, orders: Orders, files: Files, given: dict[str, Any]) -> int:
    """Without a wish for its pace, a file is written as fast as possible."""
    from streamguard.commands.progress import show_parts
    from streamguard.datagen.producing.generate import write_out
    from streamguard.datagen.producing.planning import Contradiction, written_at_once
    from streamguard.datagen.sinks import is_sink, taken

    target = given["target"]
    if not is_sink(target):
        raise click.UsageError(f"--to {target}: name stdout, FILE.jsonl or FILE.parquet.")
    truth = run.resolved().truth
    told = [] if truth is None else ["truth", "labels"][: 1 + (truth.labels is not None)]
    if not given["overwrite"] and (there := taken(target, told)) is not None:
        raise click.UsageError(f"{there} is there already: add --overwrite, or name another file.")
    if orders.count is None and orders.duration is None and run.to is None:
        raise click.UsageError("--to needs an end: add --count, --duration or --days.")
    if given["rate"] is None and given["speed"] is None:
        try:
            run = written_at_once(run, orders)
        except Contradiction as exc:
            raise click.UsageError(str(exc)) from exc
    with show_parts("records") as show:
        run, sent, interrupted = write_out(run, orders, target, app.settings, files=files, show=show)
    click.echo(f"{target}: {sent:,} records of run {run.name}, seed {run.seed}", err=True)
    return INTERRUPTED if interrupted else 0


def _explain(run: Run, orders: Orders) -> int:
    from streamguard.datagen.explaining.explain import explain

    click.echo(explain(run.resolved()))
    click.echo(f"run {run.name}, seed {run.seed}: {_way(run, orders)}")
    return 0


def _way(run: Run, orders: Orders) -> str:
    """How a run is sent, in words."""
    from streamguard.datagen.producing.orders import at_full_speed

    when = f"from {run.start:%Y-%m-%d %H:%M} UTC" if run.backfill else "from now on"
    until = f" to {run.to:%Y-%m-%d %H:%M} UTC" if run.to else ""
    fast = at_full_speed(run, orders)
    how = "as fast as possible" if fast else f"{orders.speed:g} times as fast as the clock" * (orders.speed != 1)
    parts = [
        when + until,
        how or "as records are due",
        "then live" if orders.then_live else "",
        f"{orders.count:,} records" if orders.count else "",
        f"{orders.duration:g} seconds" if orders.duration else "",
        f"{orders.workers} workers" if orders.workers > 1 else "",
    ]
    return ", ".join(filter(None, parts))


def _verify(app: App, path: Path) -> int:
    from streamguard.commands.progress import show_parts
    from streamguard.datagen.records.manifest import differences, read_manifest

    manifest = read_manifest(path)
    with show_parts("records") as on_parts:
        found = differences(manifest, app.settings.cache_dir, show=lambda _stream, done, wanted: on_parts(done, wanted))
    for difference in found:
        click.echo(difference, err=True)
    if not found:
        told = ", ".join(f"{entry.count:,} records of {entry.stream}" for entry in manifest.entries)
        click.echo(f"{path}: {told}: equal (the run worked out again; no file and no topic was read)")
    return 1 if found else 0
