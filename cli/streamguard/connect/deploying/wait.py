"""Wait until connectors really are what they should be: tasks have the new config and stay RUNNING for a while.

A worker says RUNNING of a connector for half a second after its config has changed for the worse, and FAILED for a
while after it has changed for the better. So a state counts once the tasks' configs show the change, and holds once
it has lasted. On top of it `Reading` can ask that committed offsets move while there is something to read.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from streamguard.connect.deploying.plan import KeyChange
from streamguard.connect.rest.answers import ConnectorStatus, Deployed, State, is_mask
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.secrets import redact, unresolved_in
from streamguard.errors import (
    ConnectError,
    ConnectorFailed,
    ConnectorNotFound,
    KafkaError,
    StreamguardError,
    WaitTimedOut,
)
from streamguard.model import Place
from streamguard.project import listed

POLL_SECONDS = 0.2
READ_SECONDS = 1.0
"""How often the offsets of a connector are asked for: one request for each connector, unlike its state."""
FAILED_SECONDS = 1.0
UNDONE_SECONDS = 5.0
"""For so long a worker may show the config of before: one that forwarded the change does for some milliseconds."""
INNERMOST = ", by "
"""Between the first and the innermost cause of a failure."""
Outcome = ConnectorStatus | StreamguardError


class Reading(Protocol):
    """How far connectors have read."""

    def backlog(self, name: str, config: Mapping[str, str]) -> dict[Place, int]:
        """The partitions that have records for the connector, each with the offset at which it goes on."""

    def committed(self, name: str) -> Mapping[Place, int]:
        """The committed offsets of the connector."""


@dataclass(frozen=True)
class Target:
    """What a connector should become.

    `changed` are the keys that its tasks must show. `new`: the worker need not have shown it yet. `settle`: how many
    seconds it must stay so. `doubt`: for how many a FAILED may be that of before.
    """

    name: str
    config: Mapping[str, str]
    state: State = "running"
    changed: tuple[KeyChange, ...] = ()
    new: bool = False
    settle: float = 0.0
    doubt: float = 0.0


@dataclass
class Waiting:
    """A connector on its way. `since` is when it was first seen as it is in `look`, by the clock of the wait."""

    target: Target
    applied: bool
    look: object = None
    since: float = 0.0
    status: ConnectorStatus | None = None
    backlog: dict[Place, int] | None = None
    read_at: float = field(default=float("-inf"))
    undone_since: float | None = None

    @property
    def was_there(self) -> bool:
        """Whether the worker has shown it before: in a list of this wait, or in that of the plan."""
        return self.status is not None or not self.target.new

    def observe(self, status: ConnectorStatus, applied: bool, now: float) -> Outcome | None:
        """Take in one look; the outcome, once it is certain."""
        self.status, self.applied = status, self.applied or applied
        state = self._summary(status) if self.applied else "old config"
        look = (state, tuple((task.id, task.state, task.worker) for task in status.tasks))
        if look != self.look:
            self.look, self.since = look, now
        lasted, target = now - self.since, self.target
        certain = max(min(target.settle, FAILED_SECONDS), target.doubt)
        if target.state == "running" and state == "FAILED" and lasted >= certain:
            return ConnectorFailed(failure(status, target.config))
        return status if state == target.state.upper() and lasted >= target.settle else None

    def observe_undone(self, status: ConnectorStatus, now: float) -> Outcome | None:
        """Take in a look at the config of before. A worker merges two PATCHes at once so that one of them is lost,
        and has answered 200 to both."""
        self.status = status
        self.undone_since = now if self.undone_since is None else self.undone_since
        if now - self.undone_since < UNDONE_SECONDS:
            return None
        keys = listed([change.key for change in self.target.changed], 3)
        return ConnectError(
            f"{self.target.name}: the worker took the change of {keys} and has the config of before: somebody else "
            "changed the connector at the same time, deploy it again"
        )

    def _summary(self, status: ConnectorStatus) -> str:
        """In one word; a task that FAILED before its connector was paused stays so and is no failure of the pause."""
        if self.target.state == "paused" and status.state == "PAUSED":
            return "PAUSED" if all(task.state in ("PAUSED", "FAILED") for task in status.tasks) else "starting"
        if self.target.state == "stopped" and status.state == "STOPPED":
            return "starting" if status.tasks else "STOPPED"
        return summary(status)


def wait(
    client: ConnectClient,
    targets: Sequence[Target],
    *,
    timeout: float,
    report: Callable[[str, Outcome], None],
    reading: Reading | None = None,
    fail_fast: bool = False,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Outcome]:
    """Watch all until each is what it should be, has failed, or `timeout` seconds have passed; one list a look.

    With `reading`, one that runs must also have committed what it had not when it began to, in each partition.
    `fail_fast`: the first failure ends the wait; those without an outcome were still on their way.
    """
    start = clock()
    pending = {target.name: Waiting(target, applied=_shows_nothing(target)) for target in targets}
    outcomes: dict[str, Outcome] = {}

    def end(name: str, outcome: Outcome) -> None:
        outcomes[name] = outcome
        del pending[name]
        report(name, outcome)

    while pending:
        asked = clock()
        try:
            listed = client.connectors()
        except ConnectError as exc:
            for name in list(pending):
                end(name, type(exc)(f"{name}: {exc}"))
            break
        pause = max(POLL_SECONDS, 2 * (clock() - asked))  # a list of hundreds is not asked for without a break
        for name, waiting in list(pending.items()):
            outcome = _look(client, waiting, listed.get(name), clock, reading)
            if outcome is not None:
                end(name, outcome)
                if fail_fast and isinstance(outcome, Exception):
                    return outcomes
        if pending and clock() - start >= timeout:
            for name, waiting in list(pending.items()):
                end(name, WaitTimedOut(_late(waiting, timeout)))
        elif pending:
            sleep(pause)
    return outcomes


def _look(
    client: ConnectClient, waiting: Waiting, seen: Deployed | None, clock: Callable[[], float], reading: Reading | None
) -> Outcome | None:
    """The outcome, once it is certain. One that is not listed is being created, or is gone: lists leave out both."""
    name = waiting.target.name
    try:
        if seen is not None and seen.status is not None:
            if is_undone(waiting.target, seen.config):
                return waiting.observe_undone(seen.status, clock())
            waiting.undone_since = None
            applied = waiting.applied or has_new_config(waiting.target, client.task_configs(name))
            outcome = waiting.observe(seen.status, applied, clock())
            if not isinstance(outcome, ConnectorStatus) or waiting.target.state != "running":
                return outcome
            if not _has_all_tasks(client, waiting, outcome) or not _has_read(waiting, outcome, clock(), reading):
                return None
            return outcome
        if waiting.was_there:
            client.config(name)
    except ConnectorNotFound:
        return ConnectorNotFound(f"{name} was deleted by somebody else while it was waited for: deploy it again")
    except (ConnectError, KafkaError) as exc:
        return type(exc)(f"{name}: {exc}")
    return None


def _shows_nothing(target: Target) -> bool:
    """Tasks get a new config when they run: one that rests shows the old one, and one that is new never had another."""
    return target.state != "running" or not target.changed


def _has_all_tasks(client: ConnectClient, waiting: Waiting, status: ConnectorStatus) -> bool:
    """A status names the tasks that were started already, and there may be more of them."""
    if not waiting.target.changed and not waiting.target.new:
        return True
    return len(client.task_configs(waiting.target.name)) == len(status.tasks)


def _has_read(waiting: Waiting, status: ConnectorStatus, now: float, reading: Reading | None) -> bool:
    """Has it committed something in every partition that had records when it first ran with its config?"""
    if reading is None or status.type == "source":
        return True
    if now - waiting.read_at < READ_SECONDS:
        return False
    waiting.read_at = now
    if waiting.backlog is None:
        waiting.backlog = reading.backlog(waiting.target.name, waiting.target.config)
    elif waiting.backlog:
        committed = reading.committed(waiting.target.name)
        waiting.backlog = {
            place: start for place, start in waiting.backlog.items() if committed.get(place, start) <= start
        }
    return not waiting.backlog


def is_undone(target: Target, config: Mapping[str, str]) -> bool:
    """Is each key that was changed as it was before? What a server masks shows neither."""
    keys = [change for change in target.changed if not (change.before and is_mask(change.before))]
    return bool(keys) and all(config.get(change.key) == change.before for change in keys)


def has_new_config(target: Target, tasks: Sequence[Mapping[str, str]]) -> bool:
    """Do the tasks' configs show the change?

    A connector may hand its tasks only some keys, or altered ones. So one key with its new value is proof, and one
    with its old value, or without one although every key that stayed was handed on, is proof to the contrary.
    """
    keys = [change for change in target.changed if not (change.before and is_mask(change.before))]
    changed = {change.key for change in target.changed}
    kept = target.config.keys() - changed - {"name", "connector.class", "tasks.max"}
    for task in tasks:
        if any(change.after is not None and task.get(change.key) == change.after for change in keys):
            continue
        hands_on = bool(kept) and all(task.get(key) == target.config[key] for key in kept)
        for change in keys:
            seen = task.get(change.key)
            if seen == change.before if seen is not None else change.after is not None and hands_on:
                return False
    return bool(tasks) and ("tasks.max" not in changed or len(tasks) <= _number(target.config.get("tasks.max", "1")))


def failure(status: ConnectorStatus, config: Mapping[str, str]) -> str:
    """One sentence about a FAILED connector: what failed, and its first cause."""
    if status.state == "FAILED":
        return f"{status.name} is FAILED: {first_cause(status.trace, config)}"
    task = status.failed[0]
    more = f" (and {len(status.failed) - 1} more)" if len(status.failed) > 1 else ""
    return f"{status.name}, task {task.id}{more} is FAILED: {first_cause(task.trace, config)}"


def first_cause(trace: str, config: Mapping[str, str] | None = None) -> str:
    """The line of a Java trace that says what happened: the last `Caused by`, after the first if that says more; and
    which references the worker has handed to the connector as they stand."""
    text = redact(trace, config)
    causes = re.findall(r"^Caused by: (.*(?:\n(?!\s+at |\s*\.\.\. |Caused by: ).*)*)", text, re.MULTILINE)
    lines = [_short(cause) for cause in causes] or [_short(text)]
    told = lines[0] if lines[0].split(": ")[-1] in lines[-1] or len(lines) == 1 else f"{lines[0]}{INNERMOST}{lines[-1]}"
    unresolved = unresolved_in(trace, config or {})
    missing = [f"{', '.join(references)} of {key}" for key, references in unresolved.items()]
    note = f"; the worker has not resolved {' and '.join(missing)}" if missing else ""
    return (told if len(told) <= 400 else told[:399] + "…") + note


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


def _number(text: str) -> float:
    return int(text) if text.isdigit() else float("inf")


def _late(waiting: Waiting, timeout: float) -> str:
    status, name, wanted = waiting.status, waiting.target.name, waiting.target.state
    if waiting.backlog:
        behind = [f"{topic}-{number} (at {at})" for (topic, number), at in sorted(waiting.backlog.items())]
        return f"{name} runs and has not read on within {timeout:g} s in {listed(behind, 3)}"
    if status is None:
        seen = "the worker has not started it"
    elif not waiting.applied:
        seen = "its tasks still have the old config"
    else:
        tasks = ", ".join(f"task {task.id} {task.state}" for task in status.tasks) or "no tasks"
        seen = f"connector {status.state}, {tasks}"
    did = "did not run" if wanted == "running" else f"was not {wanted}"
    return f"{name} {did} within {timeout:g} s: {seen}"
