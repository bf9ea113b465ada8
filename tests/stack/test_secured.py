"""The bank pipeline in mode external: on a Kafka that trusts nobody, every service as a principal of its own that may do
what its rights say; and what each is told that is not let in.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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

NAMES = {"namespace: bank": "namespace: secured", "fraudulent_transactions_db": "secured_db"}
"""The sinks are those of the stack, whose bank must not be met."""
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
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

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

    def _is_ready(self, who: str, url: str) -> bool:
        assert self.running[who].poll() is None, (self.folder / f"{who}.log").read_text()
        return answers(url)

    def end(self) -> None:
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
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
    found = Cast(secured, project, rights, folder, shared)
    with ExitStack() as opened:
        opened.callback(found.end)
        worker = opened.enter_context(secured.worker("streamguard-connect"))
        shared["connect_url"] = worker.url
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
    cast.done("deployer", "connectors", "deploy", "-p", "bank")
    port = cast.shared["heal_port"]
    cast.start("watch", "connectors", "heal", "--metrics-port", str(port), ready=f"http://127.0.0.1:{port}/ready")
    for service in SERVICES:
        url = f"http://127.0.0.1:{cast.shared[f'{service}_port']}/ready"
        wait_until(lambda: answers(url), f"{service} is ready, see {cast.folder}/{service}.log", 30)  # noqa: B023
    return cast


def test_the_bank_pipeline_passes_verification_with_a_principal_for_each_service(bank: Cast) -> None:
    ended = bank.run("verifier", "verify", "bank", "--rate", "300", "--count", "900", "-o", "json")
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    rows = json.loads(ended.stdout)
    assert rows[0]["found"] == 900
    bank.done("generator", "produce", "bank", "--count", "50", "--max", "-o", "json")
