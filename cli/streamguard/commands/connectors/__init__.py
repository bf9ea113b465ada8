"""`streamguard connectors …`: render, check, deploy and watch what `connectors/` holds."""

from __future__ import annotations

import click

from streamguard.commands.connectors import deploying, inspecting, operating


@click.group()
def connectors() -> None:
    """Render, deploy and watch connectors.

    A connector is a Jinja template connectors/PIPELINE/NAME.json.j2 with values from connectors/values/. NAMES choose
    some of them; without names a command means all.

    \b
    Examples:
      streamguard connectors plan                           what deploy would change
      streamguard connectors deploy                         change it, and wait until every task runs
      streamguard connectors deploy users-s3-sink --set iceberg_commit_interval_ms=60000
      streamguard connectors status -o json
    """


for command in (
    operating.list_,
    inspecting.plugins,
    deploying.render,
    deploying.validate,
    deploying.plan,
    deploying.deploy,
    operating.status,
    operating.restart,
    operating.pause,
    operating.resume,
    operating.delete,
    operating.heal,
):
    connectors.add_command(command)
