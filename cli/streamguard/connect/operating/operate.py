"""Pause, resume, stop, restart and delete many connectors, and wait until they are what they were told to be.

One that fails does not stop the others. The worker answers such a request before it has done anything, so what counts
is the state that it shows afterwards.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from streamguard.connect.deploying.wait import Reading, Target, summary, wait
from streamguard.connect.rest import parallel
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectorFailed, PartlyDone, StreamguardError, WaitTimedOut

SETTLE_SECONDS = 1.5
"""How long a connector must stay RUNNING: a worker shows RUNNING of a task that is about to fail."""
RESTART_SECONDS = 3.0
"""For how long what is to be restarted may still show that it has FAILED: a worker answers before it has begun."""
RESTARTING = "restarting"
TOLD = 5
"""How many errors the last sentence of a command repeats."""


@dataclass(frozen=True)
class Outcome:
    """What came of one connector. `state` is the last one that was seen, "" if nobody looked."""

    name: str
    action: str
    state: str = ""
    error: StreamguardError | None = None

    def row(self) -> dict[str, Any]:
        error = str(self.error) if self.error else None
        return {"name": self.name, "action": self.action, "state": self.state, "error": error}


def each(
    names: Sequence[str], act: Callable[[str], str], jobs: int, report: Callable[[Outcome], None]
) -> list[Outcome]:
    """Do `act`, which says what it did, to every connector, `jobs` at a time; in the order of the names.

    After Ctrl-C what has begun is ended, and nothing more is begun.
    """
    found: dict[str, Outcome] = {}
    with closing(parallel.each(names, act, jobs, threading.Event(), whole=True)) as ended:
        for name, given in ended:
            if isinstance(given, StreamguardError):
                found[name] = Outcome(name, "failed", error=given)
            elif isinstance(given, Exception):
                raise given
            else:
                found[name] = Outcome(name, given)
            report(found[name])
    return [found[name] for name in names]


def reached(status: ConnectorStatus | None, state: State) -> bool:
    """Is there nothing to do? A task that had FAILED before stays so when its connector is paused."""
    if status is None or status.state != state.upper():
        return False
    if state == "stopped":
        return not status.tasks
    states = {task.state for task in status.tasks}
    return bool(states) and states <= ({"RUNNING"} if state == "running" else {"PAUSED", "FAILED"})


def rests(status: ConnectorStatus | None) -> bool:
    """Has somebody paused or stopped it?"""
    return status is not None and status.state in ("PAUSED", "STOPPED")


def settle(
    client: ConnectClient,
    outcomes: Sequence[Outcome],
    known: Mapping[str, Deployed],
    state: State,
    *,
    timeout: float,
    seconds: float = SETTLE_SECONDS,
    reading: Reading | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Wait until each that has not failed is in `state`, and stays so for some `seconds`."""
    configs = {one.name: known[one.name].config for one in outcomes if one.error is None}
    held = seconds if state == "running" else 0.0
    targets = [Target(name, config, state, settle=held) for name, config in configs.items()]
    return _wait(client, outcomes, targets, timeout=timeout, reading=reading, clock=clock, sleep=sleep)


def settle_restarts(
    client: ConnectClient,
    outcomes: Sequence[Outcome],
    known: Mapping[str, Deployed],
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Wait until each that is being restarted runs and stays so; one that was paused, until it is that again."""
    targets = []
    for one in outcomes:
        if one.error is None and one.action.startswith(RESTARTING):
            before = known[one.name]
            state: State = "paused" if before.status is not None and before.status.state == "PAUSED" else "running"
            targets.append(Target(one.name, before.config, state, settle=SETTLE_SECONDS, doubt=RESTART_SECONDS))
    return _wait(client, outcomes, targets, timeout=timeout, clock=clock, sleep=sleep)


def _wait(client: ConnectClient, outcomes: Sequence[Outcome], targets: Sequence[Target], **how: Any) -> list[Outcome]:
    """The outcomes with what came of the targets."""
    found = wait(client, targets, report=lambda _name, _what: None, **how)
    late = client.connectors() if any(isinstance(outcome, WaitTimedOut) for outcome in found.values()) else {}
    return [_with(outcome, found.get(outcome.name), late.get(outcome.name)) for outcome in outcomes]


def _with(outcome: Outcome, found: ConnectorStatus | StreamguardError | None, late: Deployed | None) -> Outcome:
    if isinstance(found, ConnectorFailed):
        return replace(outcome, state="FAILED", error=found)
    if isinstance(found, StreamguardError):
        return replace(outcome, state=summary(late.status) if late and late.status else "", error=found)
    return replace(outcome, state=found.state) if found is not None else outcome


def raise_for(outcomes: Sequence[Outcome]) -> None:
    """Nothing if all went well; the one error, or `PartlyDone` if some went well and some did not."""
    errors = [outcome.error for outcome in outcomes if outcome.error is not None]
    if not errors:
        return
    if len(outcomes) == 1:
        raise errors[0]
    told = list(dict.fromkeys(map(str, errors)))
    more = f"; and {len(told) - TOLD} more" if len(told) > TOLD else ""
    words = f"{len(errors)} of {len(outcomes)} connectors: {'; '.join(told[:TOLD])}{more}"
    if len(errors) < len(outcomes):
        raise PartlyDone(words)
    raise (WaitTimedOut if all(isinstance(error, WaitTimedOut) for error in errors) else StreamguardError)(words)


def restart(client: ConnectClient, name: str, status: ConnectorStatus | None, *, only_failed: bool) -> str:
    """Restart a connector with its tasks; what was restarted, in words.

    A worker says RESTARTING of one that is STOPPED too, and does nothing: such a one is told of and left alone.
    """
    if status is not None and status.state == "STOPPED":
        return "left alone: it is STOPPED, `resume` starts it"
    parts = client.restart(name, only_failed=only_failed).parts
    return f"{RESTARTING} {', '.join(parts)}" if parts else "nothing to restart"


def needing_restart(listed: Mapping[str, Deployed], names: Sequence[str]) -> list[str]:
    """Those of `names` that are FAILED or have a task that is."""
    statuses = {name: listed[name].status for name in names}
    return [name for name, status in statuses.items() if status and (status.state == "FAILED" or status.failed)]
