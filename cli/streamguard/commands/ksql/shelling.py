"""A shell for statements, or a reader of statements where there is no terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

import click

from streamguard.commands.ksql.options import (
    client_of,
    properties_of,
    set_option,
    url_option,
    variables_of,
    variables_option,
)
from streamguard.commands.output import output_option

if TYPE_CHECKING:
    from streamguard.commands import App
    from streamguard.engine.client.session import Session


@click.command()
@set_option
@variables_option
@url_option
@output_option
@click.pass_context
def shell(
    ctx: click.Context, settings: tuple[str, ...], definitions: tuple[str, ...], url: str | None, output: str
) -> None:
    """Talk to a ksql server: type statements, see what they give.

    A statement ends with a semicolon and may have many lines. Tab completes names that the server has; Ctrl-C ends a
    push query and not the shell; Ctrl-D or exit ends the shell; help says more. What was typed is kept for the next
    time, but for statements with secrets. Where stdin is no terminal, statements are read from it and --output says
    how to print; the first that is refused ends it.

    \b
    Examples:
      streamguard ksql shell
      streamguard ksql shell --url http://ksqldb.example.com:8088 -s auto.offset.reset=earliest
      echo "SHOW STREAMS;" | streamguard ksql shell -o json
    """
    from streamguard.engine.client.session import Session

    app: App = ctx.obj
    session = Session(client_of(app, url), properties_of(settings), variables_of(definitions))
    if sys.stdin.isatty() and sys.stdout.isatty():
        _talk(session, colour=ctx.color is not False)
    else:
        _read(session, sys.stdin, output)


def _talk(session: Session, *, colour: bool) -> None:
    from streamguard.commands.ksql.console import Console
    from streamguard.commands.ksql.printing import terminal_width
    from streamguard.commands.ksql.prompting import Vocabulary, prompter
    from streamguard.connect.secrecy.secrets import redact
    from streamguard.settings import state_dir

    console = Console(session, width=terminal_width, redact=redact)
    vocabulary = Vocabulary(session.client.twin())
    read = prompter(vocabulary, state_dir(), colour=colour)
    console.greet()
    click.echo("help says what there is; exit ends it.")
    goes_on = True
    while goes_on:
        vocabulary.refresh()
        try:
            goes_on = console.run(read())
        except KeyboardInterrupt:
            continue
        except EOFError:
            break
    console.close()


def _read(session: Session, stdin: TextIO, output: str) -> None:
    """Statement by statement, as they come; lines are counted from the first."""
    from streamguard.commands.ksql.console import ENDING
    from streamguard.engine.language.pieces import is_complete

    text = ""
    number = 0
    for number, line in enumerate(stdin, start=1):
        text += line
        if text.strip().rstrip(";").lower() in ENDING:
            return
        if is_complete(text):
            _carry_out(session, text, output)
            text = "\n" * number
    if text.strip():
        _carry_out(session, text, output)


def _carry_out(session: Session, text: str, output: str) -> None:
    from streamguard.commands.ksql.printing import print_outcome
    from streamguard.engine.client.session import end

    for outcome in session.run(text):
        try:
            print_outcome(outcome, output)
        finally:
            end(outcome, session.client)
