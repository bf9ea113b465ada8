"""Start, stop and everything that goes wrong between: nothing is left running, and the error says why."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from streamguard.errors import StackError, StorageError
from streamguard.project import Project
from streamguard.settings import Settings
from streamguard.stack.places import FREE_BYTES
from streamguard.stack.stack import Stack
from streamguard.stack.starting import Progress
from tests.stack.conftest import settings_in

START = """
import signal
import sys
from pathlib import Path
from streamguard.project import Project
from streamguard.settings import load
from streamguard.stack.stack import Stack
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell starts in the background
root, *names = sys.argv[1:]
stack = Stack(load(Path(root)), Project(Path(root)))
def tell(progress):  # from several threads: one write a line, or two lines become one
    sys.stdout.write(f"{progress.name} {progress.state}\\n")
    sys.stdout.flush()
stack.start(names, tell)
"""


def processes_of(settings: Settings) -> list[psutil.Process]:
    """Every process that has to do with this data directory."""
    mark, own = str(settings.data_dir), os.getpid()
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != own and any(mark in argument for argument in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def own(tmp_path: Path, project: Project) -> Iterator[Stack]:
    """A stack of this test's own, with nothing started."""
    stack = Stack(settings_in(tmp_path / "data", project), project)
    yield stack
    stack.stop()
    assert processes_of(stack.settings) == []


def test_nothing_is_left_after_down_and_data_is_kept(own: Stack) -> None:
    own.start(["s3", "mongodb"])
    assert len(processes_of(own.settings)) == 3
    assert own.stop()
    assert processes_of(own.settings) == []
    assert own.settings.credentials_file.exists()
    before = own.settings.credentials_file.read_text()
    own.start(["mongodb"])  # the same user and password are still good
    assert own.settings.credentials_file.read_text() == before


def test_stopping_what_does_not_run_is_no_error(own: Stack) -> None:
    assert own.stop() is False
    assert own.stop() is False


def test_wiping_removes_what_the_stack_made_and_nothing_else(own: Stack) -> None:
    own.start(["mongodb"])
    with pytest.raises(StackError, match="stop it before"):
        own.wipe()
    own.stop()
    (own.settings.data_dir / "notes.txt").write_text("mine")
    own.wipe()
    assert [path.name for path in own.settings.data_dir.iterdir()] == ["notes.txt"]


def test_a_server_that_ends_early_is_reported_at_once_with_its_log(own: Stack) -> None:
    own.places.make()
    (own.settings.data_dir / "mongodb").write_text("a file where a folder should be")
    (own.settings.data_dir / "mongodb.user").write_text("streamguard")
    own.programs  # noqa: B018  read before the clock starts
    start = time.monotonic()
    with pytest.raises((StackError, FileExistsError)):
        own.start(["mongodb", "s3"])
    assert time.monotonic() - start < 20
    assert processes_of(own.settings) == []


def test_a_failed_start_stops_what_it_started_and_shows_the_log(own: Stack) -> None:
    settings = replace(own.settings, connect_heap="not-a-size")
    stack = Stack(settings, own.project)
    seen: list[Progress] = []
    with pytest.raises(StackError) as raised:
        stack.start(["connect", "s3"], seen.append)
    assert "connect ended while it was starting; the end of" in str(raised.value)
    assert "Invalid maximum heap size" in str(raised.value)
    assert processes_of(settings) == []


def test_a_failed_start_leaves_running_what_ran_before(own: Stack) -> None:
    own.start(["mongodb"])
    pid = own.supervisor.processes()["mongodb"].pid
    other = Stack(replace(own.settings, connect_heap="not-a-size"), own.project)
    with pytest.raises(StackError, match="connect ended"):
        other.start(["mongodb", "connect"])
    assert own.supervisor.processes()["mongodb"].pid == pid
    assert {row.name: row.state for row in own.status()}["mongodb"] == "ready"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "SIGKILL"])
def test_an_interrupted_start_can_not_leave_orphans(own: Stack, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", START, str(own.project.root), "kafka", "connect", "s3", "mongodb"],
        env={**os.environ, **own.settings.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    with process:
        assert "connect starting\n" in process.stdout
        process.send_signal(number)
        process.stdout.read()
    if number == signal.SIGKILL:  # nobody could clean up: the servers go on, and `down` finds them
        assert own.stop()
    deadline = time.monotonic() + 10  # what prepared Kafka's disk is being ended by the kernel
    while processes_of(own.settings) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(own.settings) == []


def test_a_killed_supervisor_takes_its_servers_along(own: Stack) -> None:
    own.start(["mongodb", "s3"])
    pid = own.supervisor.pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10
    while processes_of(own.settings) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(own.settings) == []
    own.start(["mongodb"])  # and the next start works


def test_two_starts_at_once_are_refused_by_name(own: Stack) -> None:
    own.places.make()
    with own._locked(), pytest.raises(StackError, match=f"is being started by process {os.getpid()}"):
        own.start(["mongodb"])


def test_a_taken_port_is_named_with_its_holder_before_anything_starts(own: Stack) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", own.settings.mongodb_port))
        listener.listen()
        with pytest.raises(StackError, match=rf"port {own.settings.mongodb_port}.*process {os.getpid()}"):
            own.start(["s3", "mongodb"])
    assert processes_of(own.settings) == []


def test_a_start_without_network_works_when_the_jars_are_there(own: Stack) -> None:
    stack = Stack(replace(own.settings, maven_url="http://127.0.0.1:9"), own.project)
    stack.start(["mongodb"])


def test_a_data_directory_that_can_not_be_written_is_a_storage_error(project: Project, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stack = Stack(settings_in(tmp_path / "file" / "data", project), project)
    with pytest.raises(StorageError, match="can not be written"):
        stack.start(["mongodb"])
    assert StorageError.exit_code == 74


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_is_a_storage_error_before_anything_starts(project: Project, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=True)
    try:
        stack = Stack(settings_in(disk / "data", project), project)
        with pytest.raises(StorageError, match=f"the servers need {FREE_BYTES >> 20} MB"):
            stack.start(["mongodb"])
        (disk / "ballast").write_bytes(b"\0" * (15 << 20))
        with (disk / "rest").open("wb", buffering=0) as rest, pytest.raises(OSError, match="No space"):
            while True:
                rest.write(b"\0" * 4096)
        with pytest.raises(StorageError, match="can not be written"):
            stack.start(["mongodb"])
        assert processes_of(stack.settings) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_supervisor_config_survives_odd_paths(project: Project, tmp_path: Path) -> None:
    stack = Stack(settings_in(tmp_path / "100 % \"of\" 'it' äö", project), project)
    try:
        stack.start(["mongodb"])
        plan = json.loads((stack.places.plans / "mongodb.json").read_text())
        assert str(stack.settings.data_dir / "mongodb") in plan["argv"]
    finally:
        stack.stop()
    assert processes_of(stack.settings) == []
