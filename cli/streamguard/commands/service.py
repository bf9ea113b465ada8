"""`streamguard service`: run one of the services in the foreground."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
