"""`streamguard service`: run one of the services in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from streamguard.commands import completion

if TYPE_CHECKING:
    from streamguard.commands import App


@click.group()
def service() -> None:
    """Run one of the services.

    A service runs in the foreground until Ctrl-C or SIGTERM, logs to stderr, and answers /health, /ready and /metrics
    on its port. `streamguard up` runs those of a pipeline under supervision.

    \b
    Examples:
      streamguard service ingestor
      curl -s localhost:8101/health
    """


@service.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.pass_obj
def ingestor(app: App, pipeline: str) -> None:
    """Route the transactions of PIPELINE by their evaluation, exactly once.

    Fraudulent and unidentified ones go to topics of their own, legitimate ones are dropped and counted, and what is no
    bank transaction goes to the dead-letter topic with headers that say why. Ends with exit code 6 when another process
    with the same STREAMGUARD_INSTANCE takes over.

    \b
    Examples:
      streamguard service ingestor
      STREAMGUARD_INSTANCE=1 STREAMGUARD_INGESTOR_PORT=8111 streamguard service ingestor bank
    """
    from streamguard.services import frame
    from streamguard.services.ingestor import service as ingestor_of

    frame.run(app.settings, ingestor_of(app.settings, app.pipeline(pipeline)), verbose=app.verbose)


@service.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.pass_obj
def processor(app: App, pipeline: str) -> None:
    """Have the unidentified transactions of PIPELINE judged by the validator API.

    Those that are fraudulent become one result and two users, as the ksql statements write them, with SOURCE_PROCESS
    'processor'; the others are dropped and counted; what the API refuses goes to the dead-letter topic with headers
    that say why. Exactly once into Kafka; the API may be asked twice about a transaction. While it is away the
    processor waits and keeps its place in the group, /ready and the log say so, and nothing is decided by default.

    Any service that speaks the API's contract can be asked: STREAMGUARD_VALIDATOR_URL, and how much at once:
    STREAMGUARD_VALIDATOR_BATCH, _CALLS, _TIMEOUT_MS.

    \b
    Examples:
      streamguard service processor
      STREAMGUARD_VALIDATOR_URL=https://validator.example.com streamguard service processor bank
      curl -s localhost:8102/ready
    """
    from streamguard.services.processor import run

    run(app.settings, app.pipeline(pipeline), verbose=app.verbose)


@service.command()
@click.argument("pipeline", default="card", shell_complete=completion.pipelines)
@click.pass_obj
def decider(app: App, pipeline: str) -> None:
    """Decide about the transactions of PIPELINE by its rules and alerts, into PostgreSQL.

    Every transaction becomes one row with one decision (approve, review or decline, with reasons), whichever comes
    first, it or its alerts; a later alert changes the decision. Rows, totals and offsets are stored in one database
    transaction, so nothing is lost or counted twice, however it ends. Decisions that somebody should see are published
    to fraud-decisions at least once, with an id that stays. What is no transaction or alert goes to a dead-letter
    topic with headers that say why. While the database is away it waits and keeps its place in the group; /ready and
    the log say so.

    The rules stand in init/PIPELINE/rules.yml; an edit of them counts within two seconds, and a broken file changes
    nothing. Several may run, each with a STREAMGUARD_INSTANCE and a port of its own: they divide the partitions.

    \b
    Examples:
      streamguard service decider card
      curl -s localhost:8104/ready
      STREAMGUARD_INSTANCE=1 STREAMGUARD_DECIDER_PORT=8114 streamguard service decider card
    """
    from streamguard.services.decider.service import run

    run(app.settings, app.project, app.pipeline(pipeline), verbose=app.verbose)


@service.command()
@click.argument("pipeline", default="card", shell_complete=completion.pipelines)
@click.pass_obj
def notifier(app: App, pipeline: str) -> None:
    """Tell people about the decisions of PIPELINE: by Slack, e-mail or a webhook.

    The channels stand in init/PIPELINE/notifications.yml; without one it says so, and only counts. Decisions that come
    together are grouped, and a channel gets no more messages than its rate. Every revision of a decision is told by
    each channel at least once; a second time only if it was under way when the process was killed. A channel that
    fails waits, loses nothing, and holds up no other one: /ready and the log name it.

    \b
    Examples:
      streamguard alerts test fraud-desk
      streamguard service notifier card
      curl -s localhost:8105/ready
    """
    from streamguard.services.notifier.service import run

    run(app.settings, app.project, app.pipeline(pipeline), verbose=app.verbose)


PERCENT = click.FloatRange(0, 100)


@service.command()
@click.argument("pipeline", default="bank", shell_complete=completion.pipelines)
@click.option("--delay-ms", type=click.IntRange(0), default=0, help="Answer every call that much later.")
@click.option("--fail-percent", "fail", type=PERCENT, default=0, help="Of the calls, to be answered with 500.")
@click.option("--busy-percent", "busy", type=PERCENT, default=0, help="Of the calls, to be answered with 503.")
@click.option("--retry-after", type=click.IntRange(0), default=1, show_default=True, help="Seconds, told with a 503.")
@click.option("--hang-percent", "hang", type=PERCENT, default=0, help="Of the calls, never to be answered.")
@click.option(
    "--garbage-percent", "garbage", type=PERCENT, default=0, help="Of the calls, to be answered with garbage."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides which calls those are.")
@click.pass_obj
def validator(app: App, /, pipeline: str, **faults: Any) -> None:
    """Judge transactions over HTTP by the rules and the blacklist of PIPELINE.

    It judges by init/PIPELINE/validator.yml and blacklist.yml; an edit of them counts within a second. The API is
    described at /docs. It binds 127.0.0.1 and needs no Kafka. The options make it bad on purpose, to see what its
    callers do then.

    \b
    Examples:
      streamguard service validator
      streamguard service validator bank --delay-ms 20 --fail-percent 10 --hang-percent 1
    """
    from streamguard.services.validator.faults import Faults
    from streamguard.services.validator.run import run

    if sum(faults[kind] for kind in ("fail", "busy", "hang", "garbage")) > 100:
        raise click.UsageError("the percentages make more than 100 together")
    name = app.pipeline(pipeline).name
    run(app.settings, app.project.init / name, Faults(**faults), verbose=app.verbose)
