"""The validator API as the process that people run. It needs no server of the stack."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings

from streamguard.project import FOLDERS
from streamguard.services.validator.rules import BLACKLIST_FILE, RULES_FILE
from streamguard.settings import inherited_environment
from tests.services.validator.questions import SHIPPED, transaction
from tests.stack.service import answers, random_port

TAKEN = "another transaction had this key before"


class Validator:
    """`streamguard service validator` with a project and a port of its own."""

    def __init__(self, folder: Path, *options: str) -> None:
        for name in FOLDERS:
            (folder / name).mkdir(exist_ok=True)
        self.rules = folder / "init" / "bank"
        self.rules.mkdir(exist_ok=True)
        (folder / "init" / "bank.yml").write_text(SHIPPED.with_suffix(".yml").read_text())
        for name in (RULES_FILE, BLACKLIST_FILE):
            (self.rules / name).write_text((SHIPPED / name).read_text())
        self.port = random_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = start(folder, self.port, *options)

    def wait_until_ready(self) -> None:
        wait_until(lambda: answers(f"{self.url}/health"), "ready")

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.rules / name
        path.write_text(path.read_text().replace(old, new, 1))

    def ask(self, **changes: Any) -> Any:
        return requests.post(f"{self.url}/validate", json=transaction(**changes), timeout=5).json()

    def health(self) -> Any:
        return requests.get(f"{self.url}/health", timeout=5).json()

    def end(self) -> tuple[int, str]:
        """Ask it to stop; its exit code and what it said."""
        self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


def start(folder: Path, port: int, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "streamguard", "--project", str(folder), "service", "validator", *options],
        env={**inherited_environment(), "STREAMGUARD_VALIDATOR_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not {what} within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Validator]:
    """One that runs, for the tests that do not end it."""
    running = Validator(tmp_path_factory.mktemp("validator"))
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.end()


def test_edited_rules_count_and_a_mistake_in_them_does_not(validator: Validator) -> None:
    assert not validator.ask()["is_fraudulent_transaction"]
    validator.edit(BLACKLIST_FILE, "receivers:", "receivers:\n  - p-1")
    wait_until(lambda: validator.ask()["is_fraudulent_transaction"], "reread")
    validator.edit(BLACKLIST_FILE, "receivers:", "recievers:")
    wait_until(lambda: validator.health()["refused_rules"] != "", "refused")
    assert "unknown key recievers (did you mean receivers?)" in validator.health()["refused_rules"]
    assert validator.ask()["is_fraudulent_transaction"]
    (validator.rules / BLACKLIST_FILE).write_text((SHIPPED / BLACKLIST_FILE).read_text())
    wait_until(lambda: not validator.ask()["is_fraudulent_transaction"], "reread")
    assert validator.health()["refused_rules"] == ""


def test_a_key_gets_its_verdict_again_after_the_rules_changed(validator: Validator) -> None:
    def ask() -> Any:
        body = json.dumps(transaction(transaction_id="kept"))
        return requests.post(
            f"{validator.url}/validate", data=body, headers={"Idempotency-Key": "kept"}, timeout=5
        ).json()

    first = ask()
    validator.edit(RULES_FILE, "threshold: 50", "threshold: 1")
    validator.edit(RULES_FILE, "{GB: 0}", "{GB: 5}")
    wait_until(lambda: validator.ask()["is_fraudulent_transaction"], "reread")
    assert ask() == first
    (validator.rules / RULES_FILE).write_text((SHIPPED / RULES_FILE).read_text())
    wait_until(lambda: not validator.ask()["is_fraudulent_transaction"], "reread")


def test_a_port_that_is_taken_is_told(validator: Validator, tmp_path: Path) -> None:
    for name in FOLDERS:
        (tmp_path / name).symlink_to(validator.rules.parent.parent / name)
    second = start(tmp_path, validator.port)
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"the validator can not listen on 127.0.0.1:{validator.port} (Address already in use" in said
    assert "Traceback" not in said


def test_a_mistake_in_the_rules_from_the_start_is_told(tmp_path: Path) -> None:
    wrong = Validator(tmp_path)
    wrong.edit(RULES_FILE, "threshold: 50", "threshold: 0")
    _, said = wrong.process.communicate(timeout=20)
    assert wrong.process.returncode == 1
    assert f"{wrong.rules / RULES_FILE}, line " in said
    assert "Traceback" not in said


def test_sigterm_at_any_moment_ends_it_with_0(tmp_path: Path) -> None:
    early = Validator(tmp_path)
    wait_until(lambda: listens(early.port), "listening")
    assert early.end()[0] == 0


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_what_is_under_way_at_sigterm_is_answered_and_what_hangs_is_not_waited_for(tmp_path: Path) -> None:
    slow = Validator(tmp_path, "--delay-ms", "500", "--hang-percent", "30", "--seed", "3")
    slow.wait_until_ready()
    outcomes: list[int] = []

    def ask() -> None:
        outcomes.append(requests.post(f"{slow.url}/validate", json=transaction(), timeout=10).status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    calls = 'streamguard_validator_faults_total{fault="none"}'
    wait_until(lambda: calls in requests.get(f"{slow.url}/metrics", timeout=5).text, "asked")
    started = time.monotonic()
    code, said = slow.end()
    assert code == 0
    assert time.monotonic() - started < 5
    for thread in threads:
        thread.join(5)
    assert set(outcomes) == {200, 503}
    assert "Traceback" not in said
    assert "p-1" not in said


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("path", ["/validate", "/validate/batch", "/health", "/ready", "/metrics"])
def test_what_the_description_suggests_is_answered_as_it_says(
    validator: Validator, pytestconfig: pytest.Config, path: str
) -> None:
    """Schemathesis makes calls that fit the description and calls that do not; --soak: more of them."""
    import schemathesis
    from schemathesis.checks import positive_data_acceptance
    from schemathesis.generation import GenerationMode

    schema = schemathesis.openapi.from_url(f"{validator.url}/openapi.json")
    asked = path.startswith("/validate")
    operation = schema[path]["POST" if asked else "GET"]
    examples = 2000 if pytestconfig.getoption("--soak") else 25
    session = requests.Session()

    def check(case: schemathesis.Case[Any]) -> None:
        answer = case.call_and_validate(session=session, excluded_checks=[positive_data_acceptance], timeout=10)
        if case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE and answer.status_code != 200:
            assert {problem["message"] for problem in answer.json()["detail"]} == {TAKEN}

    for mode in GenerationMode if asked else (GenerationMode.POSITIVE,):
        bounded = settings(
            max_examples=examples if asked else 5, deadline=None, database=None, suppress_health_check=list(HealthCheck)
        )
        bounded(given(operation.as_strategy(mode))(check))()
