"""`--output table|json|yaml|ndjson`, the same for every listing: stdout is data, stderr is talk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

FORMATS = ("table", "json", "yaml", "ndjson")
F = TypeVar("F", bound=Callable[..., Any])


def nearby(text: str) -> str:
    """File names in a text as they are seen from the folder that the command runs in."""
    try:
        here = Path.cwd()
    except OSError:  # it is gone
        return text
    return text.replace(f"{here}/", "") if here != here.parent else text


def output_option(function: F) -> F:
    """The option itself; the command's parameter is `output`."""
    return click.option(
        "-o", "--output", type=click.Choice(FORMATS), default="table", show_default=True, help="How to print."
    )(function)


def show(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], output: str) -> None:
    """Print rows; `columns` chooses and orders those of the table, the other formats print every key."""
    if output == "json":
        click.echo(json.dumps(list(rows), indent=2, default=_plain))
    elif output == "ndjson":
        for row in rows:
            click.echo(json.dumps(row, default=_plain))
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
        click.echo(json.dumps(document, indent=2 if output == "json" else None, default=_plain))


def _plain(value: object) -> float | str:
    """What JSON has no word for: a decimal number is a number, a time is as in RFC 3339, anything else its text."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return float(value) if isinstance(value, Decimal) else str(value)


def styled(state: str) -> str:
    """A state in its colour, on a terminal that shows some."""
    style = STYLES.get(state, "")
    return click.style(state, fg=style.rpartition(" ")[2], bold="bold" in style) if style else state


def _print_yaml(document: Any) -> None:
    import yaml

    click.echo(yaml.safe_dump(json.loads(json.dumps(document, default=_plain)), sort_keys=False), nl=False)


def _print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    if not columns:  # nothing is known of what is not there
        return
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    if sys.stdout.isatty():
        _print_rich(columns, cells)
        return
    headings = [column.upper().replace("_", " ") for column in columns]
    widths = [max(len(line[i]) for line in (headings, *cells)) for i in range(len(columns))]
    for line in (headings, *cells):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def _print_rich(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """A table if it fits; one whose widest column would be cramped is printed as a block of lines for each row."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if cells and not _fits(columns, cells, console.width):
        used = [i for i in range(len(columns)) if any(line[i] for line in cells)]
        columns, cells = [columns[i] for i in used], [[line[i] for i in used] for line in cells]
        if not _fits(columns, cells, console.width, widest=LEAST_WIDTH):
            _print_blocks(console, columns, cells)
            return
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.upper().replace("_", " "), overflow="fold")
    for line in cells:
        # The first column holds names: a count that is called "failed" is no failure.
        table.add_row(Text(line[0]), *(Text(text, style=STYLES.get(text, "")) for text in line[1:]))
    console.print(table)


def _fits(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int, *, widest: int | None = None) -> bool:
    """Whether a table is no wider than `width`, its widest column folded to `widest` characters."""
    widths = sorted(max(map(len, (column, *(line[i] for line in cells)))) for i, column in enumerate(columns))
    if widest is not None and widths:
        widths[-1] = min(widths[-1], widest)
    return sum(widths) + GAP * (len(widths) - 1) <= width


def _print_blocks(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    from rich.table import Table
    from rich.text import Text

    width = max(len(column) for column in columns)
    for number, line in enumerate(cells):
        if number:
            console.print()
        block = Table.grid(padding=(0, GAP, 0, 0))
        block.add_column(width=width, style="bold")
        block.add_column(overflow="fold")
        for column, text in zip(columns, line, strict=True):
            block.add_row(column.replace("_", " "), Text(text, style=STYLES.get(text, "")))
        console.print(block)


GAP = 2
LEAST_WIDTH = 24  # characters to which the widest column of a table may be folded
STYLES = {
    "RUNNING": "green",
    "ready": "green",
    "FAILED": "bold red",
    "failed": "bold red",
    "not ready": "bold red",
    "stopped": "yellow",
    "starting": "yellow",
    "stopping": "yellow",
    "PAUSED": "yellow",
}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return ", ".join(str(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, default=_plain)
    return str(value)
