"""The compose files as they stand, and as compose-spec's own loader reads them."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, cast

import yaml

from streamguard.settings import CONTAINERS
from streamguard.stack.compose import SECRETS
from tests.tools import require

ROOT = Path(__file__).parent.parent.parent
FILE = ROOT / "docker-compose.yml"
ISOLATED = ROOT / "docker-compose.kafka.yml"
PAGE = ROOT / "docs" / "clusters.md"
LOADER = Path(__file__).parent / "loader"
PASSWORDS = {CONTAINERS + name: f"the-{name.lower()}" for name in SECRETS}


def document() -> dict[str, Any]:
    """The file, with its anchors resolved and its variables not."""
    return cast("dict[str, Any]", yaml.safe_load(FILE.read_text()))


def services() -> dict[str, dict[str, Any]]:
    """The services of the file, by name."""
    return cast("dict[str, dict[str, Any]]", document()["services"])


def joining() -> str:
    """The compose file of another project that joins the isolated Kafka, as the page on clusters has it."""
    [block] = re.findall(r"^```yaml\n(# docker-compose\.yml.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return str(block)


def loader(folder: Path) -> Path:
    """The program that reads files as docker compose and BuildKit do; it needs Go, see tests/tools.py."""
    program = folder / "loader"
    done = subprocess.run(
        [require("go"), "build", "-mod=readonly", "-o", str(program), "."],
        cwd=LOADER,
        env={**os.environ, "GOFLAGS": "-p=1", "GOWORK": "off"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return program


def load(program: Path, environ: dict[str, str], *files: Path) -> tuple[dict[str, Any], str]:
    """The project that the loader makes of files, {} if it refuses them; and what it says."""
    path = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    command = [str(program), "compose", *(str(file) for file in files or (FILE,))]
    done = subprocess.run(command, env={**path, **environ}, cwd=ROOT, capture_output=True, text=True, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else {}, done.stderr


def stages(program: Path, dockerfile: Path) -> dict[str, str]:
    """What each stage of a Dockerfile begins with, by its name."""
    done = subprocess.run([str(program), "dockerfile", str(dockerfile)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
