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


SECTIONS: dict[str, tuple[click.Command, ...]] = {
    "From templates to the cluster": (
        deploying.render,
        linting.lint,
        deploying.validate,
        deploying.plan,
        deploying.deploy,
    ),
    "Templates": (making.new, making.export, making.parameters, making.companions),
    "What runs": (operating.list_, operating.status, describing.describe, operating.watch, operating.wait),
    "Operation": (
        changing.restart,
        changing.pause,
        changing.resume,
        changing.stop,
        changing.delete,
        healing.heal,
        offsets.offsets,
        letters.dlq,
        secrets.secrets,
    ),
    "Clusters": (contexts.contexts, inspecting.plugins, inspecting.explain, inspecting.loggers),
}


class _Sections(click.Group):
    """A group that lists its commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = formatter.width - 6 - max(map(len, self.commands))
        for title, commands in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(str(one.name), one.get_short_help_str(width)) for one in commands])


@click.group(cls=_Sections)
@click.pass_obj
def connectors(app: App) -> None:
    """Render, deploy and watch connectors.

    A connector is a Jinja template connectors/PIPELINE/NAME.json.j2 with values from connectors/values/. Names and
    patterns choose some of them. Any folder of templates is a pipeline.

    \b
    Examples:
      streamguard connectors plan                           what deploy would change
      streamguard connectors deploy                         change it, and wait until every task runs
      streamguard connectors deploy users-s3-sink --set iceberg_commit_interval_ms=60000
      streamguard connectors status -o json
    """
    verbose.listen(app.verbosity)


for command in (found for section in SECTIONS.values() for found in section):
    connectors.add_command(command)
