"""`streamguard verify`: a run through a pipeline, and what became of every record."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from streamguard.commands import completion
from streamguard.commands.output import output_option, show
from streamguard.commands.produce import new_run

if TYPE_CHECKING:
    from streamguard.commands import App


@click.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option(
    "--rate", type=click.FloatRange(0, min_open=True), default=500, show_default=True, help="Records a second."
)
@click.option("--count", type=click.IntRange(1), default=20_000, show_default=True, help="Records to write.")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="Makes a run repeatable.  [default: a new one]")
@click.option(
    "--people", type=click.IntRange(2, 1_000_000), default=5_000, show_default=True, help="People who send and receive."
)
@click.option(
    "--within",
    type=click.FloatRange(0, min_open=True),
    default=60,
    show_default=True,
    metavar="SECONDS",
    help="How long everything may take to arrive.",
)
@output_option
@click.pass_obj
def verify(
    app: App, *, pipeline: str, rate: float, count: int, seed: int | None, people: int, within: float, output: str
) -> int:
    """Write a run through PIPELINE and check that each of its records is everywhere once where it should be.

    What must be in every topic, in MongoDB and in S3 is worked out from the run alone. Nobody else may write to the
    pipeline meanwhile. A row of the table is a place; its columns count the records that are wrong there:

    \b
      lost        not there             corrupted   another value or key    torn      parts of one transaction are there
      repeated    there twice           misrouted   in another place        stale     an older version of the document
      phantom     should not be there   reordered   out of its key's order  unsteady  a reader saw something else before

    The exit code is 0 when all are zero, 1 when something is wrong, 3 when somebody else writes to the pipeline, and 4
    when it was not quiet in time.

    \b
    Examples:
      streamguard up --no-produce && streamguard verify bank
      streamguard verify bank --rate 200 --count 2000 --seed 7
      streamguard verify bank --count 100000 --within 300 -o json
    """
    from streamguard.verify.report import COLUMNS
    from streamguard.verify.verification import Verification

    chosen = app.pipeline(pipeline)
    run = new_run(app, chosen, rate=rate, seed=seed, people=people)
    say = partial(click.echo, err=True)
    with Verification(app.settings, app.project, chosen, say=say) as verification:
        verification.begin(within)
        say(f"run {run.name}: {count:,} records at {rate:,.0f}/s, seed {run.seed}")
        verification.produce(run, count)
        took = verification.quiesce(within)
        say(f"run {run.name}: quiet {took:.1f} s after the last record, comparing")
        report = verification.check()
    show([row.document() for row in report.rows], COLUMNS, output)
    for sentence in report.sentences():
        say(sentence)
    return 0 if report.is_clean else 1
