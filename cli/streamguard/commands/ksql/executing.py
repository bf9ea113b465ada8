"""Statements given on the command line, in a file or on stdin."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamguard.commands.ksql.options import (
    client_of,
    properties_of,
    set_option,
    url_option,
    variables_of,
    variables_option,
)
from streamguard.commands.ksql.printing import ends_by_itself, print_entity, print_outcome
from streamguard.commands.output import output_option

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.engine.client.session import Session

STDIN = "-"


@click.command("exec")
@click.argument("sql", required=False)
@click.option(
    "-f",
    "--file",
    "path",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Read the statements from a file, or from stdin (-).",
)
@set_option
@variables_option
@url_option
@output_option
@click.pass_obj
def execute(  # noqa: PLR0917  one parameter an option
    app: App,
    sql: str | None,
    path: Path | None,
    settings: tuple[str, ...],
    definitions: tuple[str, ...],
    url: str | None,
    output: str,
) -> None:
    """Run statements and print what the server answers, one after the other; the first that is refused ends it.

    A SELECT … EMIT CHANGES prints rows as they arrive, until its LIMIT or Ctrl-C. Statements without a query go in one
    request, which the embedded server takes whole or not at all. With -o json each answer is a document of its own.

    \b
    Examples:
      streamguard ksql exec "SHOW STREAMS;"
      streamguard ksql exec "DESCRIBE users;" --output json
      streamguard ksql exec -s auto.offset.reset=earliest "SELECT id FROM sender_users EMIT CHANGES LIMIT 5;"
      streamguard ksql exec -f statements.sql
      echo "SHOW QUERIES;" | streamguard ksql exec -
    """
    from streamguard.engine.client.session import OWN, QUERIES, Session
    from streamguard.engine.language.pieces import pieces

    if (sql is None) == (path is None):
        raise click.UsageError("give the statements as an argument or with --file, and not both")
    if sql == STDIN:
        sql, path = None, Path(STDIN)
    text = _text(path) if sql is None else sql
    session = Session(client_of(app, url), properties_of(settings), variables_of(definitions))
    if path is not None and str(path) != STDIN:
        session.folder = path.parent
    words = [piece.words[:1] for piece in pieces(text)]
    served = all(not (set(word) & (QUERIES | {"RUN"})) for word in words)
    if served and not all(set(word) & OWN for word in words):
        _send(session, path, text, output)
        return
    _run(session, path, text, output)


def _text(path: Path | None) -> str:
    from streamguard.project import read_text

    assert path is not None
    if str(path) == STDIN:
        return sys.stdin.read()
    return read_text(path)


def _send(session: Session, path: Path | None, text: str, output: str) -> None:
    """All in one request; the server follows SET and DEFINE itself."""
    from streamguard.engine.client.applying import place_in_file
    from streamguard.engine.client.refusals import pointed
    from streamguard.errors import StatementRefused

    try:
        entities = session.client.ksql(text, properties=session.properties, variables=session.variables)
    except StatementRefused as exc:
        raise place_in_file(exc, path, text) if path is not None else pointed(exc, text) from exc
    for entity in entities:
        print_entity(entity, output)


def _run(session: Session, path: Path | None, text: str, output: str) -> None:
    from streamguard.engine.client.applying import place_in_file
    from streamguard.engine.client.session import end
    from streamguard.errors import StatementRefused

    try:
        for outcome in session.run(text):
            try:
                print_outcome(outcome, output, ends=ends_by_itself(text))
            finally:
                end(outcome, session.client)
    except StatementRefused as exc:
        raise place_in_file(exc, path, text) if path is not None else exc from exc
