"""Logs of a long-running process: one event a line on stderr, as text on a terminal, as JSON elsewhere.

Everything goes through the standard `logging`, so libraries are heard as well. An event carries the coordinates of a
record (topic, partition, offset), never its key, value or headers: those are personal data.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from streamguard.kafka.clients import SILENT
from streamguard.settings import Settings


class StructuredHandler(logging.StreamHandler[Any]):
    """Writes events with structlog, which is imported with the first of them: a restart is no slower for it."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__(sys.stderr)
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        if self.formatter is None:
            self.formatter = _formatter(as_json=self._as_json)
        return super().format(record)


def configure(settings: Settings, *, verbose: bool = False) -> None:
    """Send every log event of this process to stderr; `verbose` lets librdkafka and debugging be heard too."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    root = logging.getLogger()
    root.handlers[:] = [StructuredHandler(as_json=as_json)]
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("streamguard.kafka.librdkafka").setLevel(logging.INFO if verbose else SILENT)


def _formatter(*, as_json: bool) -> logging.Formatter:
    import structlog

    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    last: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if as_json:
        last += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        last += [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=last)
