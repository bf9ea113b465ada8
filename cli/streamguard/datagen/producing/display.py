"""What a person sees while records are written: a screen that moves on a terminal, a line now and then elsewhere.

Both are on stderr, stdout is for data. rich is imported for a terminal only: a service has no use for it.
"""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from streamguard.datagen.producing.latencies import percentile
from streamguard.datagen.producing.progress import Progress
from streamguard.datagen.producing.rates import Rates

if TYPE_CHECKING:
    from streamguard.datagen.producing.progress import About

EVERY = 5.0
"""Seconds between two plain lines."""
STOPPING = "Ctrl-C ends the run; what is on its way is still awaited"


class Display:
    """Shows the progress of a run."""

    def __init__(self, about: About, *, duration: float | None = None, stream: TextIO | None = None) -> None:
        self._about = about
        self._stream = stream or sys.stderr
        self._rates = Rates(duration)
        self._next_line = EVERY
        self._away = False
        self._live: Any = _live(self._stream) if self._stream.isatty() else None

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
        self._rates.add(progress)
        self._tell_silence(progress)
        if self._live:
            from streamguard.datagen.producing.screen import screen

            self._live.update(screen(self._about, self._rates, self._live.console.height, STOPPING), refresh=True)
        elif progress.seconds >= self._next_line:
            self._next_line = progress.seconds + EVERY
            self.say(self._line(progress))

    def say(self, text: str) -> None:
        """A line of its own."""
        if self._live:
            from rich.text import Text

            self._live.console.print(Text(text))
        else:
            print(text, file=self._stream, flush=True)  # not through rich, which would wrap it

    def _line(self, progress: Progress) -> str:
        parts = [f"{progress.acknowledged:,} records acknowledged", f"{self._rates.actual:,.1f}/s"]
        slowest = percentile(progress.recent, 0.99)
        if slowest is not None:
            parts.append(f"p99 {slowest * 1e3:,.0f} ms")
        if progress.waiting:
            parts.append(f"{progress.waiting:,} on their way")
        if progress.silent:
            parts.append(f"Kafka silent for {progress.silent:.0f} s")
        left = self._rates.left
        if left:
            parts.append(f"{left:,.0f} s left")
        return f"{' '.join(self._about.topics)}: {', '.join(parts)}"

    def _tell_silence(self, progress: Progress) -> None:
        server = self._about.server
        if progress.silent and not self._away:
            self.say(f"Kafka at {server} does not answer: {progress.waiting:,} records wait for it, none is dropped")
        elif self._away and not progress.silent:
            self.say(f"Kafka at {server} answers again")
        self._away = bool(progress.silent)


def _live(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.live import Live

    return Live(console=Console(file=stream, highlight=False), auto_refresh=False, transient=True)
