"""Pause, resume, stop, restart and delete many connectors, and wait until they are what they were told to be.

One that fails does not stop the others. The worker answers such a request before it has done anything, so what counts
is the state that it shows afterwards.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from typing import Any, Literal

from streamguard.connect.answers import ConnectorStatus, Deployed
from streamguard.connect.client import ConnectClient
from streamguard.connect.wait import failure
from streamguard.errors import ConnectorFailed, PartlyDone, StreamguardError, WaitTimedOut

Wanted = Literal["RUNNING", "PAUSED", "STOPPED"]

POLL_SECONDS = 0.2
SETTLE_SECONDS = 1.5
"""How long a connector must stay RUNNING: a worker shows RUNNING of a task that is about to fail."""
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
    """Do `act`, which says what it did, to every connector, `jobs` at a time; in the order of the names."""

    def one(name: str) -> Outcome:
        try:
            return Outcome(name, act(name))
        except StreamguardError as exc:
            return Outcome(name, "failed", error=exc)

    found: dict[str, Outcome] = {}
    pool = ThreadPoolExecutor(max(1, min(jobs, len(names) or 1)), thread_name_prefix="connectors")
    try:
        for done in as_completed([pool.submit(one, name) for name in names]):
            found[done.result().name] = done.result()
            report(done.result())
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C: what has begun is ended, nothing more is begun
    return [found[name] for name in names]


def reached(status: ConnectorStatus | None, wanted: Wanted) -> bool:
    """Has a connector got there? A task that had FAILED before stays so when it is paused."""
    if status is None or status.state != wanted:
        return False
    if wanted == "STOPPED":
        return not status.tasks
    states = {task.state for task in status.tasks}
    return bool(states) and states <= ({"RUNNING"} if wanted == "RUNNING" else {"PAUSED", "FAILED"})


def settle(
    client: ConnectClient,
    outcomes: Sequence[Outcome],
    wanted: Wanted,
    *,
    timeout: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Look until each that has not failed is in the state `wanted`, one request a look; for `timeout` seconds."""
    start = clock()
    since: dict[str, float] = {}
    final = {outcome.name: outcome for outcome in outcomes}
    pending = [outcome.name for outcome in outcomes if outcome.error is None]
    while pending:
        listed, now = client.connectors(), clock()
        for name in list(pending):
            seen = listed.get(name)
            state = seen.status.state if seen and seen.status else "UNASSIGNED"
            final[name] = replace(final[name], state=state)
            ended = _ended(seen, wanted)
            if ended is None:
                since.pop(name, None)
                continue
            lasted = now - since.setdefault(name, now)
            if wanted != "RUNNING" or lasted >= SETTLE_SECONDS:
                final[name] = replace(final[name], error=ended or None)
                pending.remove(name)
        if pending and clock() - start >= timeout:
            for name in pending:
                late = WaitTimedOut(f"{name} is not {wanted} after {timeout:g} s: it is {final[name].state}")
                final[name] = replace(final[name], error=late)
            break
        if pending:
            sleep(POLL_SECONDS)
    return [final[outcome.name] for outcome in outcomes]


def _ended(seen: Deployed | None, wanted: Wanted) -> ConnectorFailed | Literal[False] | None:
    """None: not yet; False: it is where it should be; an error: it never will be."""
    status = seen.status if seen else None
    if seen and status and wanted == "RUNNING" and (status.state == "FAILED" or status.failed):
        return ConnectorFailed(failure(status, seen.config))
    return False if reached(status, wanted) else None


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
    return f"restarting {', '.join(parts)}" if parts else "nothing to restart"


def needing_restart(listed: Mapping[str, Deployed], names: Sequence[str]) -> list[str]:
    """Those of `names` that are FAILED or have a task that is."""
    statuses = {name: listed[name].status for name in names}
    return [name for name, status in statuses.items() if status and (status.state == "FAILED" or status.failed)]
