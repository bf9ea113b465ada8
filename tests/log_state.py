"""The log of this process, which commands change."""

from __future__ import annotations

import logging


class LogState:
    """The log as it is now, to be had back: commands with -v change that of the whole process."""

    def __init__(self) -> None:
        self._loggers = [logging.getLogger(), logging.getLogger("streamguard")]
        self._handlers = self._loggers[0].handlers[:]
        self._levels = [logger.level for logger in self._loggers]

    def restore(self) -> None:
        self._loggers[0].handlers[:] = self._handlers
        for logger, level in zip(self._loggers, self._levels, strict=True):
            logger.setLevel(level)
