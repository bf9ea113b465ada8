"""Public clients of ksqlDB against the embedded server: npm's ksqldb-client and PyPI's ksql, from their registries."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamguard.settings import Settings
from tests.stack.ksql_process import KsqlProcess, Topics

CLIENTS = Path(__file__).parent / "clients"
INSTALL_SECONDS, RUN_SECONDS = 180, 60


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KsqlProcess]:
    """One server for all clients; they use names of their own."""
    service_id = f"kp{uuid.uuid4().hex[:8]}"
    process = KsqlProcess(settings, service_id, tmp_path_factory.mktemp("ksql") / "ksql.log")
    process.start()
    yield process
    assert process.stop() == 0
    topics = Topics(settings, service_id)
    names = topics.admin.list_topics(timeout=10).topics
    topics.delete([name for name in names if name.startswith("_") and service_id in name])


def run(*command: str | Path, seconds: float = RUN_SECONDS) -> str:
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def told(*command: str | Path) -> dict[str, Any]:
    return dict(json.loads(run(*command)))


def test_npm_ksqldb_client_creates_inserts_pushes_and_pulls(server: KsqlProcess, tmp_path: Path) -> None:
    run(
        "npm", "install", "--silent", "--no-audit", "--prefix", tmp_path, "ksqldb-client@1.0.5", seconds=INSTALL_SECONDS
    )
    topic = f"{server.settings.ksql_service_id}-js"
    script = CLIENTS / "ksqldb_client.js"
    found = told("node", script, tmp_path / "node_modules", str(server.settings.ksql_port), topic)
    assert found == {
        "created": "Stream created",
        "inserted": [200, 200, 200],
        "pushed": [{"K": "a", "ID": 0}, {"K": "a", "ID": 1}, {"K": "a", "ID": 2}],
        "terminated": 200,
        "pulled": [{"K": "a", "N": 3}],
        "streams": ["JS"],
        "tables": ["COUNTED"],
        "fields": ["K", "ID"],
        "refused": [400, 40001],
    }


def test_pypi_ksql_creates_inserts_and_selects(server: KsqlProcess, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path, seconds=INSTALL_SECONDS)
    install: list[str | Path] = [
        tmp_path / "bin" / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    run(*install, "setuptools<80", "wheel", seconds=INSTALL_SECONDS)
    run(*install, "--no-build-isolation", "ksql==0.10.2", seconds=INSTALL_SECONDS)
    script = CLIENTS / "ksql_client.py"
    topic = f"{server.settings.ksql_service_id}-py"
    found = told(tmp_path / "bin" / "python", script, server.client.url, topic)
    assert "streamguard" in found.pop("version")
    assert found == {
        "created": "Stream created",
        "inserted": ["ok", "ok", "ok"],
        "rows": [{"ID": 0}, {"ID": 1}, {"ID": 2}],
        "refused": 40001,
    }
