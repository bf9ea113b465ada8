"""The supervisor process: its config file, its start, its end, and what it knows of the programs."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from streamguard.errors import StackError
from streamguard.stack import rpc
from streamguard.stack.places import Places
from streamguard.stack.programs import FENCED, Program, environment

if TYPE_CHECKING:
    import psutil

SUPERVISE = "streamguard.stack.supervise"  # a name: importing it would import supervisord
LAUNCH = "streamguard.stack.launch"
LOG_BYTES = 10 * 1024 * 1024  # a log is renamed to NAME.log.1 when it is that long
LOG_BACKUPS = 3
START_SECONDS = 15.0
STOP_SECONDS = 60.0
PAUSE = 0.02  # seconds between two looks

_HEAD = """\
[supervisord]
nodaemon = false
logfile = {log}
logfile_maxbytes = 1MB
logfile_backups = 1
pidfile = {pid}
identifier = streamguard
nocleanup = true
minfds = 1024

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface

[rpcinterface:streamguard]
supervisor.rpcinterface_factory = {interface}
"""

# startsecs, startretries: a program that dies within a second is tried again after 1, 2, 3 … seconds; one that ran
# longer is started again at once. A program that was fenced must not fight the one that fenced it.
_PROGRAM = """
[program:{name}]
command = {command}
directory = {directory}
autostart = false
autorestart = unexpected
exitcodes = {fenced}
startsecs = 1
startretries = 20
stopwaitsecs = {stop_seconds}
stopsignal = {stop_signal}
redirect_stderr = true
stdout_logfile = {log}
stdout_logfile_maxbytes = {log_bytes}
stdout_logfile_backups = {log_backups}
"""


@dataclass(frozen=True)
class Process:
    """What the supervisor says of a program. `started` in seconds since the epoch, 0 when it never was."""

    name: str
    state: str
    pid: int
    started: float
    exit_status: int
    restarts: int

    @property
    def is_up(self) -> bool:
        return self.state in ("STARTING", "RUNNING")

    @property
    def has_died(self) -> bool:
        """It ended by itself, whether or not it will be tried again."""
        return self.state in ("BACKOFF", "EXITED", "FATAL", "UNKNOWN")

    @property
    def end(self) -> str:
        """How a process that has died did, in words."""
        if self.exit_status == FENCED:
            return "another process with the same STREAMGUARD_INSTANCE took over (exit code 6)"
        how = "it was killed" if self.exit_status < 0 else f"it ended with exit code {self.exit_status}"
        next_step = "it is started again" if self.state == "BACKOFF" else f"see `streamguard logs {self.name}`"
        return f"{how}; {next_step}"


def config(places: Places, programs: Mapping[str, Program]) -> str:
    """The config file: paths and names, nothing secret."""
    head = _HEAD.format(
        log=_escape(places.logs / "supervisor.log"),
        pid=_escape(places.supervisor_pid),
        socket=_escape(places.supervisor_socket),
        interface=f"{SUPERVISE}:make_interface",
    )
    return head + "".join(_program(places, program) for program in programs.values())


def _program(places: Places, program: Program) -> str:
    command = [sys.executable, "-P", "-m", LAUNCH, str(places.plans / f"{program.name}.json")]
    return _PROGRAM.format(
        name=program.name,
        command=_escape(shlex.join(command)),
        directory=_escape(places.run),
        fenced=FENCED,
        stop_seconds=program.stop_seconds,
        stop_signal=program.stop_signal,
        log=_escape(_escape(places.log(program.name))),  # which it expands twice
        log_bytes=LOG_BYTES,
        log_backups=LOG_BACKUPS,
    )


def _escape(text: object) -> str:
    """supervisord expands %(…)s in every value."""
    return str(text).replace("%", "%%")


class Supervisor:
    """The supervisor of one stack; every method asks it anew, so one value serves several threads."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def is_running(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self._call("supervisor.getState")["statecode"] == 1)
        except rpc.NO_ANSWER:
            return False

    def start(self, programs: Mapping[str, Program]) -> None:
        """Start it and wait until it answers."""
        self.write(programs)
        self.places.supervisor_pid.unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", SUPERVISE, "-c", str(self.places.supervisor_config)]
        # It becomes a daemon: a session of its own, so that Ctrl-C in this terminal is not for it.
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=environment(),
            cwd=self.places.run,
            timeout=START_SECONDS,
            check=False,
        )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_running():
            if done.returncode != 0 or time.monotonic() > deadline:
                said = (done.stdout + done.stderr).strip().splitlines()
                self.shutdown()
                raise StackError(f"the supervisor did not start: {said[0] if said else 'it said nothing'}")
            time.sleep(PAUSE)

    def write(self, programs: Mapping[str, Program]) -> None:
        """Write the config file and the plan of each program."""
        self.places.supervisor_config.write_text(config(self.places, programs))
        for program in programs.values():
            path = self.places.plans / f"{program.name}.json"
            path.write_text(json.dumps(program.plan(self.places), indent=2))

    def update(self, programs: Mapping[str, Program]) -> None:
        """Make a running supervisor know programs that came since it was started."""
        self.write(programs)
        added, _, _ = self._call("supervisor.reloadConfig")[0]
        for name in added:
            self._call("supervisor.addProcessGroup", name)

    def processes(self, timeout: float = rpc.TIMEOUT) -> dict[str, Process]:
        """Every program it knows; nothing when it does not run, or answer."""
        try:
            found = self._call("supervisor.getAllProcessInfo", timeout=timeout)
            starts = self._call("streamguard.starts", timeout=timeout)
        except rpc.NO_ANSWER:
            return {}
        return {
            info["name"]: Process(
                info["name"],
                info["statename"],
                info["pid"],
                float(info["start"]),
                info["exitstatus"],
                max(0, starts.get(info["name"], 0) - 1),
            )
            for info in found
        }

    def start_program(self, name: str) -> None:
        """Start a program; nothing happens when it runs."""
        with self._unless(rpc.ALREADY_STARTED):
            self._call("supervisor.startProcess", name, False)

    def stop_program(self, name: str) -> None:
        """Stop a program and wait until it has ended; nothing happens when it does not run."""
        with self._unless(rpc.NOT_RUNNING):
            self._call("supervisor.stopProcess", name, True, timeout=STOP_SECONDS)

    def end_program(self, name: str) -> None:
        """Kill a program, also one that is being stopped, and do not start it again."""
        process = self.processes().get(name)
        with self._unless(rpc.NOT_RUNNING):
            self._call("supervisor.stopProcess", name, False)
        if process is not None and process.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)

    def shutdown(self) -> None:
        """End it and everything that still runs."""
        pid = self.pid()
        with contextlib.suppress(*rpc.NO_ANSWER):
            self._call("supervisor.shutdown")
        if pid is not None:
            _wait_for_end(pid)
        for path in (self.places.supervisor_pid, self.places.supervisor_socket):
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                path.unlink()

    def kill(self) -> None:
        """End it at once; the kernel ends its children."""
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def pid(self) -> int | None:
        """Its process id, None when it does not run."""
        import psutil

        try:
            pid = int(self.places.supervisor_pid.read_text())
            command = psutil.Process(pid).cmdline()
        except (OSError, ValueError, psutil.Error):
            return None
        return pid if str(self.places.supervisor_config) in command else None  # else the id was given to another

    def _call(self, method: str, *arguments: object, timeout: float = rpc.TIMEOUT) -> Any:
        return rpc.call(self.places.supervisor_socket, method, *arguments, timeout=timeout)

    @contextlib.contextmanager
    def _unless(self, code: int) -> Iterator[None]:
        try:
            yield
        except rpc.Fault as exc:
            if exc.faultCode != code:
                raise StackError(f"the supervisor refused: {exc.faultString}") from exc
        except rpc.NO_ANSWER as exc:
            raise StackError(f"the supervisor does not answer; see {self.places.logs / 'supervisor.log'}") from exc


def _wait_for_end(pid: int) -> None:
    """Until the process has ended; one that does not end is killed, and the kernel ends its children."""
    import psutil

    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        everything = [process, *process.children(recursive=True)]
        deadline = time.monotonic() + STOP_SECONDS
        while any(_lives(one) for one in everything):
            if time.monotonic() > deadline:
                for one in everything:
                    one.kill()
            time.sleep(PAUSE)


def _lives(process: psutil.Process) -> bool:
    """A zombie has ended, even when nobody collects it (a container without init)."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
