"""The local stack: start, stop, wipe, status, restart. One `Stack` for each data directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from streamguard import cloud
from streamguard.errors import SettingsError, StackError, UnknownName
from streamguard.project import Project, did_you_mean
from streamguard.settings import Settings
from streamguard.stack import credentials, jars, logs, ports, postgres, prepare, probes, programs
from streamguard.stack.java import find_java
from streamguard.stack.places import Places
from streamguard.stack.programs import Program
from streamguard.stack.starting import OnProgress, Progress, Starting, ignore
from streamguard.stack.supervisor import Process, Supervisor

LAST = ("connect", "kafka", "s3", "mongodb", "postgres")  # these are stopped after what uses them, in two steps


KNOWN = (
    *("kafka", "s3", "mongodb", "mongodb.user", "postgres", "postgres.new"),
    *("logs", "run", "credentials.env", "secrets", "start.lock"),
)
"""What the stack keeps in its data directory; everything else there is the user's own."""
YOUNG = 30.0  # seconds that a process may take until it is ready; after that it counts as not ready


@dataclass(frozen=True)
class Row:
    """A program as `status` shows it. `uptime` in whole seconds; `detail` says why it is not ready, or what else.

    `state` is ready; starting, until the process was ready for the first time, at most for the time of YOUNG; not ready
    after that; stopping; stopped; or failed: ended by itself.
    """

    name: str
    state: str
    pid: int | None
    url: str
    uptime: int | None
    restarts: int
    log: str
    detail: str = ""

    def document(self) -> dict[str, Any]:
        """As a listing prints it."""
        return asdict(self)


class Stack:
    """The servers of one data directory; everything is idempotent."""

    def __init__(self, settings: Settings, project: Project) -> None:
        self.settings = settings
        self.project = project
        self.places = Places(settings.data_dir)
        self.supervisor = Supervisor(self.places)
        self._seen_ready: dict[str, int] = {}

    @cached_property
    def lock(self) -> jars.Lock:
        return jars.read_lock()

    @cached_property
    def java(self) -> str:
        return find_java(self.settings)

    @cached_property
    def programs(self) -> Mapping[str, Program]:
        """Everything that can be started, by name."""
        return programs.table(self.settings, self.project, self.places, self.lock, self.java)

    @property
    def servers(self) -> list[str]:
        """The servers that every pipeline needs."""
        return [name for name in programs.SERVERS if name in self.programs]

    def start(
        self,
        names: Iterable[str] | None = None,
        on_progress: OnProgress = ignore,
        *,
        on_bytes: jars.OnBytes | None = None,
        cancel: threading.Event | None = None,
    ) -> dict[str, float]:
        """Start programs (None: the servers) and wait until each is ready: the seconds that each took.

        What runs is left alone (0 seconds), but for a worker whose variables for the cloud have changed. A start that
        fails, is interrupted, or ends with `GivenUp` because `cancel` was set, stops what it started.
        """
        wanted = self.servers if names is None else list(dict.fromkeys(names))
        self._require_known(wanted)
        self.places.make()
        with self._locked():
            self._fetch_jars(on_progress, on_bytes)
            fresh = not self.supervisor.is_running()
            running = self.supervisor.processes()
            down = [name for name in wanted if name not in running or not running[name].is_up]
            self._require_ports(down)
            before, known = credentials.read(self.settings.data_dir), prepare.make_credentials(self.settings)
            down += self._stopped_to_change([name for name in wanted if name not in down], before, known)
            if down:
                prepare.write_files(self.settings, self.places, self.lock)
            starting = Starting(
                self.supervisor,
                self.places,
                self.programs,
                self._preparations(known),
                on_progress,
                cancel=cancel or threading.Event(),
            )
            try:
                if fresh:
                    self.supervisor.start(self.programs)
                elif down:
                    self.supervisor.update(self.programs)
                return starting.run(wanted, down)
            except BaseException:
                self._undo(down, [name for name in down if not starting.is_ready(name)], fresh=fresh)
                raise

    def _stopped_to_change(
        self, running: Sequence[str], before: Mapping[str, str], known: Mapping[str, str]
    ) -> list[str]:
        """Those that had to be stopped, since a process keeps the variables that it was started with."""
        changed = {name for name in cloud.MADE_FROM if before.get(name) != known.get(name)}
        stale = [name for name in running if changed & set(self.programs[name].secrets.values())]
        for name in stale:
            self.supervisor.stop_program(name)
        return stale

    def stop(self, on_progress: OnProgress = ignore) -> bool:
        """Stop everything: whether something ran."""
        if self.supervisor.pid() is None:
            self.supervisor.shutdown()  # what a killed supervisor left lying
            return False
        running = [process.name for process in self.supervisor.processes().values() if process.is_up]
        for batch in _stop_order(running):
            with ThreadPoolExecutor(max(1, len(batch))) as pool:
                list(pool.map(lambda name: self._stop_one(name, on_progress), batch))
        self.supervisor.shutdown()
        return True

    def wipe(self) -> None:
        """Remove the data directory of a stack that does not run."""
        if self.supervisor.pid() is not None:
            raise StackError("the stack runs: stop it before its data is removed")
        if not self.settings.data_dir.exists():
            return
        for name in KNOWN:
            path = self.settings.data_dir / name
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        if self.places.sockets != self.places.run:
            shutil.rmtree(self.places.sockets, ignore_errors=True)
        with contextlib.suppress(OSError):  # files of the user's own are left, and then the folder too
            self.settings.data_dir.rmdir()

    def status(self) -> list[Row]:
        """Every server, and every other program that was ever started, with its state; it takes 3 seconds at most."""
        processes = self.supervisor.processes(timeout=probes.TIMEOUT)
        pid = self.supervisor.pid()
        if not processes and pid is not None:
            raise StackError(f"the supervisor (process {pid}) does not answer, so nothing is known of the servers")
        shown = [p for p in self.programs.values() if p.name in self.servers or _was_started(processes.get(p.name))]
        with ThreadPoolExecutor(max(1, len(shown))) as pool:
            return list(pool.map(lambda program: self._row(program, processes.get(program.name)), shown))

    def restart(self, name: str, on_progress: OnProgress = ignore) -> None:
        """Stop one program and start it again."""
        self._require_known([name])
        self.supervisor.stop_program(name)
        self.start([name], on_progress)

    def log(self, name: str) -> Path:
        """The log of a program; UnknownName when there is no such program."""
        if name != "supervisor":
            self._require_known([name])
        return self.places.log(name)

    def tail(self, name: str, lines: int) -> list[str]:
        """The last lines of a program's log."""
        return logs.tail(self.log(name), lines)

    def follow(self, name: str) -> Iterator[str]:
        """The lines that a program logs from now on."""
        return logs.follow(self.log(name))

    def _row(self, program: Program, process: Process | None) -> Row:
        state, pid, uptime, detail = "stopped", None, None, ""
        if process is not None and process.is_up:
            pid, uptime = process.pid, int(time.time() - process.started)
            detail = probes.suspended(pid) or (program.probe() if program.probe is not None else "")
            state = self._state(process, detail)
            if state == "ready" and program.remark is not None:
                detail = program.remark()
        elif process is not None and process.has_died:
            state, detail = "failed", process.end
        elif process is not None and process.state == "STOPPING":
            state = "stopping"
        restarts = process.restarts if process else 0
        return Row(program.name, state, pid, program.url, uptime, restarts, str(self.places.log(program.name)), detail)

    def _state(self, process: Process, missing: str) -> str:
        """Of a process that runs. What this stack has seen ready once is not starting any more."""
        if not missing:
            self._seen_ready[process.name] = process.pid
            return "ready"
        is_young = time.time() - process.started < YOUNG
        return "starting" if is_young and self._seen_ready.get(process.name) != process.pid else "not ready"

    def _require_known(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self.programs:
                raise UnknownName(f"no server {name}{did_you_mean(name, self.programs)}")

    def _require_ports(self, names: Sequence[str]) -> None:
        wanted: dict[int, str] = {}
        for name in names:
            for port in self.programs[name].ports:
                if wanted.setdefault(port, name) != name:
                    raise SettingsError(
                        f"{wanted[port]} and {name} both want port {port}: change one of STREAMGUARD_…_PORT"
                    )
        ports.require_free((port, name) for name in names for port in self.programs[name].ports)

    def _fetch_jars(self, on_progress: OnProgress, on_bytes: jars.OnBytes | None) -> None:
        cache = self.settings.cache_dir / "jars"
        if not jars.missing(self.lock, cache):
            return
        start = time.monotonic()
        on_progress(Progress("jars", "starting", 0.0, "downloading"))
        jars.fetch(self.lock, cache, self.settings.maven_url, on_bytes=on_bytes)
        on_progress(Progress("jars", "ready", time.monotonic() - start))

    def _preparations(self, known: Mapping[str, str]) -> dict[str, Callable[[], None]]:
        mongodb_uri, postgres_uri = known[credentials.MONGODB_URI], known[credentials.POSTGRES_URI]
        return {
            "kafka": lambda: prepare.format_kafka(self.settings, self.places, self.lock, self.java),
            "mongodb": lambda: prepare.make_mongodb_user(self.settings, self.places, mongodb_uri),
            "postgres": lambda: postgres.prepare(self.settings, self.places, postgres_uri),
        }

    def _undo(self, names: Sequence[str], unready: Sequence[str], *, fresh: bool) -> None:
        """Nothing that this start started may run on; another Ctrl-C ends the supervisor, and with it everything.

        What was not ready yet has nothing to bring to an end, and is killed: a worker of Connect that is told to stop
        finishes its start first, or tries to for 15 seconds.
        """
        if fresh:
            try:
                for name in unready:
                    with contextlib.suppress(StackError):
                        self.supervisor.end_program(name)
                self.stop()
            except BaseException:
                self.supervisor.kill()
                raise
            return
        with contextlib.suppress(StackError):
            for name in unready:
                self.supervisor.end_program(name)
            for name in names:
                self.supervisor.stop_program(name)

    def _stop_one(self, name: str, on_progress: OnProgress) -> None:
        start = time.monotonic()
        on_progress(Progress(name, "stopping", 0.0))
        with contextlib.suppress(StackError):  # the shutdown that follows ends it
            self.supervisor.stop_program(name)
        on_progress(Progress(name, "stopped", time.monotonic() - start))

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One start at a time; the kernel lets go of the lock when its holder ends, however it does."""
        self.places.lock.touch(mode=0o600)
        with self.places.lock.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = file.read().strip() or "unknown"
                raise StackError(f"the stack is being started by process {holder}: wait for it, or end it") from None
            file.truncate(0)
            file.seek(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield
            file.truncate(0)


def _was_started(process: Process | None) -> bool:
    return process is not None and process.started > 0


def _stop_order(names: Sequence[str]) -> list[list[str]]:
    """What writes and reads first, then Connect, then what they stand on."""
    first = [name for name in names if name not in LAST]
    connect = [name for name in names if name == "connect"]
    rest = [name for name in names if name in LAST and name != "connect"]
    return [batch for batch in (first, connect, rest) if batch]
