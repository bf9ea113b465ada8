"""A program of the stack as tests handle it that kill it: its process, and the plan of the next one."""

from __future__ import annotations

import json
from typing import Any

import psutil

from streamguard.stack.stack import Stack


class Supervised:
    """One program."""

    def __init__(self, stack: Stack, name: str) -> None:
        self.name = name
        self._supervisor = stack.supervisor
        self._path = stack.places.plans / f"{name}.json"

    @property
    def pid(self) -> int:
        """Its process; 0 when it has none at the moment."""
        process = self._supervisor.processes().get(self.name)
        return process.pid if process is not None and process.is_up else 0

    def successor(self, pid: int) -> int:
        """The process that followed that one, once it has read its plan; 0 before."""
        following = self.pid
        return following if following not in (0, pid) and self._has_read_its_plan(following) else 0

    def _has_read_its_plan(self, pid: int) -> bool:
        """It is the program by now, not the supervisor's fork nor the launcher."""
        arguments = self.plan["argv"][1:]  # a script has its interpreter before them
        try:
            return bool(psutil.Process(pid).cmdline()[-len(arguments) :] == arguments)
        except psutil.Error:
            return False

    def stop(self) -> int:
        """SIGTERM: the exit code, -1 if the process was killed."""
        self._supervisor.stop_program(self.name)
        return self._supervisor.processes()[self.name].exit_status

    def start(self) -> None:
        self._supervisor.start_program(self.name)

    @property
    def plan(self) -> dict[str, Any]:
        """What the next process is started from."""
        plan: dict[str, Any] = json.loads(self._path.read_text())
        return plan

    def replace_plan(self, plan: dict[str, Any]) -> None:
        """At one moment: a process may be starting."""
        beside = self._path.with_suffix(".new")
        beside.write_text(json.dumps(plan))
        beside.replace(self._path)

    def fail_at(self, failpoint: str) -> None:
        """The next process kills itself there; "": it does not."""
        plan = self.plan
        plan["env"]["STREAMGUARD_FAILPOINT"] = failpoint
        self.replace_plan(plan)


def lives(pid: int) -> bool:
    """A process that was killed and not collected yet does not."""
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
