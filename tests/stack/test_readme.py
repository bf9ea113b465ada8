"""Every command of the README runs as it stands there, in a shell, on the running stack.

Only the ports are others. What starts, stops or tests everything runs elsewhere: tests.docs.readme.ELSEWHERE.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.settings import inherited_environment
from tests.docs.readme import ELSEWHERE, README, ROOT, commands
from tests.stack.bank import Bank
from tests.tools import require

TYPED = [line for line in commands(README) if line not in ELSEWHERE]
SHOWS = {  # what a newcomer expects to see
    "streamguard status": "ready",
    "streamguard connectors status": "RUNNING",
    "curl -s localhost:8083/connectors/transactions-mongodb-sink/status": '"state":"RUNNING"',
    "streamguard topics tail fraudulent-transactions-result -n 3": "SOURCE_PROCESS",
    "curl -s localhost:8000/docs": "swagger",
    "curl -s localhost:8102/ready": '"ready": true',
    "streamguard query fraud-report --limit 3": "@example.",
    "streamguard query fraud-report --limit 5 --engine duckdb": "@example.",
    "streamguard connectors plan": "unchanged",
    'streamguard ksql exec "SHOW QUERIES;"': "RUNNING",
}


@pytest.fixture(scope="module")
def environment(used: Bank) -> Iterator[dict[str, str]]:
    """A shell's environment with `streamguard` on the PATH, while a generator runs."""
    places = os.pathsep.join((str(Path(sys.executable).parent), inherited_environment()["PATH"]))
    traffic = used.produce("--rate", "50")
    try:
        yield {**inherited_environment(), **used.settings.environment(), "PATH": places}
    finally:
        traffic.terminate()
        traffic.communicate(timeout=30)


def test_the_commands_whose_output_is_checked_are_in_the_readme() -> None:
    assert set(SHOWS) <= set(TYPED)


@pytest.mark.parametrize("line", TYPED)
def test_a_command_of_the_readme_runs(line: str, environment: dict[str, str], bank: Bank) -> None:
    if line.startswith("curl "):
        require("curl")
    settings, typed = bank.settings, line
    ports = {8083: settings.connect_port, 8000: settings.validator_port, 8102: settings.processor_port}
    for usual, port in ports.items():
        typed = typed.replace(f"localhost:{usual}/", f"localhost:{port}/")
    done = subprocess.run(
        ["bash", "-c", typed], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, f"{typed}\n{done.stdout}\n{done.stderr}"
    assert SHOWS.get(line, "") in done.stdout
