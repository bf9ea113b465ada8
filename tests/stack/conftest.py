"""The real servers, started once for the tests in this folder, beside whatever stack the machine runs already.

A server that does not start is an error of every test that needs it, never a skip. With `-n 2 --dist loadscope` there
are two processes, each with servers of its own; scheduling.py says which files share one.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from streamguard.project import Project, find_project
from streamguard.settings import Settings, load
from streamguard.stack import credentials
from streamguard.stack.ports import is_free
from streamguard.stack.programs import GRPC
from streamguard.stack.stack import Stack
from tests.stack import sentinels
from tests.stack.bank import Bank, summary_of
from tests.stack.records import OwnTopics
from tests.stack.secured import Secured, secured_kafka
from tests.stack.workers import second_worker

OFFSETS: list[int] = list(range(600, 5000, 73))
"""No port of a stack at one of them is one of a stack at another: no difference of two ports is a multiple of 73."""
PIPELINES = 4
"""More than are shipped: the generator of each has a port."""
SERVERS = ("kafka", "s3", "mongodb")
"""Those that are up in a second or two; who needs the Connect worker too says so by the fixture `connect`."""
_locks: dict[int, int] = {}
"""The open files that hold offsets for this process."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """For `--dist loadscope`: by these scopes."""
    from tests.stack.scheduling import Scheduling

    return Scheduling(config, log) if config.getoption("dist") == "loadscope" else None


def free_offset() -> int:
    """A port offset at which every port of a stack is free, and which no other process of tests may choose."""
    start = os.getpid() % len(OFFSETS)  # so that two runs at once do not ask for the same ones
    for offset in (*_locks, *OFFSETS[start:], *OFFSETS[:start]):
        if _is_ours(offset) and all(is_free(port) for port in ports_at(offset)):
            return offset
    raise AssertionError("no free block of ports on this machine")


def ports_at(offset: int) -> list[int]:
    """Every port that a stack at an offset may listen on."""
    settings = load(Path("/nonexistent"), environ={"STREAMGUARD_PORT_OFFSET": str(offset)})
    ports = [getattr(settings, entry.name) for entry in fields(settings) if entry.name.endswith("_port")]
    grpc = [getattr(settings, f"s3_{name}port") + GRPC for name in ("", "master_", "volume_", "filer_", "admin_")]
    return [*ports, *grpc, *(settings.generator_port + number for number in range(1, PIPELINES))]


def _is_ours(offset: int) -> bool:
    """Lock it for as long as this process lives; whether that was possible."""
    if offset not in _locks:
        file = os.open(f"{tempfile.gettempdir()}/streamguard-ports-{os.getuid()}-{offset}", os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        _locks[offset] = file
    return True


def settings_in(folder: Path, project: Project, **options: Any) -> Settings:
    """The settings of a stack of its own in `folder`."""
    return load(project.root, data_dir=folder, port_offset=free_offset(), **options)


@pytest.fixture(scope="session")
def project() -> Project:
    """The repository itself."""
    return find_project(Path(__file__))


@pytest.fixture(scope="session")
def stack(project: Project, pytestconfig: pytest.Config) -> Iterator[Stack]:
    """The running stack: `.settings`, `.project`, `.start([...])`, `.restart(name)`, `.status()`, `.tail(name, n)`."""
    with started(project, pytestconfig, SERVERS) as running:
        yield running


@contextmanager
def started(project: Project, config: pytest.Config, servers: Sequence[str]) -> Iterator[Stack]:
    """A stack whose secrets are planted ones, with these servers up; in the end none of its logs may have a secret."""
    attached = config.getoption("--attach")
    if attached:  # with the ports that the environment says
        yield Stack(load(project.root, data_dir=Path(attached)), project)
        return
    folder = Path(tempfile.mkdtemp(prefix="streamguard-test-"))
    phases = str(folder / "phases")  # where tests that kill see what their victim is doing
    settings = settings_in(folder, project, phase_dir=phases)
    # In the environment, and not in the settings: whatever a test starts is to find the same ones.
    os.environ.update(sentinels.accounts(settings.mongodb_port))
    settings = load(project.root, data_dir=folder, phase_dir=phases, **_ports(settings))
    running = Stack(settings, project)
    try:
        credentials.write(folder, sentinels.plant())
        running.start(servers)
        # Read again: now with the planted credentials, which the start gave its own port.
        ready = load(project.root, data_dir=folder, phase_dir=phases, **_ports(settings))
        yield Stack(ready, project)
        running.stop()
        logs = {path.name: path.read_bytes() for path in running.places.logs.iterdir()}
        assert {name: found for name, text in logs.items() if (found := sentinels.found_in(text))} == {}
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(stack: Stack) -> Settings:
    """The settings of the running stack, credentials among them."""
    return stack.settings


@pytest.fixture(scope="session")
def connect(stack: Stack) -> Stack:
    """The stack, with its Connect worker up."""
    stack.start(["connect"])
    return stack


@pytest.fixture
def own(settings: Settings, request: pytest.FixtureRequest) -> Iterator[OwnTopics]:
    """Topics of the test's own."""
    topics = OwnTopics(settings, request.path.stem.removeprefix("test_").replace("_", "-"))
    yield topics
    topics.remove()


@pytest.fixture(scope="session")
def bank(stack: Stack, project: Project) -> Bank:
    """The bank pipeline on the stack, without a generator."""
    running = Bank(stack, project.pipeline("bank"))
    running.up()
    return running


@pytest.fixture(scope="session")
def used(bank: Bank) -> Bank:
    """The bank pipeline, once records have come through it to both sinks."""
    with bank.verified() as verification:
        verification.expect(summary_of(bank.produce("--count", "500", "--max"), timeout=60))
    return bank


@pytest.fixture(scope="session")
def workers(connect: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of two workers of one Connect cluster: that of the stack, and a second one.

    With --attach, STREAMGUARD_TEST_SECOND_WORKER may name a second worker that is up already.
    """
    first, running = connect.settings.connect_url, os.environ.get("STREAMGUARD_TEST_SECOND_WORKER")
    if running:
        yield first, running
        return
    with second_worker(connect, tmp_path_factory.mktemp("second-worker")) as second:
        yield first, second.url


@pytest.fixture(scope="session")
def secured(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A second Kafka: SCRAM over TLS, and everything is denied that is not allowed."""
    with secured_kafka(stack, tmp_path_factory.mktemp("secured")) as running:
        yield running


def _ports(settings: Settings) -> dict[str, Any]:
    return {entry.name: getattr(settings, entry.name) for entry in fields(settings) if entry.name.endswith("_port")}
