"""Progress of long work: bars and a live table on a terminal, plain lines elsewhere; always on stderr."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

import click

if TYPE_CHECKING:
    from rich.table import Table

    from streamguard.stack.starting import Progress

MEGABYTE = 1e6
QUIET = 2.0
"""Seconds of work about which nothing is said, and between two lines about the rest."""


@contextmanager
def show_bytes(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback for bytes had and bytes wanted."""
    if not sys.stderr.isatty():
        yield _plain_bytes(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bar:
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


@contextmanager
def show_parts(what: str) -> Iterator[Callable[[int, int], None]]:
    """A callback for parts done and parts in all: a bar on a terminal, now and then a line elsewhere; not at once."""
    if not sys.stderr.isatty():
        yield _plain_parts(what)
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    bars, begun = Bars(console=Console(stderr=True), transient=True), time.monotonic()
    task = bars.add_task(what, total=None)

    def on_parts(done: int, wanted: int) -> None:
        bars.update(task, completed=done, total=wanted)
        if time.monotonic() - begun > QUIET:
            bars.start()

    try:
        yield on_parts
    finally:
        bars.stop()


def _plain_parts(what: str) -> Callable[[int, int], None]:
    shown = time.monotonic()

    def on_parts(done: int, wanted: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > QUIET:
            shown = time.monotonic()
            click.echo(f"{what}: {done:,} of {wanted:,}", err=True)

    return on_parts


@contextmanager
def show_programs() -> Iterator[Callable[[Progress], None]]:
    """A callback for the progress of programs: a live table on a terminal, one line for each end elsewhere."""
    if not sys.stderr.isatty():
        yield _plain_program
        return
    from rich.console import Console
    from rich.live import Live

    board = Board()
    with Live(board, console=Console(stderr=True), refresh_per_second=10):
        yield board.update


def _plain_program(progress: Progress) -> None:
    if progress.state in ("ready", "failed", "stopped"):
        click.echo(f"{progress.name}: {progress.state} ({progress.seconds:.1f} s)", err=True)


class Board:
    """The table: a line for each program, with a clock while it is under way."""

    STYLES: ClassVar[dict[str, str]] = {"ready": "green", "stopped": "green", "failed": "bold red"}

    def __init__(self) -> None:
        self._latest: dict[str, tuple[Progress, float]] = {}
        self._lock = threading.Lock()

    def update(self, progress: Progress) -> None:
        """From any thread."""
        with self._lock:
            self._latest[progress.name] = (progress, time.monotonic())

    def __rich__(self) -> Table:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        with self._lock:
            lines = list(self._latest.values())
        for progress, since in lines:
            style = self.STYLES.get(progress.state)
            seconds = progress.seconds + (0.0 if style else time.monotonic() - since)
            state = f"[{style}]{progress.state}[/]" if style else progress.state
            table.add_row(progress.name, state, f"{seconds:5.1f} s", progress.detail)
        return table
