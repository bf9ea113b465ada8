"""Progress of long work: bars and a live table on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from streamguard.stack.server import Progress

MEGABYTE = 1e6


@contextmanager
def show_bytes(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback for bytes had and bytes wanted."""
    if not sys.stderr.isatty():
        yield _plain_bytes(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda had, wanted: bar.update(task, completed=had, total=wanted)


def _plain_bytes(what: str) -> Callable[[int, int], None]:
    """A line at every tenth of the way."""
    shown = -1

    def on_bytes(had: int, wanted: int) -> None:
        nonlocal shown
        tenth = had * 10 // wanted
        if tenth > shown:
            shown = tenth
            click.echo(f"{what}: {had / MEGABYTE:.0f} of {wanted / MEGABYTE:.0f} MB", err=True)

    return on_bytes
