"""Wait until connectors really run: their tasks have the new config and stay RUNNING for a settling time.

A worker says RUNNING of a connector for half a second after its config has changed for the worse, and FAILED for a
while after it has changed for the better. So a state counts once the tasks' configs show the change, and holds once
it has lasted.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from streamguard.connect.answers import ConnectorStatus, Deployed
from streamguard.connect.client import ConnectClient
from streamguard.connect.plan import Change
from streamguard.connect.secrets import redact
from streamguard.errors import ConnectError, ConnectorFailed, ConnectorNotFound, WaitTimedOut

POLL_SECONDS = 0.2
INNERMOST = ", by "
"""Between the first and the innermost cause of a failure."""
Outcome = ConnectorStatus | ConnectError | WaitTimedOut


@dataclass
class Waiting:
    """A connector on its way. `since` is when it was first seen in `state`, by the clock of the wait."""

    change: Change
    config: Mapping[str, str]
    settle: float
    applied: bool
    state: str = ""
    since: float = 0.0
    status: ConnectorStatus | None = None

    @property
    def was_there(self) -> bool:
        """Whether the worker has shown it before: in a list of this wait, or in that of the plan."""
        return self.status is not None or self.change.action != "create"

    def observe(self, status: ConnectorStatus, applied: bool, now: float) -> Outcome | None:
        """Take in one look; the outcome, once it is certain."""
        self.status, self.applied = status, self.applied or applied
        state = summary(status) if self.applied else "old config"
        if state != self.state:
            self.state, self.since = state, now
        lasted = now - self.since
        if state == "RUNNING" and lasted >= self.settle:
            return status
        if state == "FAILED" and lasted >= min(self.settle, 1.0):
            return ConnectorFailed(failure(status, self.config))
        if state in ("PAUSED", "STOPPED") and lasted >= self.settle:
            return status
        return None


def wait(
    client: ConnectClient,
    changes: Sequence[tuple[Change, Mapping[str, str]]],
    *,
    timeout: float,
    settle: float,
    report: Callable[[str, Outcome], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Outcome]:
    """Watch all until each runs, has failed, or `timeout` seconds have passed; unchanged ones need not settle."""
    start = clock()
    pending = {
        change.name: Waiting(
            change,
            config,
            settle if change.action != "unchanged" else 0.0,
            applied=change.action != "update",
        )
        for change, config in changes
    }
    outcomes: dict[str, Outcome] = {}
    while pending:
        listed = client.connectors()
        for name, waiting in list(pending.items()):
            outcome = _look(client, waiting, listed.get(name), clock())
            if outcome is not None:
                outcomes[name] = outcome
                del pending[name]
                report(name, outcome)
        if pending and clock() - start >= timeout:
            for name, waiting in pending.items():
                outcomes[name] = WaitTimedOut(_late(waiting, timeout))
                report(name, outcomes[name])
            break
        if pending:
            sleep(POLL_SECONDS)
    return outcomes


def _look(client: ConnectClient, waiting: Waiting, seen: Deployed | None, now: float) -> Outcome | None:
    """The outcome, once it is certain. One that is not listed is being created, or is gone: lists leave out both."""
    name = waiting.change.name
    try:
        if seen is not None and seen.status is not None:
            return waiting.observe(seen.status, waiting.applied or _has_new_config(client, waiting), now)
        if waiting.was_there:
            client.config(name)
    except ConnectorNotFound:
        return ConnectorNotFound(f"{name} was deleted by somebody else while it was waited for: deploy it again")
    return None


def failure(status: ConnectorStatus, config: Mapping[str, str]) -> str:
    """One sentence about a FAILED connector: what failed, and its first cause."""
    if status.state == "FAILED":
        return f"{status.name} is FAILED: {first_cause(status.trace, config)}"
    task = status.failed[0]
    more = f" (and {len(status.failed) - 1} more)" if len(status.failed) > 1 else ""
    return f"{status.name}, task {task.id}{more} is FAILED: {first_cause(task.trace, config)}"


def first_cause(trace: str, config: Mapping[str, str] | None = None) -> str:
    """The line of a Java trace that says what happened: the last `Caused by`, after the first if that says more."""
    text = redact(trace, config)
    causes = re.findall(r"^Caused by: (.*(?:\n(?!\s+at |\s*\.\.\. |Caused by: ).*)*)", text, re.MULTILINE)
    lines = [_short(cause) for cause in causes] or [_short(text)]
    told = lines[0] if lines[0].split(": ")[-1] in lines[-1] or len(lines) == 1 else f"{lines[0]}{INNERMOST}{lines[-1]}"
    return told if len(told) <= 400 else told[:399] + "…"


def _short(cause: str) -> str:
    """`DataException: text` of `org.apache.kafka.connect.errors.DataException: text`, on one line."""
    head = re.split(r"\n\s+at ", cause, maxsplit=1)[0]
    line = " ".join(head.split())
    return re.sub(r"^(?:[\w$]+\.)+([A-Z][\w$]*)", r"\1", line) or "no cause given"


def summary(status: ConnectorStatus) -> str:
    """A connector and its tasks in one word: FAILED if any of them is, RUNNING if all do, PAUSED, STOPPED, starting."""
    if status.state == "FAILED" or status.failed:
        return "FAILED"
    if status.is_running:
        return "RUNNING"
    return status.state if status.state in ("PAUSED", "STOPPED") else "starting"


def _has_new_config(client: ConnectClient, waiting: Waiting) -> bool:
    """Do the tasks' configs show the change? A key that a connector does not hand to its tasks says nothing."""
    tasks = client.task_configs(waiting.change.name)
    if not tasks:
        return waiting.config.get("connector.class") is None
    for task in tasks:
        for change in waiting.change.keys:
            if change.after is None and change.key in task:
                return False
            if change.after is not None and task.get(change.key, change.after) != change.after:
                return False
    if "tasks.max" in waiting.change.patch:
        return len(tasks) <= int(waiting.config.get("tasks.max", "1"))
    return True


def _late(waiting: Waiting, timeout: float) -> str:
    status = waiting.status
    if status is None:
        seen = "the worker has not started it"
    elif waiting.state == "old config":
        seen = "its tasks still have the old config"
    else:
        tasks = ", ".join(f"task {task.id} {task.state}" for task in status.tasks) or "no tasks"
        seen = f"connector {status.state}, {tasks}"
    return f"{waiting.change.name} did not run within {timeout:g} s: {seen}"
