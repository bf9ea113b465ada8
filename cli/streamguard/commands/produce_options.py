"""The options of `produce`: a table of them, so that the command itself can be read on one page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from streamguard.commands import completion

F = TypeVar("F", bound=Callable[..., Any])
RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MODES = ("stream", "batch", "velocity", "day")
MOST_RECORDS = 10**15
TIMES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")
FILE = click.Path(path_type=Path, dir_okay=False)
THERE = click.Path(path_type=Path, dir_okay=False, exists=True, readable=True)


def _finite(_ctx: click.Context, _param: click.Parameter, value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise click.BadParameter(f"{value} is no finite number.")
    return value


def _run_name(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not RUN_NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is not made of up to 64 letters, digits, dots, dashes and underscores.")
    return value


def _in_folder(_ctx: click.Context, _param: click.Parameter, value: Path | None) -> Path | None:
    """Said before the run, and not at its end."""
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}.")
    return value


def _instant(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | None:
    if value is None:
        return None
    for form in TIMES:
        try:
            return datetime.strptime(value.removesuffix("Z"), form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise click.BadParameter(f"{value!r} is no date: write it as 2026-01-31 or 2026-01-31T18:00, in UTC.")


def _shares(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """NAME=PERCENT, as parts of one."""
    found = {}
    for value in values:
        name, _, percent = value.partition("=")
        try:
            share = float(percent) / 100
        except ValueError:
            share = math.nan
        if not name or not 0 <= share <= 1:
            raise click.BadParameter(f"{value!r} is not NAME=PERCENT, as in fast-spending=5.")
        found[name] = share
    return found


def _places(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any]:
    """PLACE=VALUE, with the value as in YAML."""
    import yaml

    found = {}
    for value in values:
        place, equals, text = value.partition("=")
        try:
            parsed = yaml.safe_load(text)
        except yaml.YAMLError:
            equals = ""
        if not place or not equals:
            raise click.BadParameter(f"{value!r} is not PLACE=VALUE, as in entities.person.count=100.")
        found[place] = parsed
    return found


def _positive(name: str, metavar: str, about: str, *names: str) -> Callable[[F], F]:
    kind = click.FloatRange(0, min_open=True)
    return click.option(name, *names, type=kind, callback=_finite, metavar=metavar, help=about)


def _percent(name: str, about: str) -> Callable[[F], F]:
    return click.option(name, type=click.FloatRange(0, 100), callback=_finite, metavar="PERCENT", help=about)


OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.argument("pipeline", default="bank", shell_complete=completion.pipelines),
    click.option(
        "--world",
        metavar="NAME|FILE",
        shell_complete=completion.worlds,
        help="A world of init/worlds, or a file.  [default: that of init/PIPELINE.yml]",
    ),
    click.option(
        "--mode",
        type=click.Choice(MODES),
        default="stream",
        help="stream: as records are due; batch: so many, at once; velocity: half of them bursts of one account; "
        "day: the last 24 hours with quiet nights, in 24 minutes.",
    ),
    _positive("--rate", "N", "Records a second.  [default: that of init/PIPELINE.yml, or of the world]"),
    click.option("--max", "full_speed", is_flag=True, help="As fast as possible."),
    _positive("--speed", "N", "Dates run N times as fast as the clock."),
    click.option("--count", type=click.IntRange(1, MOST_RECORDS), metavar="N", help="Stop after N records."),
    _positive("--duration", "SECONDS", "Stop after this time."),
    click.option(
        "--from", "since", callback=_instant, metavar="DATE", help="Backfill: records of the past, with its dates."
    ),
    _positive("--days", "N", "So many days of it.  [default: up to now; without --from: the last N days]"),
    click.option("--then-live", is_flag=True, help="After the past, go on with what is due now."),
    click.option(
        "--workers", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help="Processes that send."
    ),
    click.option("--seed", type=click.IntRange(0), metavar="N", help="Makes a run repeatable.  [default: a new one]"),
    click.option(
        "--run", "name", callback=_run_name, metavar="NAME", help="Begins the transaction ids.  [default: a new one]"
    ),
    _percent("--fraudulent-share", "Records labelled fraudulent.  [default: as the world says]"),
    _percent("--unidentified-share", "Records labelled unidentified; the rest is legitimate."),
    click.option("--people", type=click.IntRange(2, 1_000_000), metavar="N", help="People who send and receive."),
    click.option(
        "--campaign",
        "campaigns",
        multiple=True,
        callback=_shares,
        metavar="NAME=PERCENT",
        help="Records of a campaign of the world.  May be given several times.",
    ),
    click.option(
        "--fault",
        "faults",
        multiple=True,
        callback=_shares,
        metavar="KIND=PERCENT",
        help="Records with a fault of the world.",
    ),
    click.option(
        "--set",
        "places",
        multiple=True,
        callback=_places,
        metavar="PLACE=VALUE",
        help="Any value of the world's file, as entities.person.count=100.",
    ),
    click.option("--no-truth", is_flag=True, help="Write neither truth nor labels, even if the world has them."),
    click.option("--to", "target", metavar="stdout|FILE", help="A .jsonl or .parquet file instead of Kafka."),
    click.option("--overwrite", is_flag=True, help="Replace the file of --to, and those beside it."),
    click.option(
        "--manifest",
        type=FILE,
        callback=_in_folder,
        help="Leave a manifest there: what gives every record again, and hashes.",
    ),
    click.option("--verify", type=THERE, help="Work out again what a manifest says, without Kafka."),
    click.option(
        "--journal",
        type=FILE,
        callback=_in_folder,
        help="Keep a journal there, so that --resume can go on after a kill.",
    ),
    click.option(
        "--resume",
        type=THERE,
        help="Go on where a journal ends, as the line of then said (but for --manifest); what is said anew wins.",
    ),
    click.option("--explain", is_flag=True, help="Print the plan, and write nothing."),
    click.option(
        "--metrics-port",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="Answer /metrics, /health and /ready there.  [default: nowhere]",
    ),
)


def options(function: F) -> F:
    """All of them."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function
