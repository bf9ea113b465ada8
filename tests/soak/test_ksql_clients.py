"""Public clients of ksqlDB against the embedded server: npm's ksqldb-client and PyPI's ksql, from their registries."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.stack.ksql_process import KsqlProcess, server

__all__ = ["server"]  # a fixture

CLIENTS = Path(__file__).parent / "clients"
INSTALL_SECONDS, RUN_SECONDS = 180, 60


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
