"""Printing what statements give: rows as they arrive, listings as tables, or documents."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from streamguard.commands.ksql.tables import Layout
from streamguard.commands.output import show, show_one

if TYPE_CHECKING:
    from streamguard.engine.client.http import Rows
    from streamguard.engine.client.session import Outcome

KNOWN = 200
"""Rows of a query that ends by itself that are looked at before the first is printed, for the widths of columns."""

Say = Callable[[str], None]


def print_outcome(outcome: Outcome, output: str, *, ends: bool = False) -> None:
    """On stdout, in a format of --output; row by row where rows may never end. `ends`: queries end by themselves."""
    from streamguard.engine.client.http import Lines, Rows
    from streamguard.engine.client.session import Told

    if isinstance(outcome, Told):
        click.echo(outcome.text, err=True)
    elif isinstance(outcome, Lines):
        for line in outcome.lines:
            click.echo(line)
    elif isinstance(outcome, Rows):
        if output == "table" and sys.stdout.isatty():
            lay_out(outcome, click.echo, width=terminal_width(), ends=ends)
        else:
            _print_rows(outcome, output)
    else:
        print_entity(outcome, output)


def print_entity(entity: dict[str, Any], output: str) -> None:
    """What a server answered to a statement that has no rows of its own."""
    from streamguard.engine.client.entities import listing

    if output != "table":
        show_one(entity, output)
        return
    rows, columns = listing(entity)
    if columns:
        show(rows, columns, output)
    else:
        for row in rows:
            click.echo(str(row["message"]))


def lay_out(answer: Rows, say: Say, *, width: int, vertical: bool | None = None, ends: bool = False) -> int:
    """The rows of a query as a table that fits; how many there were. `ends`: the query ends by itself."""
    first = list(islice(answer.rows, KNOWN if ends else 1))
    whole = ends and len(first) < KNOWN
    layout = Layout(answer.names, answer.types, width=width, seen=first, vertical=vertical, whole=whole)
    for line in layout.head():
        say(click.style(line, bold=True))
    count = 0
    for row in _all(first, answer.rows):
        count += 1
        for line in layout.row(row):
            say(line)
    return count


def ends_by_itself(text: str) -> bool:
    """Whether the queries of a text end: a push query says EMIT."""
    from streamguard.engine.language.tokens import NAME, PATTERN

    return all(found.lastgroup != NAME or found[0].upper() != "EMIT" for found in PATTERN.finditer(text))


def terminal_width() -> int:
    """Cells in a line."""
    import shutil

    return shutil.get_terminal_size().columns


def _all(first: Sequence[list[Any]], rest: Iterator[list[Any]]) -> Iterator[list[Any]]:
    yield from first
    yield from rest


def _print_rows(answer: Rows, output: str) -> None:
    """Row by row: a push query may never end, so nothing is collected."""
    if output == "table":
        click.echo("\t".join(answer.names))
    if output == "json":
        click.echo("[", nl=False)
    separator = "\n"
    for row in answer.rows:
        record = dict(zip(answer.names, row, strict=True))
        if output == "table":
            click.echo("\t".join("" if value is None else _plain(value) for value in row))
        elif output == "yaml":
            import yaml

            click.echo(yaml.safe_dump([record], sort_keys=False), nl=False)
        elif output == "json":
            click.echo(f"{separator}  {json.dumps(record)}", nl=False)
            separator = ",\n"
        else:
            click.echo(json.dumps(record))
    if output == "json":
        click.echo("\n]")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
