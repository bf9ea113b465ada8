"""`up` when something fails ends at once and blames what failed first; tests/stack/test_up.py has the real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from streamguard import pipeline as pipelines
from streamguard.errors import CatalogError, StackError, StreamguardError, TopicError
from streamguard.model import Pipeline
from streamguard.project import find_project
from streamguard.settings import load
from streamguard.stack.stack import Stack
from streamguard.stack.starting import GivenUp, OnProgress, Progress, ignore

LONG = 20.0


class Servers:
    """A stack whose servers become ready at once, but for Connect, which waits for the end or fails with `error`.

    Before its start ends in an error it stops the servers, and waits until `failures` steps have failed.
    """

    servers: Sequence[str] = ("kafka", "connect", "s3", "mongodb")

    def __init__(self, folder: Path, *, failures: int, error: StackError | None = None) -> None:
        self.project = find_project(Path(__file__))
        self.settings = load(self.project.root, environ={}, data_dir=folder)
        self.stopped = threading.Event()
        self.failed = threading.Semaphore(0)
        self._failures, self._error = failures, error

    def status(self) -> list[Any]:
        return []

    def start(self, names: Sequence[str], on_progress: OnProgress, *, cancel: threading.Event) -> dict[str, float]:
        for name in names:
            if name != "connect":
                on_progress(Progress(name, "ready", 0.0))
        assert self._error is not None or cancel.wait(LONG)
        self.stop(on_progress)
        for _ in range(self._failures):
            assert self.failed.acquire(timeout=LONG)
        raise self._error or GivenUp

    def stop(self, _on_progress: OnProgress) -> bool:
        self.stopped.set()
        return True

    def step(self, error: StreamguardError, *, once_stopped: bool = False) -> Callable[[object], None]:
        """A step that fails."""

        def fails(_up: object) -> None:
            assert not once_stopped or self.stopped.wait(LONG)
            self.failed.release()
            raise error

        return fails


class Good(Servers):
    """Servers and programs that become ready; `starts` are the names of each start."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, failures=0)
        self.starts: list[set[str]] = []

    def start(self, names: Sequence[str], on_progress: OnProgress, *, cancel: threading.Event) -> dict[str, float]:
        assert not cancel.is_set()
        for name in names:
            on_progress(Progress(name, "ready", 0.0))
        self.starts.append({*names})
        return {}


def up(
    servers: Servers, monkeypatch: pytest.MonkeyPatch, *, produce: bool = False, **steps: Callable[[object], None]
) -> None:
    """`up`, with these steps in place of its own."""
    for step in ("_topics", "_tables", "_statements", "_connectors"):
        monkeypatch.setattr(pipelines._Up, step, steps.get(step, lambda _up: None))
    bank = servers.project.pipeline("bank")
    pipelines.up(cast(Stack, servers), bank, produce=produce, on_progress=ignore)


@pytest.mark.parametrize("produce", [True, False])
def test_services_and_generator_start_together_once_everything_else_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, produce: bool
) -> None:
    servers, done = Good(tmp_path), list[int]()
    steps = {name: lambda _up: done.append(len(servers.starts)) for name in ("_topics", "_statements", "_connectors")}
    up(servers, monkeypatch, produce=produce, **steps)
    services = {"ingestor", "validator", "processor", "connect-watch"}
    assert servers.starts[1:] == [services | {"produce-bank"} if produce else services]
    assert len(done) == 3
    assert max(done) <= 1, "no step is left when they start"


def test_a_pipeline_starts_the_servers_that_it_writes_to_and_no_others(tmp_path: Path) -> None:
    project = find_project(Path(__file__))
    settings = load(project.root, environ={}, data_dir=tmp_path)

    def servers(name: str) -> set[str]:
        pipeline = project.pipeline(name)
        return pipelines.servers_of(pipeline, pipelines.check(project, settings, pipeline))

    assert servers("bank") == {"kafka", "ksql", "connect", "s3", "mongodb"}
    assert "postgres" in servers("card")
    assert "s3" not in servers("card")
    assert pipelines.servers_of(Pipeline("bare"), []) == {"kafka", "ksql"}


def test_a_step_that_fails_ends_the_start_of_the_servers_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers = Servers(tmp_path, failures=1)
    start = time.monotonic()
    with pytest.raises(TopicError, match="users has 8 partitions"):
        up(servers, monkeypatch, _topics=servers.step(TopicError("users has 8 partitions")))
    assert time.monotonic() - start < LONG / 2
    assert servers.stopped.is_set()


def test_a_step_that_fails_because_a_server_did_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(tmp_path, failures=1, error=StackError("connect ended while it was starting"))
    with pytest.raises(StackError, match="connect ended while it was starting"):
        up(servers, monkeypatch, _topics=servers.step(TopicError("no broker"), once_stopped=True))


def test_a_step_that_fails_because_another_did_is_not_blamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = Servers(tmp_path, failures=2)
    with pytest.raises(CatalogError, match="the first"):
        up(
            servers,
            monkeypatch,
            _topics=servers.step(TopicError("no broker"), once_stopped=True),
            _tables=servers.step(CatalogError("the first")),
        )
