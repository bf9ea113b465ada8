"""`streamguard connectors heal`."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from streamguard.commands.connectors.asking import LONGEST, patterns_argument
from streamguard.commands.connectors.options import client_of, knows_kafka, url_option
from streamguard.commands.verbose import guard_log
from streamguard.errors import ProjectError

if TYPE_CHECKING:
    from types import FrameType

    from streamguard.commands import App
    from streamguard.kafka.lag import GroupLag


@click.command()
@patterns_argument
@url_option
@click.option(
    "--interval",
    type=click.FloatRange(0.1, LONGEST),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option(
    "--metrics-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="Answer /metrics, /health and /ready there.  [default: nowhere]",
)
@click.pass_obj
def heal(app: App, *, patterns: tuple[str, ...], url: str | None, interval: float, metrics_port: int | None) -> None:
    """Restart FAILED connectors and tasks, until SIGTERM or Ctrl-C.

    Pauses between restarts grow from 5 seconds to 5 minutes. A task that failed because a server was away is restarted
    for ever; one that fails three times in the same way for another reason is left alone and told of. One whose config
    is wrong is never restarted, one whose rights or credentials are wrong once. What has run for two minutes, or has a
    new config, starts afresh. Names and patterns may be those of connectors that come later. The metrics also say how
    far every consumer group is behind in the topics of the pipelines.

    \b
    Examples:
      streamguard connectors heal
      streamguard connectors heal 'users-*' --interval 10 --metrics-port 8103
    """
    import logging
    import signal
    import threading

    from streamguard.connect.operating import healing
    from streamguard.kafka import logs

    stop = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        if not stop.is_set():
            stop.set()
            raise KeyboardInterrupt  # a worker that hangs is not waited for

    with suppress(KeyboardInterrupt):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, end)
        logs.configure(app.settings, verbose=app.verbose)
        guard_log()
        log = logging.getLogger("streamguard.connect.operating.heal")
        client = client_of(app, url, deadline=healing.DEADLINE)
        healer = healing.Healer(client, patterns, tell=lambda event, facts: log.info(event, extra=dict(facts)))
        log.info("watching", extra={"url": client.shown_url})
        lag = _lag_of(app) if metrics_port is not None else None
        if lag is not None:
            threading.Thread(target=lag.run, args=(stop,), name="lag", daemon=True).start()
        collectors = [] if lag is None else [lag]
        with healing.served(healer, metrics_port, address=app.settings.listen_address, collectors=collectors):
            healer.run(stop, interval)


def _lag_of(app: App) -> GroupLag | None:
    """Of the topics of all pipelines; of none if nobody says where the Kafka of the context is."""
    from streamguard.kafka.lag import GroupLag

    if app.context is not None and not knows_kafka(app):
        return None
    topics: set[str] = set()
    for name in app.project.pipelines():
        with suppress(ProjectError):  # a file that is being written: its topics are not told of
            topics |= {topic.name for topic in app.project.pipeline(name).topics}
    return GroupLag(app.settings, topics)
