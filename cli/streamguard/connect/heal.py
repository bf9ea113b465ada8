"""Heal: restart what is FAILED, with growing pauses, for as long as the cause may pass.

A task that failed because a server was away is restarted for ever. One that fails three times in a row with the same
trace, and not by an outage, is left alone and told of: restarting does not mend a config or a record. What has run for
a while starts afresh.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from streamguard.connect.answers import ConnectorStatus
from streamguard.connect.client import ConnectClient
from streamguard.connect.wait import INNERMOST, first_cause
from streamguard.errors import ConnectError, ConnectorNotFound

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
EQUAL_TRACES = 3
FORGET_AFTER = 120.0
"""Seconds that a part must run before its failures are forgotten."""

_OUTAGE = re.compile(
    r"timed[ -]?out|\b(request|read|call|api\w*|mongo)?timeoutexception|connection (refused|reset|closed|failure)"
    r"|connect(ion)?exception|could not connect|unable to connect|unknownhost|no ?route|network|socket|broken pipe"
    r"|eof ?exception|unavailable|disconnect|not ?available|no broker|coordinator|leader|fenced|retriable|slow ?down"
    r"|too many requests|\b(429|50[0234])\b|servicefailure|internalservererror|not ?primary|shutdown ?in ?progress"
    r"|interrupted",
    re.IGNORECASE,
)
_CONFIGURATION = re.compile(
    r"configexception|invalid\w*exception|illegal\w*exception|authenticationexception|authentication failed"
    r"|authorizationexception|access ?denied|forbidden|nosuchtable|classnotfound|noclassdeffound|dataexception"
    r"|serializationexception|signaturedoesnotmatch",
    re.IGNORECASE,
)

Act = Literal["restart", "give up", "recovered"]


@dataclass(frozen=True)
class Part:
    """A connector itself (`task` None), or one of its tasks."""

    connector: str
    task: int | None

    def __str__(self) -> str:
        return self.connector if self.task is None else f"{self.connector}, task {self.task}"


@dataclass(frozen=True)
class History:
    """What heal remembers of a part. Times are seconds of one clock."""

    failures: int = 0
    due: float = 0.0
    cause: str = ""
    equal: int = 0
    restarted: bool = True
    running_since: float | None = None
    gave_up: bool = False


@dataclass(frozen=True)
class Step:
    """Something to do, or to tell of."""

    act: Act
    part: Part
    cause: str
    failures: int


@dataclass(frozen=True)
class Decision:
    """What to do now, and what to remember until the next look."""

    steps: tuple[Step, ...]
    memory: Mapping[Part, History] = field(default_factory=dict)


def is_outage(cause: str) -> bool:
    """Can the cause pass by itself? The innermost one decides: connectors wrap an outage in whatever they like.

    What points to config, rights or data can not pass, whatever else the text says.
    """
    innermost = cause.rpartition(INNERMOST)[2]
    return bool(_OUTAGE.search(innermost)) and not _CONFIGURATION.search(innermost)


def pause_after(failures: int, jitter: float) -> float:
    """Seconds before the restart after so many failures in a row: 5, 10, 20 … 300, less up to a fifth by `jitter`."""
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
    return float(pause * (1 - 0.2 * jitter))


def decide(seen: Iterable[ConnectorStatus], memory: Mapping[Part, History], now: float, jitter: float) -> Decision:
    """Pure: what to restart at the time `now`, from what is seen and remembered."""
    steps: list[Step] = []
    remembered: dict[Part, History] = {}
    for status in seen:
        for part, state, trace in _parts(status):
            history = memory.get(part, History())
            if state == "FAILED":
                history, step = _look_at_failed(
                    part, first_cause(trace), history, now, pause_after(history.failures + 1, jitter)
                )
            else:
                history, step = _look_at_healthy(part, state, history, now)
            if history != History():
                remembered[part] = history
            if step is not None:
                steps.append(step)
    return Decision(tuple(steps), remembered)


def _look_at_failed(part: Part, cause: str, history: History, now: float, pause: float) -> tuple[History, Step | None]:
    if history.gave_up and cause == history.cause:
        return history, None
    if history.restarted:  # it is seen FAILED for the first time, or again after a restart
        equal = history.equal + 1 if cause == history.cause else 1
        failures = history.failures + 1
        history = History(failures, now + pause, cause, equal, restarted=False)
        if equal >= EQUAL_TRACES and not is_outage(cause):
            return replace(history, gave_up=True), Step("give up", part, cause, failures)
    if now >= history.due:
        return replace(history, restarted=True), Step("restart", part, cause, history.failures)
    return history, None


def _look_at_healthy(part: Part, state: str, history: History, now: float) -> tuple[History, Step | None]:
    if state != "RUNNING" or not history.failures:
        return replace(history, running_since=None), None
    since = now if history.running_since is None else history.running_since
    if now - since >= FORGET_AFTER:
        return History(), Step("recovered", part, history.cause, history.failures)
    return replace(history, running_since=since, restarted=True), None


def _parts(status: ConnectorStatus) -> list[tuple[Part, str, str]]:
    tasks = [(Part(status.name, task.id), task.state, task.trace) for task in status.tasks]
    return [(Part(status.name, None), status.state, status.trace), *tasks]


Tell = Callable[[str, Mapping[str, object]], None]


def heal(
    client: ConnectClient,
    stop: threading.Event,
    *,
    tell: Tell,
    names: Iterable[str] | None = None,
    interval: float = 2.0,
    clock: Callable[[], float] = time.monotonic,
    jitter: Callable[[], float] = random.random,
) -> None:
    """Look every `interval` seconds and restart what is due, until `stop` is set; wait for a worker that is away."""
    wanted = set(names) if names is not None else None
    memory: Mapping[Part, History] = {}
    away = False
    while not stop.is_set():
        try:
            listed = client.connectors()
            seen = [c.status for name, c in listed.items() if c.status and (wanted is None or name in wanted)]
            decision = decide(seen, memory, clock(), jitter())
            memory = decision.memory
            for step in decision.steps:
                _carry_out(client, step, tell)
            if away:
                tell("Kafka Connect answers again", {})
            away = False
        except ConnectError as exc:
            if not away:
                tell("waiting for Kafka Connect", {"reason": str(exc)})
            away = True
        stop.wait(interval)


def _carry_out(client: ConnectClient, step: Step, tell: Tell) -> None:
    facts: dict[str, object] = {"part": str(step.part), "cause": step.cause, "failures": step.failures}
    if step.act == "recovered":
        tell("runs again", facts)
        return
    if step.act == "give up":
        facts["next"] = f"mend it, then: streamguard connectors restart {step.part.connector}"
        tell("failed three times in the same way, and not by an outage: left alone", facts)
        return
    tell("restarting", facts)
    try:
        if step.part.task is None:
            client.restart(step.part.connector, only_failed=True)
        else:
            client.restart_task(step.part.connector, step.part.task)
    except ConnectorNotFound:
        tell("is gone", facts)
