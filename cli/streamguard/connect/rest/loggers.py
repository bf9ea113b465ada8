"""Levels of a worker's loggers, for a while."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Literal

from streamguard.connect.rest.answers import Logger
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import UnknownName
from streamguard.project import did_you_mean

Scope = Literal["worker", "cluster"]
LEAKING = re.compile(
    r"root|org|org\.apache|org\.apache\.kafka|org\.apache\.kafka\.common(\.config(\.AbstractConfig)?)?"
    r"|org\.apache\.kafka\.connect(\.runtime(\..*Config)?)?|com\.mongodb(\..*)?|io\.debezium(\..*)?"
)
TAKEN_ON_SECONDS = 5.0
QUIET = ("WARN", "ERROR", "FATAL", "OFF")
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(s|m|h|)")
_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def leaks(name: str, level: str) -> bool:
    """Do workers write resolved configs, and so secrets, into their log at this level?"""
    return level.upper() not in QUIET and bool(LEAKING.fullmatch(name))


def parse_duration(text: str) -> float:
    """Seconds of `90`, `30s`, `10m`, `1h`. Raises UnknownName."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not float(match[1]):
        raise UnknownName(f"{text!r} is no duration: it is like 30s, 10m or 1h")
    return float(match[1]) * _SECONDS[match[2]]


def notable(loggers: Sequence[Logger]) -> list[Logger]:
    """The root, and the loggers that log at another level than what is above them; a worker lists hundreds."""
    levels = {logger.name: logger.level for logger in loggers}
    root = levels.get("root", "")

    def inherited(name: str) -> str:
        while "." in name:
            name = name.rpartition(".")[0]
            if name in levels:
                return levels[name]
        return root

    return [logger for logger in loggers if logger.name == "root" or logger.level != inherited(logger.name)]


def level_of(client: ConnectClient, name: str) -> str:
    """The level at which a logger logs: its own, else that of the nearest above it. Raises UnknownName."""
    levels = {logger.name: logger.level for logger in client.loggers()}
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        level = levels.get(".".join(parts[:length]))
        if level:
            return level
    if "root" in levels:
        return levels["root"]
    raise UnknownName(f"{client.shown_url} has no logger {name}{did_you_mean(name, levels)}")


def set_for(
    client: ConnectClient,
    name: str,
    level: str,
    scope: Scope,
    *,
    wait: Callable[[], object],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[str, str]:
    """Set a level, `wait`, set back the one that was before, whatever ends the wait: the levels before and after.

    Workers take on a level of the cluster after they have answered. So it is looked at until they have, some seconds at
    most: otherwise who sets the level next takes ours for the one that was before.
    """
    before = level_of(client, name)
    try:
        client.set_logger(name, level, scope)
        wait()
    finally:
        client.set_logger(name, before, scope)
    deadline = clock() + TAKEN_ON_SECONDS
    while (after := level_of(client, name)) != before and clock() < deadline:
        sleep(0.05)
    return before, after
