"""`streamguard connectors …`: render, check, deploy and watch what `connectors/` holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from streamguard.commands import verbose
from streamguard.commands.connectors import (
    changing,
    contexts,
    deploying,
    describing,
    healing,
    inspecting,
    letters,
    linting,
    making,
    offsets,
    operating,
    secrets,
)

if TYPE_CHECKING:
    from streamguard.commands import App


@click.group()
@click.pass_obj
def connectors(app: App) -> None:
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
    verbose.listen(app.verbosity)


for command in (
    operating.list_,
    making.parameters,
    making.new,
    making.export,
    making.companions,
    inspecting.plugins,
    inspecting.explain,
    inspecting.loggers,
    deploying.render,
    linting.lint,
    deploying.validate,
    deploying.plan,
    deploying.deploy,
    operating.status,
    describing.describe,
    operating.watch,
    operating.wait,
    changing.restart,
    changing.pause,
    changing.resume,
    changing.stop,
    changing.delete,
    offsets.offsets,
    healing.heal,
    letters.dlq,
    secrets.secrets,
    contexts.contexts,
):
    connectors.add_command(command)
