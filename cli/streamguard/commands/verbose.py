"""What `connectors` says on stderr beyond its own lines: nothing, requests (-v), their bodies (-vv), libraries (-vvv).

Every event passes the filter that knows secrets; so does what Python says of an error that nobody expected.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any

import click

BODIES = 5
"""The level of what is sent, below DEBUG."""
LEVELS = (logging.ERROR, logging.DEBUG, BODIES, BODIES)


class _Handler(logging.Handler):
    """Writes events as text; what it needs for that is imported with the first of them."""

    def emit(self, record: logging.LogRecord) -> None:
        from streamguard.connect.secrecy.secrets import RedactingFilter

        if RedactingFilter().filter(record):
            place = getattr(record, "worker", "")
            text = self.format(record)
            level = "sent" if record.levelno == BODIES else record.levelname.lower()
            click.echo(f"{level} {record.name}{' ' + place if place else ''}: {text}", err=True)


def listen(verbosity: int) -> None:
    """Hear `streamguard` at the level of `verbosity`, and libraries from three on."""
    root, own = logging.getLogger(), logging.getLogger("streamguard")
    root.handlers[:] = [_Handler()]
    level = LEVELS[min(verbosity, len(LEVELS) - 1)]
    root.setLevel(logging.DEBUG if verbosity >= len(LEVELS) - 1 else logging.ERROR)
    own.setLevel(level)


def guard_log() -> None:
    """What another handler, which has taken the place of ours, writes passes the filter too, at its own level."""
    from streamguard.connect.secrecy.secrets import RedactingFilter

    logging.getLogger("streamguard").setLevel(logging.NOTSET)
    for handler in logging.getLogger().handlers:
        handler.addFilter(RedactingFilter())


def about_bug(exc: BaseException, *, verbose: bool) -> str:
    """What is said of an error that nobody expected: what and where, in full with -v, and never a secret."""
    from streamguard.connect.secrecy.secrets import redact, traceback_text

    if verbose:
        return f"{traceback_text(exc)}Error: that is a bug of streamguard"
    frame = exc.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" in {frame.tb_frame.f_code.co_filename}, line {frame.tb_lineno}" if frame else ""
    told = redact(str(exc)).split("\n")[0]
    return f"Error: a bug of streamguard: {type(exc).__name__}{': ' + told if told else ''}{where}: -v shows the rest"


def guard_process() -> None:
    """From now on no thread, and nothing that ends on its way out, prints a traceback of its own."""

    def of_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and args.exc_type is not SystemExit:
            click.echo(about_bug(args.exc_value, verbose=False), err=True)

    def of_object(args: sys.UnraisableHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, KeyboardInterrupt | BrokenPipeError):
            click.echo(about_bug(args.exc_value, verbose=False), err=True)

    def of_process(_kind: type[BaseException], exc: BaseException, _traceback: TracebackType | None) -> Any:
        click.echo(about_bug(exc, verbose=False), err=True)

    threading.excepthook = of_thread
    sys.unraisablehook = of_object
    sys.excepthook = of_process
