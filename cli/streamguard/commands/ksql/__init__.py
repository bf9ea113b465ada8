"""`streamguard ksql …`: statements to a ksql server, and the embedded server itself."""

from __future__ import annotations

import click

from streamguard.commands.ksql import applying, executing, explaining, serving, shelling, testing


@click.group()
def ksql() -> None:
    """Apply ksql statements and run the embedded ksql server.

    The server speaks ksqlDB's REST API, and these commands work on ksqlDB's own servers too.

    \b
    Examples:
      streamguard ksql plan bank
      streamguard ksql apply bank
      streamguard ksql shell
      streamguard ksql exec "SELECT * FROM sender_users EMIT CHANGES LIMIT 3;"
    """


for command in (
    applying.plan,
    applying.apply,
    executing.execute,
    shelling.shell,
    explaining.explain,
    testing.run_cases,
    serving.server,
):
    ksql.add_command(command)
