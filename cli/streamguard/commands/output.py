"""`--output table|json|yaml|ndjson`, the same for every listing: stdout is data, stderr is talk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click

FORMATS = ("table", "json", "yaml", "ndjson")
F = TypeVar("F", bound=Callable[..., Any])


def output_option(function: F) -> F:
    """The option itself; the command's parameter is `output`."""
    return click.option(
        "-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print."
    )(function)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str) -> None:
    """Print rows; `columns` chooses and orders those of the table, the other formats print every key."""
    if output == "json":
        click.echo(json.dumps(list(rows), indent=2, default=str))
    elif output == "ndjson":
        for row in rows:
            click.echo(json.dumps(row, default=str))
    elif output == "yaml":
        _print_yaml([dict(row) for row in rows])
    else:
        _print_table(rows, columns)


def show_one(document: Mapping[str, Any], output: str) -> None:
    """Print one document: a table of its keys and values, or the document itself."""
    if output == "table":
        _print_table([{"name": key, "value": value} for key, value in document.items()], ["name", "value"])
    elif output == "yaml":
        _print_yaml(dict(document))
    else:
        click.echo(json.dumps(document, indent=2 if output == "json" else None, default=str))


def _print_yaml(document: Any) -> None:
    import yaml

    click.echo(yaml.safe_dump(json.loads(json.dumps(document, default=str)), sort_keys=False), nl=False)


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells)
        return
    headings = [column.upper().replace("_", " ") for column in columns]
    widths = [max(len(line[i]) for line in (headings, *cells)) for i in range(len(columns))]
    for line in (headings, *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _print_rich(columns: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.upper().replace("_", " "), overflow="fold")
    for line in cells:
        # The first column holds names: a count that is called "failed" is no failure.
        table.add_row(Text(line[0]), *(Text(text, style=STYLES.get(text, "")) for text in line[1:]))
    Console().print(table)


STYLES = {
    "RUNNING": "green",
    "ready": "green",
    "FAILED": "bold red",
    "failed": "bold red",
    "stopped": "yellow",
    "starting": "yellow",
    "PAUSED": "yellow",
}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    return str(value)
