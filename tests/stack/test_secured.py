"""The bank pipeline in mode external, on a Kafka that trusts nobody: each service is a principal that may do
what its rights say; and what each is told that is not let in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from streamguard.connect.templates.choose import render_pipeline
from streamguard.project import FOLDERS, Project, find_project
from streamguard.rights.derive import principals, rights_of
from streamguard.rights.model import Right
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from tests.stack.loops import wait_until
from tests.stack.secured import Secured
from tests.stack.service import answers, random_port
from tests.stack.workers import Worker

NAMES = {"namespace: bank": "namespace: secured", "fraudulent_transactions_db": "secured_db"}
"""The sinks are those of the stack, whose bank must not be met."""
pytestmark = pytest.mark.timeout(300)
SERVICES = ("ingestor", "processor")
TOLD_WITHIN = 20.0
"""Seconds, with the start of Python; a loop waits five of them for a broker that may be starting."""


@dataclass
class Cast:
    """Everybody who works with the pipeline, each with settings of his own."""

    secured: Secured
    project: Project
    rights: list[Right]
    folder: Path
    shared: dict[str, Any]
    """Settings of all: ports and addresses."""
    worker: Future[Worker]
    """Connect, which takes longest to start."""
    running: dict[str, subprocess.Popen[Any]] = field(default_factory=dict)

    def settings(self, who: str, **options: Any) -> Settings:
        """Of a principal; the validator, which knows no Kafka, is none."""
        who = who if f"streamguard-{who}" in self.secured.passwords else "stranger"
        return self.secured.settings(f"streamguard-{who}", **{**self.shared, **options})

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "streamguard", "--project", str(self.project.root), *words]

    def run(self, who: str, *words: str, seconds: float = 60.0, **options: Any) -> subprocess.CompletedProcess[str]:
        """A command as that principal."""
        return subprocess.run(
            self.command(*words),
            env=environment(self.settings(who, **options)),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def begin(self, who: str, *words: str) -> subprocess.Popen[str]:
        """The same, while something else is done."""
        self.running[f"{who}, {words[0]}"] = process = subprocess.Popen(
            self.command(*words),
            env=environment(self.settings(who)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return process

    def done(self, who: str, *words: str) -> str:
        """What it printed; it must end well."""
        ended = self.run(who, *words)
        assert ended.returncode == 0, f"{words} ended with {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
        return ended.stdout

    def start(self, who: str, *words: str, ready: str = "") -> None:
        """A service as that principal; `ready` is what it answers at when it is."""
        with (self.folder / f"{who}.log").open("ab") as log:
            self.running[who] = subprocess.Popen(
                self.command(*words), env=environment(self.settings(who)), stdout=log, stderr=log
            )
        if ready:
            wait_until(lambda: self._is_ready(who, ready), f"{who} is ready, see {self.folder}/{who}.log", 30)

    def ready(self, service: str) -> str:
        """Where it says whether it is."""
        return f"http://127.0.0.1:{self.shared[f'{service}_port']}/ready"

    def _is_ready(self, who: str, url: str) -> bool:
        assert self.running[who].poll() is None, (self.folder / f"{who}.log").read_text()
        return answers(url)

    def end(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            with process:
                process.wait(20)


def environment(settings: Settings) -> dict[str, str]:
    return {**inherited_environment(), **settings.environment()}


@pytest.fixture(scope="module")
def cast(secured: Secured, stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cast]:
    """The principals, their rights, and the worker as one of them. Nothing runs yet but that."""
    folder = tmp_path_factory.mktemp("bank")
    for name in FOLDERS:
        shutil.copytree(stack.project.root / name, folder / name)
    file = folder / "init" / "bank.yml"
    text = file.read_text()
    for before, after in NAMES.items():
        assert before in text
        text = text.replace(before, after)
    file.write_text(text)
    project = find_project(folder, folder)
    pipeline, settings = project.pipeline("bank"), stack.settings
    rights = rights_of(project, settings, pipeline, render_pipeline(project, settings, pipeline))
    secured.make(*principals(rights), "streamguard-stranger")
    secured.allow(rights)
    ports = {f"{name}_port": random_port() for name in (*SERVICES, "validator", "heal", "ksql")}
    shared = {
        **ports,
        "ksql_url": f"http://127.0.0.1:{ports['ksql_port']}",
        "validator_url": f"http://127.0.0.1:{ports['validator_port']}",
        "phase_dir": "",
    }
    with ExitStack() as opened, ThreadPoolExecutor(1) as pool:
        worker = pool.submit(opened.enter_context, secured.worker("streamguard-connect"))
        found = Cast(secured, project, rights, folder, shared, worker)
        opened.callback(found.end)
        yield found


@pytest.fixture(scope="module")
def bank(cast: Cast) -> Cast:
    """The pipeline as people bring it up on servers that are there: topics, tables, statements, services, sinks."""
    cast.done("deployer", "topics", "apply", "bank")
    cast.start("ksql", "ksql", "server", ready=f"{cast.shared['ksql_url']}/info")
    for service in (*SERVICES, "validator"):
        cast.start(service, "service", service, "bank")
    cast.done("deployer", "lake", "apply", "bank")
    cast.done("deployer", "ksql", "apply", "bank")
    cast.shared["connect_url"] = cast.worker.result().url
    cast.done("deployer", "connectors", "deploy", "-p", "bank")
    port = cast.shared["heal_port"]
    cast.start("watch", "connectors", "heal", "--metrics-port", str(port), ready=f"http://127.0.0.1:{port}/ready")
    for service in SERVICES:
        wait_until(partial(answers, cast.ready(service)), f"{service} is ready, see {cast.folder}/{service}.log", 30)
    return cast


def test_the_bank_pipeline_passes_verification_though_a_right_is_taken_away_meanwhile(bank: Cast) -> None:
    """The service that lacks it says so and ends; what it had not done is done by the next one."""
    bank.done("generator", "produce", "bank", "--count", "50", "--max", "-o", "json")
    needed = [
        right
        for right in bank.rights
        if (right.principal, right.name) == ("streamguard-ingestor", "fraudulent-transactions")
    ]
    assert needed
    bank.secured.forbid(needed)
    try:
        verify = bank.begin("verifier", "verify", "bank", "--rate", "300", "--count", "900", "-o", "json")
        assert bank.running["ingestor"].wait(60) == 1
    finally:
        bank.secured.allow(needed)
    said = (bank.folder / "ingestor.log").read_text()
    assert TOLD["right"] in said
    assert "streamguard-ingestor" in said
    bank.start("ingestor", "service", "ingestor", "bank", ready=bank.ready("ingestor"))
    found, told = verify.communicate(timeout=100)
    assert verify.returncode == 0, f"{found}\n{told}"
    assert json.loads(found)[0]["found"] == 900


# ---- who is not let in


WRONG = "wr0ng:p@ss=%41'nobody"
TOLD = {
    "password": "does not take this user and password: correct sasl.username and sasl.password in",
    "authority": "shows a certificate that ssl.ca.location in",
    "right": "have who runs it allow what `streamguard rights` lists",
}
COMMANDS: dict[str, tuple[str, ...]] = {
    "deployer": ("topics", "list"),
    "generator": ("produce", "bank", "--count", "5", "--max"),
    "ingestor": ("service", "ingestor", "bank"),
    "ksql": ("ksql", "server"),
    "verifier": ("topics", "tail", "bank-transactions"),
}
"""One for each kind of client: an admin, a producer, a loop, the engine, a reader."""
WITH_RIGHTS_ONLY = ("deployer",)
"""Who sees no topics is not told that there are none that he may see."""


def turned_away(cast: Cast, who: str, wrong: str) -> tuple[int, str, float]:
    """A command of somebody whom Kafka does not let in, or lets do nothing: exit code, what was said, seconds."""
    principal, file = f"streamguard-{who}", f"{who}-{wrong}"
    options: dict[str, Any] = {f"{name}_port": random_port() for name in ("ksql", "ingestor")}
    if wrong == "password":
        options["kafka_properties"] = cast.secured.properties(principal, name=file, sasl_password=WRONG)
    elif wrong == "authority":
        other = str(cast.secured.certificates.person)
        options["kafka_properties"] = cast.secured.properties(principal, name=file, ssl_ca_location=other)
    begun = time.monotonic()
    ended = cast.run("stranger" if wrong == "right" else who, *COMMANDS[who], **options)
    return ended.returncode, ended.stdout + ended.stderr, time.monotonic() - begun


@pytest.fixture(scope="module")
def turned(bank: Cast) -> dict[tuple[str, str], tuple[int, str, float]]:
    """What becomes of everybody, at the same time: most of it is waiting."""
    cases = [(who, wrong) for wrong in TOLD for who in COMMANDS if wrong != "right" or who not in WITH_RIGHTS_ONLY]
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(cases, pool.map(lambda case: turned_away(bank, *case), cases), strict=True))


@pytest.mark.parametrize("wrong", TOLD)
def test_who_is_turned_away_is_told_why_in_one_sentence_within_seconds(
    bank: Cast, turned: dict[tuple[str, str], tuple[int, str, float]], wrong: str
) -> None:
    found = {who: outcome for (who, case), outcome in turned.items() if case == wrong}
    assert len(found) >= len(COMMANDS) - len(WITH_RIGHTS_ONLY)
    for who, (code, said, seconds) in found.items():
        assert code == 1, (who, said)
        assert len([line for line in said.splitlines() if line.startswith("Error: ")]) == 1, said
        assert f"Error: Kafka at {bank.secured.bootstrap} " in said, (who, said)
        assert TOLD[wrong] in said, (who, said)
        assert "Traceback" not in said
        assert seconds < TOLD_WITHIN, (who, seconds)
        assert found_in(said, bank) == []


def test_no_secret_is_in_a_log_nor_in_the_list_of_processes(bank: Cast) -> None:
    arguments = "\n".join(
        word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ()
    )
    assert found_in(arguments, bank) == []
    logs = [*bank.folder.glob("*.log"), *bank.secured.folder.glob("*.log")]
    assert len(logs) >= len(bank.running)
    assert {log.name: found for log in logs if (found := found_in(log.read_text(errors="replace"), bank))} == {}


def found_in(text: str, cast: Cast) -> list[str]:
    """Whose password is in a text."""
    return [who for who, word in {**cast.secured.passwords, "wrong": WRONG}.items() if word in text]
