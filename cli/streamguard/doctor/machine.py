"""This computer: can the local servers run here, and do they?"""

from __future__ import annotations

import os
import platform
import re
import shutil
import stat
from collections.abc import Collection, Iterator
from importlib import metadata
from pathlib import Path

from streamguard import __version__
from streamguard.doctor.checks import Check, State, halves
from streamguard.errors import StackError
from streamguard.project import Project
from streamguard.settings import Settings, env_file, slips
from streamguard.stack import jars
from streamguard.stack.java import java_version
from streamguard.stack.ports import holder, is_free
from streamguard.stack.programs import environment
from streamguard.stack.stack import Stack

GIGABYTE = 1_000_000_000
MEMORY = 2.0
"""Gigabytes that the servers take; with half of it they start, and slowly."""
DISK = 5.0
LEAST_DISK = 0.5


def software(settings: Settings, stack: Stack) -> Iterator[Check]:
    """Python, packages, Java, jars."""
    yield Check("python", "ok", f"{platform.python_version()}, streamguard {__version__}")
    yield _packages()
    try:
        java = stack.java
        version = java_version(java)
        yield Check("java", "ok", f"version {version or 'unknown'}, {java}")
    except StackError as exc:
        yield Check("java", "fail", *halves(exc))
    lock = stack.lock
    missing = jars.missing(lock, settings.cache_dir / "jars")
    if missing:
        size = sum(jar.size for jar in missing) / 1e6
        found = f"{len(missing)} of {len(lock.jars)} are missing, {size:.0f} MB"
        yield Check("jars", "warn", found, "`streamguard jars fetch`, or the next `up` fetches them")
    else:
        yield Check("jars", "ok", f"{len(lock.jars)}, as in the lock file; plugins {', '.join(lock.plugins)}")


def _packages() -> Check:
    """The extra `local`: the servers that come as Python packages."""
    wanted = [
        found.group()
        for line in metadata.requires("streamguard") or ()
        if re.search(r"extra\s*==\s*['\"]local['\"]", line) and (found := re.match(r"[\w.-]+", line))
    ]
    absent = [name for name in wanted if not _is_installed(name)]
    if absent:
        return Check("packages", "fail", f"not installed: {', '.join(absent)}", "pip install 'streamguard[local]'")
    return Check("packages", "ok", f"{len(wanted)} of the extra local")


def _is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def resources(settings: Settings, *, running: bool) -> Iterator[Check]:
    """Memory and disk."""
    import psutil

    free = psutil.virtual_memory().available / GIGABYTE
    enough = running or free >= MEMORY
    yield Check(
        "memory",
        "ok" if enough else "warn",
        f"{free:.1f} GB free",
        ""
        if enough
        else f"the servers take {MEMORY:.0f} GB: close something, or lower STREAMGUARD_KAFKA_HEAP "
        "and STREAMGUARD_CONNECT_HEAP",
    )
    folder = _existing(settings.data_dir)
    disk = shutil.disk_usage(folder).free / GIGABYTE
    state: State = "fail" if disk < LEAST_DISK else "warn" if disk < DISK else "ok"
    advice = "" if state == "ok" else "free some, or put the data elsewhere: STREAMGUARD_DATA_DIR"
    yield Check("disk", state, f"{disk:.1f} GB free for {settings.data_dir}", advice)
    if not os.access(folder, os.W_OK):
        yield Check("data", "fail", f"{folder} can not be written", "STREAMGUARD_DATA_DIR names another folder")


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def secrets(project: Project, settings: Settings) -> Iterator[Check]:
    """Files with passwords are for their owner only."""
    for path in (settings.credentials_file, env_file(project.root)):
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            state: State = "fail" if path == settings.credentials_file else "warn"
            yield Check(path.name, state, f"others may read {path}, mode {mode:o}", f"chmod 600 {path}")
        else:
            yield Check(path.name, "ok", f"mode {mode:o}")


def written(project: Project) -> Iterator[Check]:
    """Variables that are called nearly like a setting, and are none."""
    for name, meant in slips(project.root).items():
        yield Check("settings", "warn", f"{name} is no setting", f"is {meant} meant?")


def open_secrets(project: Project, settings: Settings) -> Iterator[Check]:
    """Files with passwords that others may read."""
    return (check for check in secrets(project, settings) if check.state != "ok")


def programs(stack: Stack, needed: Collection[str]) -> Iterator[Check]:
    """The servers of the stack: those that run are ready, the others find their ports free."""
    rows = {row.name: row for row in stack.status()}
    running = [name for name, row in rows.items() if row.pid is not None]
    for name in running:
        row = rows[name]
        if row.state == "starting":
            yield Check(name, "warn", f"still starting: {row.detail}", f"`streamguard logs {name}`")
        elif row.state != "ready":
            yield Check(name, "fail", f"{row.state}: {row.detail}", f"`streamguard logs {name}`")
    for name, row in rows.items():
        if row.state == "failed":
            advice = f"`streamguard logs {name}` says why, `streamguard up` starts it again"
            yield Check(name, "fail", f"it has ended: {row.detail}", advice)
    ready = [name for name in running if rows[name].state == "ready"]
    if ready:
        yield Check("servers", "ok", f"ready: {', '.join(ready)}")
    elif not running:
        yield Check("servers", "warn", "nothing runs", "`streamguard up` starts the servers and a pipeline")
    down = [name for name in needed if name in stack.programs and name not in running]
    if running and down:
        yield Check("servers", "warn", f"not started: {', '.join(sorted(down))}", "`streamguard up`")
    yield from _commands(stack, down)
    yield from _ports(stack, down)


def _commands(stack: Stack, names: Collection[str]) -> Iterator[Check]:
    for name in sorted(names):
        command = stack.programs[name].argv[0]
        if shutil.which(command, path=environment().get("PATH", os.defpath)) is None:
            yield Check(name, "fail", f"there is no command {command}", "pip install 'streamguard[local]'")


def _ports(stack: Stack, names: Collection[str]) -> Iterator[Check]:
    wanted = [(port, name) for name in sorted(names) for port in stack.programs[name].ports]
    taken = [(port, name) for port, name in wanted if not is_free(port)]
    for port, name in taken:
        who = holder(port) or "a process of another user"
        advice = "end that process, or move all ports: STREAMGUARD_PORT_OFFSET=100"
        yield Check(f"port {port}", "fail", f"{name} needs it, and {who} has it", advice)
    if wanted and not taken:
        yield Check("ports", "ok", f"free: {', '.join(str(port) for port, _ in wanted)}")
