"""No command of `connectors` prints, logs or writes a secret: every command, output and failure, at -vvv.

The worker knows what the references stand for and says so wherever it can (`leaky.py`); the process does not know it,
so that nothing but what `redact` makes of the worker's words can help.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import requests

from streamguard.commands import run
from streamguard.commands.connectors import connectors as group
from streamguard.connect.secrets import forget
from streamguard.settings import inherited_environment
from tests.commands.leaky import CLASS, CONVERTER, Failure, Leaky, leaking
from tests.log_state import LogState
from tests.stack.sentinels import forms

pytestmark = pytest.mark.slow

PASSWORD = "pl@nted:m0ngo/p%41ss?#[w]+'$PATH\\rd\""
WORD = "correct-horse-battery"
KEY = "two words 'quoted' \"twice\""
SECRETS = {
    "${env:SENTINEL_URI}": f"mongodb://someone:{PASSWORD}@db:27017/",
    "${env:SENTINEL_WORD}": WORD,
    "${file:/run/s.properties:key}": KEY,
}
INLINE = "hunter2-inline"
IN_CLEAR = {"in clear": PASSWORD, "a word": WORD, "a text": KEY, "inline": INLINE}
BASE = {
    "connector.class": CLASS,
    "topics": "t",
    "tasks.max": "1",
    "key.converter": CONVERTER,
    "value.converter": CONVERTER,
}
TEMPLATES = {
    "whole": {"connection.uri": "{{ env('SENTINEL_URI') }}"},
    "options": {"connection.uri": "{{ env('SENTINEL_URI') }}?retryWrites=true"},
    "words": {"batch.words": "{{ env('SENTINEL_WORD') }}"},
    "token": {"some.token": "{{ file('/run/s.properties', 'key') }}"},
    "middle": {"some.option": "pre-{{ env('SENTINEL_WORD') }}-post"},
}
LIVE = {
    "foreign": {"connection.uri": "${env:SENTINEL_URI}", "some.option": "x-${env:SENTINEL_WORD}-y"},
    "careless": {"connection.uri": f"mongodb://someone:{INLINE}@db/", "some.password": INLINE},
    "whole": {"connection.uri": f"mongodb://someone:{INLINE}@db/"},
    "words": {"batch.words": INLINE, "pepper": INLINE},
}
"""What is there already: somebody else's, and, under two of our names, a secret where the template has a reference."""
COMMANDS: dict[str, list[str]] = {
    "list": [],
    "status": [],
    "status foreign": [],
    "watch": ["-n", "1"],
    "wait": ["--timeout", "0.2", "--settle", "0"],
    "render": [],
    "lint": [],
    "lint --live": [],
    "validate": [],
    "plan": [],
    "plan --prune": [],
    "deploy": ["--settle", "0", "--timeout", "0.3"],
    "deploy --take-over --fail-fast": ["--settle", "0", "--timeout", "0.3"],
    "deploy --take-over --wait none": [],
    "restart --all -y": [],
    "restart foreign --only-failed": [],
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
    "secrets rotate SENTINEL_URI -y": ["--timeout", "0.2"],
    "contexts list": [],
    "contexts show leaky": [],
}
ELSEWHERE = ("new", "heal", "offsets", "dlq")
"""These need Kafka, a terminal or an end: tests/stack looks at them."""
FAILURES: tuple[Failure, ...] = ("none", "invalid", "error", "page", "traces")
FEW: tuple[Failure, ...] = ("invalid", "traces")
"""All of them for all commands are for `make soak`."""


@pytest.fixture(scope="module")
def worker() -> Iterator[Leaky]:
    with leaking(SECRETS) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, worker: Leaky, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project whose templates leak, a context of the worker; and the worker as it was in the beginning."""
    forget()
    logged = LogState()
    worker.configs = {name: {**BASE, **changes, "name": name} for name, changes in LIVE.items()}
    worker.states, worker.failure, worker.told = {}, "none", 0
    worker.asked.clear()
    root = tmp_path / "project"
    for folder in ("connectors/leaky", "connectors/values", "ksql", "init"):
        (root / folder).mkdir(parents=True)
    (root / "init" / "leaky.yml").write_text("topics: {t: {partitions: 1}}\ngenerator: {world: bank, topic: t}\n")
    (root / "connectors" / "values" / "local.yml").write_text("{}\n")
    for name, changes in TEMPLATES.items():
        (root / "connectors" / "leaky" / f"{name}.json.j2").write_text(json.dumps({**BASE, **changes}, indent=1))
    contexts = tmp_path / "contexts.yml"
    contexts.write_text(json.dumps({"current": "leaky", "contexts": {"leaky": {"urls": [worker.url]}}}))
    for name in [name for name in os.environ if name.startswith("STREAMGUARD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("STREAMGUARD_CONTEXTS_FILE", str(contexts))
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    yield root
    forget()
    logged.restore()


def found_in(text: str) -> list[str]:
    content = text.encode(errors="surrogateescape")
    return [what for what, secret in IN_CLEAR.items() if any(form in content for form in forms(secret))]


def written(folder: Path) -> dict[str, list[str]]:
    """Files with secrets in them."""
    found = {str(path): found_in(path.read_text(errors="replace")) for path in folder.rglob("*") if path.is_file()}
    return {path: secrets for path, secrets in found.items() if secrets}


def outputs_of(words: list[str]) -> tuple[str, ...]:
    """The outputs that a command knows."""
    command: click.Command = group
    for word in words:
        if not isinstance(command, click.Group):
            break
        found = command.get_command(click.Context(command), word)
        assert found is not None, word
        command = found
    choices = [option for option in command.params if "-o" in option.opts or "--output" in option.opts]
    return tuple(getattr(choices[0].type, "choices", ("table",))) if choices else ()


def cases(*, all_outputs: bool) -> list[Any]:
    """The words of every command, once for each output; without `all_outputs` for those that are not printed alike."""
    return [
        pytest.param(words.split() + more + (["-o", output] if output else []), id=f"{words} {output}".strip())
        for words, more in COMMANDS.items()
        for output in (outputs_of(words.split()) or ("",))
        if output != "-" and (all_outputs or output not in ("yaml", "ndjson"))
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """All outputs are for `make soak`."""
    if metafunc.function is test_no_command_shows_a_secret_however_the_worker_fails:
        metafunc.parametrize("words", cases(all_outputs=metafunc.config.getoption("--soak")))


def test_no_command_shows_a_secret_however_the_worker_fails(
    *, words: list[str], project: Path, worker: Leaky, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    begun = dict(worker.configs)
    for failure in FAILURES if pytestconfig.getoption("--soak") else FEW if words[-1] == "table" else ("traces",):
        worker.configs, worker.states, worker.failure = dict(begun), {}, failure
        code = run(["-vvv", "--project", str(project), "connectors", *words])
        told = capsys.readouterr()
        where = f"{failure}: {code}\n"
        assert found_in(told.out + told.err) == [], where
        assert "Traceback" not in told.err, where + told.err
        assert "a bug of streamguard" not in told.err, where + told.err
        assert code in (0, 1, 2, 3, 4, 5), where + told.err
        assert written(project.parent) == {}


@pytest.mark.usefixtures("project")
def test_the_worker_does_leak_where_nobody_looks_after_it(worker: Leaky) -> None:
    """Otherwise the test above would be blind."""
    worker.failure = "traces"
    assert WORD in requests.get(f"{worker.url}/connectors/foreign/status", timeout=5).text
    worker.failure = "invalid"
    config = worker.configs["foreign"]
    answer = requests.put(f"{worker.url}/connector-plugins/{CLASS}/config/validate", json=config, timeout=5)
    assert {"in clear", "a word"} <= set(found_in(answer.text))
    assert found_in(json.dumps(worker.configs)) == ["inline"]


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
        worker.configs = {name: {**BASE, **changes, "name": name} for name, changes in LIVE.items()}
        worker.failure = "hang"
        contexts = tmp_path / "contexts.yml"
        contexts.write_text(json.dumps({"current": "leaky", "contexts": {"leaky": {"urls": [worker.url]}}}))
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


def test_every_command_is_looked_at() -> None:
    """A new one is to be added above."""
    known = {words.split()[0] for words in COMMANDS} | set(ELSEWHERE)
    assert set(group.list_commands(click.Context(group))) <= known
