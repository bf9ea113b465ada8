"""The real servers, started once for all tests in this folder, beside whatever stack the machine runs already.

A server that does not start is an error of every test that needs it, never a skip.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
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
from tests.stack.bank import Bank
from tests.stack.records import OwnTopics
from tests.stack.workers import second_worker

OFFSETS: list[int] = list(range(600, 5000, 50))
SERVERS = ("kafka", "connect", "s3", "mongodb")


def free_offset() -> int:
    """A port offset at which every port of a stack is free."""
    start = os.getpid() % len(OFFSETS)  # so that two runs at once do not choose the same one
    for offset in (*OFFSETS[start:], *OFFSETS[:start]):
        settings = load(Path("/nonexistent"), environ={"STREAMGUARD_PORT_OFFSET": str(offset)})
        ports = [getattr(settings, entry.name) for entry in fields(settings) if entry.name.endswith("_port")]
        grpc = [getattr(settings, f"s3_{name}port") + GRPC for name in ("", "master_", "volume_", "filer_", "admin_")]
        if all(is_free(port) for port in (*ports, *grpc)):
            return offset
    raise AssertionError("no free block of ports on this machine")


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
    attached = pytestconfig.getoption("--attach")
    if attached:  # with the ports that the environment says
        yield Stack(load(project.root, data_dir=Path(attached)), project)
        return
    folder = Path(tempfile.mkdtemp(prefix="streamguard-test-"))
    phases = str(folder / "phases")  # where tests that kill see what their victim is doing
    settings = settings_in(folder, project, phase_dir=phases)
    running = Stack(settings, project)
    try:
        credentials.write(folder, sentinels.plant())
        running.start(SERVERS)
        # Read again: now with the planted credentials, which the start gave its own port.
        ready = load(project.root, data_dir=folder, phase_dir=phases, **_ports(settings))
        yield Stack(ready, project)
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def settings(stack: Stack) -> Settings:
    """The settings of the running stack, credentials among them."""
    return stack.settings


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
def workers(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of two workers of one Connect cluster: that of the stack, and a second one.

    With --attach, STREAMGUARD_TEST_SECOND_WORKER may name a second worker that is up already.
    """
    first, running = stack.settings.connect_url, os.environ.get("STREAMGUARD_TEST_SECOND_WORKER")
    if running:
        yield first, running
        return
    with second_worker(stack, tmp_path_factory.mktemp("second-worker")) as second:
        yield first, second.url


def _ports(settings: Settings) -> dict[str, Any]:
    return {entry.name: getattr(settings, entry.name) for entry in fields(settings) if entry.name.endswith("_port")}
