"""What `status` says of a program, by what it and the supervisor say; real servers are in tests/stack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.errors import StackError
from streamguard.project import find_project
from streamguard.settings import load
from streamguard.stack import probes
from streamguard.stack.programs import Program
from streamguard.stack.stack import YOUNG, Row, Stack
from streamguard.stack.supervisor import Process


class Supervisor:
    """Says what it is told to."""

    def __init__(self) -> None:
        self.known: dict[str, Process] = {}
        self.own_pid: int | None = 1

    def processes(self, timeout: float) -> dict[str, Process]:
        assert timeout < 3
        return self.known

    def pid(self) -> int | None:
        return self.own_pid


class Server:
    """A stack of one server, `kafka`, that says `missing` of itself."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.missing = ""
        self.supervisor = Supervisor()
        self.remark = ""
        program = Program("kafka", (), probe=lambda: self.missing, remark=lambda: self.remark)
        stack.__dict__["programs"] = {"kafka": program}
        stack.__dict__["supervisor"] = self.supervisor

    def row(self, state: str = "RUNNING", *, age: float = 1.0, pid: int = 0, code: int = 0) -> Row:
        """How it is shown."""
        process = Process("kafka", state, pid or os.getpid(), time.time() - age, code, 0)
        self.supervisor.known = {"kafka": process}
        [row] = self.stack.status()
        return row


@pytest.fixture
def server(tmp_path: Path) -> Server:
    project = find_project(Path(__file__))
    return Server(Stack(load(project.root, environ={}, data_dir=tmp_path), project))


@pytest.fixture
def suspended() -> Iterator[int]:
    """A process under SIGSTOP."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        yield process.pid
        process.kill()


def test_what_answers_is_ready(server: Server) -> None:
    assert (server.row().state, server.row().detail) == ("ready", "")


def test_what_is_ready_and_does_not_work_as_its_files_say_is_told(server: Server) -> None:
    server.remark = "changed rules are refused: line 1"
    assert (server.row().state, server.row().detail) == ("ready", "changed rules are refused: line 1")
    server.missing = "no broker yet"
    assert server.row().detail == "no broker yet"


def test_what_does_not_answer_yet_is_starting_with_the_reason_and_not_for_ever(server: Server) -> None:
    server.missing = "no broker yet"
    assert (server.row().state, server.row().detail) == ("starting", "no broker yet")
    assert server.row(age=YOUNG + 1).state == "not ready"


def test_what_was_ready_is_not_starting_again_unless_it_is_another_process(server: Server) -> None:
    server.row()
    server.missing = "no answer"
    assert server.row().state == "not ready"
    assert server.row(pid=os.getppid()).state == "starting"


def test_a_suspended_process_is_told_without_asking_it(server: Server, suspended: int) -> None:
    row = server.row(pid=suspended, age=YOUNG + 1)
    assert (row.state, row.detail) == ("not ready", f"the process is suspended: kill -CONT {suspended} lets it go on")


def test_a_process_that_has_ended_is_not_suspended(suspended: int) -> None:
    assert probes.suspended(suspended)
    os.kill(suspended, signal.SIGKILL)
    os.waitid(os.P_PID, suspended, os.WEXITED | os.WNOWAIT)
    assert probes.suspended(suspended) == ""


@pytest.mark.parametrize(
    ("state", "code", "shown", "detail"),
    [
        ("EXITED", 1, "failed", "it ended with exit code 1; see `streamguard logs kafka`"),
        ("EXITED", 6, "failed", "another process with the same STREAMGUARD_INSTANCE took over (exit code 6)"),
        ("BACKOFF", -1, "failed", "it was killed; it is started again"),
        ("STOPPING", 0, "stopping", ""),
        ("STOPPED", 0, "stopped", ""),
    ],
)
def test_what_does_not_run_says_how_it_ended(server: Server, state: str, code: int, shown: str, detail: str) -> None:
    row = server.row(state, code=code)
    assert (row.state, row.pid, row.detail) == (shown, None, detail)


def test_a_supervisor_that_does_not_answer_is_an_error_and_one_that_is_gone_is_none(server: Server) -> None:
    with pytest.raises(StackError, match="the supervisor \\(process 1\\) does not answer"):
        server.stack.status()
    server.supervisor.own_pid = None
    assert [row.state for row in server.stack.status()] == ["stopped"]
