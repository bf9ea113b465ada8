"""What a person sees while records are written: one line that moves on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.text import Text

from streamguard.datagen.publishing import Progress

EVERY = 5.0
"""Seconds between two plain lines."""

WINDOW = 2.0
"""Seconds over which the rate is taken."""


class Display:
    """Shows the progress of a run on stderr; stdout is for data."""

    def __init__(self, topic: str, server: str, stream: TextIO | None = None) -> None:
        self._topic, self._server = topic, server
        self._stream = stream or sys.stderr
        console = Console(file=self._stream, highlight=False)
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._seen: list[Progress] = []
        self._next_line = EVERY
        self._away = False

    def __enter__(self) -> Display:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def show(self, progress: Progress) -> None:
        """Take note of the progress, and say what is new."""
        self._seen = [seen for seen in self._seen if progress.seconds - seen.seconds <= WINDOW] + [progress]
        self._tell_silence(progress)
        if self._live:
            self._live.update(Text(self._line(progress), no_wrap=True, overflow="ellipsis"), refresh=True)
        elif progress.seconds >= self._next_line:
            self._next_line = progress.seconds + EVERY
            self._say(self._line(progress))

    def _line(self, progress: Progress) -> str:
        oldest = self._seen[0]
        seconds = progress.seconds - oldest.seconds
        rate = (progress.acknowledged - oldest.acknowledged) / seconds if seconds else 0.0
        waiting = f", {progress.waiting:,} on their way" if progress.waiting else ""
        silent = f", Kafka silent for {progress.silent:.0f} s" if progress.silent else ""
        return f"{self._topic}: {progress.acknowledged:,} records acknowledged, {rate:,.1f}/s{waiting}{silent}"

    def _tell_silence(self, progress: Progress) -> None:
        if progress.silent and not self._away:
            self._say(
                f"Kafka at {self._server} does not answer: {progress.waiting:,} records wait for it, none is dropped"
            )
        elif self._away and not progress.silent:
            self._say(f"Kafka at {self._server} answers again")
        self._away = bool(progress.silent)

    def _say(self, text: str) -> None:
        if self._live:
            self._live.console.print(Text(text))
        else:
            print(text, file=self._stream, flush=True)  # not through rich, which would wrap it
