"""``python -m streamguard.stack.launch PLAN``: become the server that a plan describes.

Supervisor starts this and not the server itself, so that its config file and `ps` show no secret and a server has no
more environment than it needs. A plan is a JSON file: ``argv``, ``env``, ``secrets`` (variable to the name of a
credential), ``user`` (user and group id of whom it becomes, if not of this process), and the parent: ``parent``, its
process id, or ``supervisor``, the file that holds it.
It runs at every restart, so it imports the standard library alone.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from streamguard.stack import credentials

PR_SET_PDEATHSIG = 1
ORPHAN = 3  # exit code: the supervisor is gone


def main(path: Path) -> None:
    """Replace this process by the server."""
    plan = json.loads(path.read_text())
    parent = plan["parent"] if "parent" in plan else int(Path(plan["supervisor"]).read_text())
    known = credentials.read(Path(plan["credentials"]))
    secrets = {variable: known[name] for variable, name in plan["secrets"].items() if name in known}
    if plan.get("user"):
        _become(*plan["user"])
    _die_with_parent(parent)  # who becomes another user loses it
    os.execve(plan["argv"][0], plan["argv"], {**plan["env"], **secrets})  # noqa: S606  no shell, on purpose


def _become(user: int, group: int) -> None:
    os.setgroups([])
    os.setgid(group)
    os.setuid(user)


def _die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process, and what it becomes, when its parent ends: no orphan, whatever happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before the kernel was asked
        sys.exit(ORPHAN)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
