"""Heal: what to restart of what is FAILED, and when. Pure.

By its first cause a failure is one of four:

* an outage, which passes by itself: restarted for ever, with pauses that grow from 5 seconds to 5 minutes
* of the config (a class or a setting that is wrong): never restarted
* of rights or credentials: restarted once, half a minute later (a server that starts may refuse everybody), then never
* anything else: restarted until it has failed three times in a row in the same way

What is left alone is told of once, and looked at again when its config changes or somebody restarts it. What has run
for two minutes starts afresh.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from streamguard.connect.deploying.wait import INNERMOST, first_cause
from streamguard.connect.rest.answers import ConnectorStatus, Deployed

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 300.0
DENIED_PAUSE = 30.0
EQUAL_TRACES = 3
FORGET_AFTER = 120.0
"""Seconds that a part must run before its failures are forgotten."""
GRACE = 3.0
"""Seconds after a restart in which the worker may still show the failure of before."""
MISSED = 600.0
"""Seconds for which a part is remembered that the worker does not list: it may be between two workers."""
AT_ONCE = 20
"""Restarts of one look: hundreds that come back together would knock over what has just come back."""

_OUTAGE = re.compile(
    r"timed[ -]?out|\b(request|read|call|api\w*|mongo)?timeoutexception|connection (refused|reset|closed|failure)"
    r"|connect(ion)?exception|could not connect|unable to connect|unknownhost|no ?route|network|socket|broken pipe"
    r"|eof ?exception|unavailable|disconnect|not ?available|no broker|coordinator|leader|fenced|retriable|slow ?down"
    r"|too many requests|\b(429|50[0234])\b|servicefailure|internalservererror|not ?primary|shutdown ?in ?progress"
    r"|interrupted",
    re.IGNORECASE,
)
_LASTING = re.compile(
    r"configexception|invalid\w*exception|illegal\w*exception|nosuchtable|classnotfound|noclassdeffound|dataexception"
    r"|serializationexception",
    re.IGNORECASE,
)
_DENIED = re.compile(
    r"authenticationexception|authentication ?failed|securityexception|authorizationexception|access ?(is )?denied"
    r"|accesscontrol|forbidden|not ?authorized|unauthorized|signaturedoesnotmatch|invalidaccesskey|expired ?token"
    r"|bad credentials|\b40[13]\b|sslhandshake|certpath|certificate|password",
    re.IGNORECASE,
)
_WRONG = re.compile(r"\bconfigexception|classnotfound|noclassdeffound|nosuchmethoderror", re.IGNORECASE)
_VARYING = re.compile(r"@[0-9a-f]+|\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\d+", re.IGNORECASE)

Act = Literal["restart", "give up", "recovered"]
Kind = Literal["outage", "config", "denied", "other"]


@dataclass(frozen=True)
class Part:
    """A connector itself (`task` None), or one of its tasks."""

    connector: str
    task: int | None

    def __str__(self) -> str:
        return self.connector if self.task is None else f"{self.connector}, task {self.task}"


@dataclass(frozen=True)
class History:
    """What heal remembers of a part. Times are seconds of one clock; `config` is a digest of the config that failed."""

    failures: int = 0
    due: float = 0.0
    cause: str = ""
    equal: int = 0
    restarted: bool = True
    restarted_at: float | None = None
    running_since: float | None = None
    gave_up: bool = False
    config: str = ""
    seen: float = 0.0


@dataclass(frozen=True)
class Step:
    """Something to do, or to tell of."""

    act: Act
    part: Part
    cause: str
    failures: int
    kind: Kind = "other"


@dataclass(frozen=True)
class Decision:
    """What to do now, and what to remember until the next look."""

    steps: tuple[Step, ...]
    memory: Mapping[Part, History] = field(default_factory=dict)


def kind_of(cause: str) -> Kind:
    """Which of the four it is. The innermost cause decides: connectors wrap an outage in whatever they like.

    A text that speaks of both an outage and something that lasts is neither: it is tried three times.
    """
    innermost = cause.rpartition(INNERMOST)[2]
    name, passes = innermost.partition(":")[0], bool(_OUTAGE.search(innermost))
    if _DENIED.search(name):
        return "denied"
    if _LASTING.search(name) and not _WRONG.search(name):
        return "other"
    if _DENIED.search(innermost):
        return "other" if passes else "denied"
    if _WRONG.search(innermost):
        return "other" if passes else "config"
    return "outage" if passes and not _LASTING.search(innermost) else "other"


def pause_after(failures: int, jitter: float) -> float:
    """Seconds before the restart after so many failures in a row: 5, 10, 20 … 300, less up to a fifth by `jitter`."""
    pause = min(FIRST_PAUSE * 2.0 ** min(failures - 1, 10), LONGEST_PAUSE)
    return float(pause * (1 - 0.2 * jitter))


def decide(seen: Iterable[Deployed], memory: Mapping[Part, History], now: float, jitter: float) -> Decision:
    """What to restart at the time `now`, from what is seen and remembered."""
    steps: list[Step] = []
    remembered = {part: history for part, history in memory.items() if now - history.seen < MISSED}
    room = AT_ONCE
    for connector in seen:
        digest = digest_of(connector.config)
        for part, state, trace in _parts(connector.status):
            history = memory.get(part, History())
            if history.config and history.config != digest:
                history = History()  # somebody has mended it, or tried to
            if state == "FAILED":
                cause = first_cause(trace, connector.config)
                history, step = _look_at_failed(part, cause, history, now, jitter, may_restart=room > 0)
            else:
                history, step = _look_at_healthy(part, state, history, now)
            if step is not None:
                steps.append(step)
                room -= step.act == "restart"
            if replace(history, seen=0.0, config="") != History():
                remembered[part] = replace(history, config=digest, seen=now)
            else:
                remembered.pop(part, None)
    return Decision(tuple(steps), remembered)


def digest_of(config: Mapping[str, str]) -> str:
    """Tells two configs apart."""
    text = "\n".join(f"{key}={config[key]}" for key in sorted(config))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _look_at_failed(
    part: Part, cause: str, history: History, now: float, jitter: float, *, may_restart: bool
) -> tuple[History, Step | None]:
    same = _shape(cause) == _shape(history.cause)
    if history.gave_up and same:
        if history.running_since is None:
            return history, None
        told = Step("give up", part, cause, history.failures + 1, kind_of(cause))
        return replace(history, failures=history.failures + 1, running_since=None), told
    if history.restarted_at is not None and same and now - history.restarted_at < GRACE:
        return history, None
    if history.restarted or not same:  # it has failed for the first time, or again after a restart by us or others
        equal, failures, kind = history.equal + 1 if same else 1, history.failures + 1, kind_of(cause)
        pause = DENIED_PAUSE if kind == "denied" else pause_after(failures, jitter)
        history = History(failures, now + pause, cause, equal, restarted=False)
        if equal >= _tries(kind):
            return replace(history, gave_up=True), Step("give up", part, cause, failures, kind)
    if now >= history.due and may_restart:
        step = Step("restart", part, cause, history.failures, kind_of(cause))
        return replace(history, restarted=True, restarted_at=now), step
    return history, None


def _tries(kind: Kind) -> float:
    """After how many equal failures a part is left alone."""
    return {"outage": float("inf"), "config": 1, "denied": 2, "other": EQUAL_TRACES}[kind]


def _shape(cause: str) -> str:
    """The cause without what differs from one failure to the next: numbers, ids, addresses of objects."""
    return _VARYING.sub("#", cause)


def _look_at_healthy(part: Part, state: str, history: History, now: float) -> tuple[History, Step | None]:
    if not history.failures:
        return History(), None
    if state != "RUNNING":
        return replace(history, running_since=None, restarted_at=None, restarted=True), None
    since = now if history.running_since is None else history.running_since
    if now - since >= FORGET_AFTER:
        return History(), Step("recovered", part, history.cause, history.failures, kind_of(history.cause))
    return replace(history, running_since=since, restarted_at=None, restarted=True), None


def _parts(status: ConnectorStatus | None) -> list[tuple[Part, str, str]]:
    if status is None:
        return []
    tasks = [(Part(status.name, task.id), task.state, task.trace) for task in status.tasks]
    return [(Part(status.name, None), status.state, status.trace), *tasks]
