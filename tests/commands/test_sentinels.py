"""No command of `connectors` prints, logs or writes a secret: every command, output and failure, at -vvv.

The worker knows what the references stand for and says so wherever it can (`leaky.py`); the process does not know it,
so that nothing but what `redact` makes of the worker's words can help.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
import requests

from streamguard.commands import run
from streamguard.connect.secrecy.secrets import forget
from streamguard.settings import inherited_environment
from tests.commands.leaky import CLASS, Failure, Leaky, leaking
from tests.commands.planting import (
    SECRETS,
    WORD,
    cases,
    check_silent,
    command_of,
    commands,
    found_in,
    live,
    write_contexts,
    write_project,
)
from tests.stack.loops import wait_until
from tests.stack.sentinels import ON_KAFKA
from tests.stack.service import random_port

pytestmark = pytest.mark.slow

COMMANDS: dict[str, list[str]] = {
    "list": [],
    "status": [],
    "status foreign": [],
    "describe foreign careless whole": [],  # nothing tells that the text in `words` is a secret
    "describe foreign careless": [],
    "watch": ["-n", "1"],
    "wait": ["--timeout", "0.2", "--settle", "0"],
    "render": [],
    "render --format properties": [],
    "render --format strimzi": [],
    "lint": [],
    "lint --live": [],
    "validate": [],
    "plan": [],
    "plan --prune": [],
    "deploy": ["--settle", "0", "--timeout", "0.3"],
    "deploy --take-over --fail-fast": ["--settle", "0", "--timeout", "0.3"],
    "deploy --take-over --wait none": [],
    "restart --all -y": ["--timeout", "0.2"],
    "restart foreign --only-failed --no-wait": [],
    "pause foreign careless -y": ["--timeout", "0.2"],
    "resume foreign careless -y": ["--timeout", "0.2"],
    "stop foreign -y": ["--timeout", "0.2"],
    "delete foreign -y": ["--timeout", "0.2"],
    "export -p leaky foreign careless": [],
    "plugins list": [],
    f"plugins describe {CLASS}": [],
    "explain connection.uri": [],
    "loggers get": [],
    "loggers set root INFO": [],
    "parameters whole": [],
    "companions": [],
    "secrets list": [],
    "secrets env": [],
    "secrets rotate SENTINEL_URI -y": ["--timeout", "0.2"],
    "contexts list": [],
    "contexts show leaky": [],
    "contexts use leaky": [],
    "contexts set leaky --user me --password-env SENTINEL_WORD": [],
    "contexts remove leaky": [],
    "new mongodb fresh -p leaky --topics t --set collection=c": [],
    "offsets get": [],
    "offsets export": [],
}
ALONE = ("heal",)
"""It does not end by itself: a test of its own runs it."""
FAILURES: tuple[Failure, ...] = ("none", "invalid", "error", "page", "traces", "garbled", "shapeless")
HEARD: tuple[Failure, ...] = ("error", "page", "garbled", "shapeless")
FEW: tuple[Failure, ...] = ("invalid", "traces", "garbled")
"""All of them for all commands are for `make soak`."""


@pytest.fixture(scope="module")
def worker() -> Iterator[Leaky]:
    with leaking(SECRETS) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, worker: Leaky, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose templates leak, a context of the worker; and the worker as it was in the beginning."""
    forget()
    worker.start_again(live())
    root = tmp_path / "project"
    write_project(root)
    write_contexts(tmp_path / "contexts.yml", worker)
    for name in [name for name in os.environ if name.startswith("STREAMGUARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMGUARD_CONTEXTS_FILE", str(tmp_path / "contexts.yml"))
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    yield root
    forget()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All outputs are for `make soak`."""
    if metafunc.function is test_no_command_shows_a_secret_however_the_worker_fails:
        found = cases(COMMANDS, few=not metafunc.config.getoption("--soak"))
        metafunc.parametrize("words", [pytest.param(words, id=name) for name, words in found])


def test_no_command_shows_a_secret_however_the_worker_fails(
    *, words: list[str], project: Path, worker: Leaky, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    every = pytestconfig.getoption("--soak")
    shown = words[-1] == "table" or "-o" not in words
    failures = FAILURES if every else FEW if shown else ("traces",)
    for failure, loud in product(failures, ([], ["-v"], ["-vvv"]) if every else (["-vvv"],)):
        worker.start_again(live())
        worker.failure = failure
        code = run([*loud, "--project", str(project), "connectors", *words])
        told = capsys.readouterr()
        check_silent(f"{failure} {loud}: {code}\n", code, told.out, told.err, project.parent)


@pytest.mark.usefixtures("project")
def test_the_worker_does_leak_where_nobody_looks_after_it(worker: Leaky) -> None:
    """Otherwise the test above would be blind."""
    worker.failure = "traces"
    assert WORD in requests.get(f"{worker.url}/connectors/foreign/status", timeout=5).text
    worker.failure = "invalid"
    config = worker.configs["foreign"]
    answer = requests.put(f"{worker.url}/connector-plugins/{CLASS}/config/validate", json=config, timeout=5)
    assert {"in clear", "a word"} <= set(found_in(answer.text))
    assert found_in(str(worker.configs)) == ["inline"]


@pytest.mark.parametrize(
    ("failure", "words", "code"),
    [
        ("none", "deploy --take-over --settle 0", 0),
        ("none", "validate", 0),
        ("invalid", "validate", 1),
        ("invalid", "deploy --take-over --settle 0", 1),
        ("error", "deploy --take-over --settle 0", 1),
        ("error", "restart --all -y", 1),
        ("page", "deploy --take-over --settle 0", 1),
        ("page", "pause --all -y", 1),
        ("traces", "deploy --take-over --settle 0", 1),
        ("traces", "status", 0),
        ("traces", "watch -n 1", 0),
    ],
)
def test_these_commands_get_as_far_as_to_hear_secrets(
    *, project: Path, worker: Leaky, capsys: pytest.CaptureFixture[str], failure: Failure, words: str, code: int
) -> None:
    worker.failure = failure
    assert run(["-vvv", "--project", str(project), "connectors", *words.split()]) == code, capsys.readouterr().err
    assert worker.told > 0
    told = capsys.readouterr()
    assert found_in(told.out + told.err) == []


@pytest.mark.parametrize("words", ["deploy --take-over -o json", "restart --all -y", "delete --all -y"])
def test_ctrl_c_in_the_middle_of_writes_ends_with_130_and_says_no_secret(
    words: str, project: Path, tmp_path: Path
) -> None:
    with leaking(SECRETS) as worker:
        worker.configs, worker.failure = live(), "hang"
        contexts = tmp_path / "contexts.yml"
        write_contexts(contexts, worker)
        process = subprocess.Popen(
            [sys.executable, "-m", "streamguard", "-vvv", "--project", str(project), "connectors", *words.split()],
            env={**inherited_environment(), "STREAMGUARD_CONTEXTS_FILE": str(contexts)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert worker.reached.wait(30)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        worker.stopping.set()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert time.monotonic() - began < 20
    assert found_in(out + err) == []
    assert "Traceback" not in err


def test_a_new_value_of_a_secret_is_taken_in_by_a_restart_of_the_tasks_too(
    project: Path, worker: Leaky, capsys: pytest.CaptureFixture[str]
) -> None:
    """A restart of the connector alone leaves its tasks with the old one."""
    assert run(["--project", str(project), "connectors", "secrets", "rotate", "SENTINEL_WORD", "-y"]) == 0
    restarts = [path for method, path in worker.asked if method == "POST"]
    assert restarts == ["/connectors/foreign/restart?includeTasks=true&onlyFailed=false"]
    assert run(["--project", str(project), "connectors", "secrets", "rotate", "NO_SUCH", "-y"]) == 64
    assert "no connector of" in capsys.readouterr().err


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """It does not outlive the test, whatever happens in it."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_what_heal_logs_and_counts_has_no_secret(project: Path, worker: Leaky, tmp_path: Path) -> None:
    """It ends with SIGTERM only; meanwhile the worker fails in one way after the other."""
    worker.failure, port, log = "traces", random_port(), tmp_path / "heal.log"
    words = ["-vvv", "--project", str(project), "connectors", "heal", "--interval", "0.1", "--metrics-port", str(port)]
    environment = {**inherited_environment(), "STREAMGUARD_CONTEXTS_FILE": str(tmp_path / "contexts.yml")}
    with (
        log.open("w") as file,
        ended(
            subprocess.Popen([sys.executable, "-m", "streamguard", *words], env=environment, stdout=file, stderr=file)
        ) as healing,
    ):
        wait_until(lambda: "foreign" in log.read_text(), "it looks after a task that failed", 30)
        counted = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text
        for failure in HEARD:
            worker.failure = failure
            worker.asked.clear()
            wait_until(lambda: len(worker.asked) > 2, "it has looked again", 30)
        counted += requests.get(f"http://127.0.0.1:{port}/health", timeout=5).text
        healing.send_signal(signal.SIGTERM)
        code = healing.wait(timeout=20)
    assert "streamguard_heal" in counted
    assert worker.told > 0
    check_silent("heal", code, counted, log.read_text(), tmp_path)


def test_every_command_is_looked_at() -> None:
    """A new one is to be added above, or in tests/stack/test_sentinels.py if it needs Kafka."""
    looked_at = {command_of(words) for words in (*COMMANDS, *ON_KAFKA)} | set(ALONE)
    assert {name for name, _ in commands()} == looked_at
