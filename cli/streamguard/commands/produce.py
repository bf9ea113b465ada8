"""`streamguard produce`: generated records into a pipeline's topic."""

from __future__ import annotations

import math
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from streamguard.commands import INTERRUPTED, App, completion
from streamguard.commands.output import output_option, show_one

if TYPE_CHECKING:
    from streamguard.datagen.worlds.bank import Run
    from streamguard.model import Pipeline

F = TypeVar("F", bound=Callable[..., Any])
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def _finite(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number.")
    return value


def _run_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not RUN_NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not made of up to 64 letters, digits, dots, dashes and underscores.")
    return value


def _percent(name: str, default: float, about: str) -> Callable[[F], F]:
    kind = click.FloatRange(0, 100)
    return click.option(
        name, type=kind, default=default, callback=_finite, metavar="PERCENT", show_default=True, help=about
    )


@click.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="N",
    help="Records a second.  [default: that of init/PIPELINE.yml]",
)
@click.option("--max", "full_speed", is_flag=True, help="As fast as possible.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Stop after N records.")
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="Stop after this time.",
)
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Makes a run repeatable.  [default: a new one]")
@click.option(
    "--run", "name", callback=_run_name, metavar="NAME", help="Begins the transaction ids.  [default: a new one]"
)
@_percent("--fraudulent-share", 10.0, "Records evaluated as fraudulent.")
@_percent("--unidentified-share", 20.0, "Records evaluated as unidentified; the rest is legitimate.")
@click.option(
    "--people", type=click.IntRange(2, 1_000_000), default=5_000, show_default=True, help="People who send and receive."
)
@output_option
@click.pass_obj
def produce(
    app: App,
    *,
    pipeline: str,
    rate: float | None,
    full_speed: bool,
    count: int | None,
    duration: float | None,
    seed: int | None,
    name: str | None,
    fraudulent_share: float,
    unidentified_share: float,
    people: int,
    output: str,
) -> int:
    """Write generated records to the topic of PIPELINE, until Ctrl-C, --count or --duration.

    Every record is acknowledged by Kafka or reported as failed. The summary on stdout says how many of each evaluation
    were acknowledged; progress is on stderr. Two runs need two names: records of the same run and number have the same
    transaction id.

    \b
    Examples:
      streamguard produce bank                           at the pipeline's own rate, until Ctrl-C
      streamguard produce bank --rate 500 --count 20000  20,000 records in 40 seconds
      streamguard produce bank --max --duration 10       as fast as this machine can
      streamguard produce bank --count 1000 --seed 7 --output json
    """
    from streamguard.datagen.generate import generate
    from streamguard.project import generator_of

    if full_speed and rate is not None:
        raise click.UsageError("--rate and --max exclude each other.")
    if fraudulent_share + unidentified_share > 100:
        raise click.UsageError("--fraudulent-share and --unidentified-share are more than 100 percent together.")
    shares = (fraudulent_share / 100, unidentified_share / 100)
    chosen = app.pipeline(pipeline)
    generator = generator_of(chosen)
    run = new_run(
        chosen,
        rate=None if full_speed else rate or generator.rate,
        name=name,
        seed=seed,
        shares=shares,
        people=people,
    )
    outcome = generate(app.settings, generator.topic, run, count=count, duration=duration)
    show_one(outcome.summary(), output)
    outcome.check(app.settings.kafka_bootstrap)
    return INTERRUPTED if outcome.interrupted else 0


def new_run(
    pipeline: Pipeline,
    *,
    rate: float | None,
    seed: int | None,
    people: int,
    name: str | None = None,
    shares: tuple[float, float] | None = None,
) -> Run:
    """A run that begins now; what is None is drawn or the world's default."""
    from streamguard.datagen.worlds import check_world
    from streamguard.datagen.worlds.bank import Run, Shares
    from streamguard.project import generator_of

    check_world(generator_of(pipeline).world, pipeline.name)
    return Run(
        name=name or secrets.token_hex(4),
        seed=secrets.randbits(32) if seed is None else seed,
        start=datetime.now(UTC),
        rate=rate,
        shares=Shares(*shares or ()),
        people=people,
    )
