"""Imports run downhill: a row may import the rows below it, never its own or a higher one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "cli" / "streamguard"
ROWS = (
    {"__main__"},
    {"commands"},
    {"pipeline", "verify"},
    {"services", "datagen", "connect", "engine", "stack", "query"},
    {"kafka", "catalog"},
    {"project", "settings"},
    {"model", "errors", "doubles"},
)
IO = {"confluent_kafka", "hypercorn", "starlette", "requests", "subprocess", "socket", "os", "time", "random"}
ENGINE_EDGES = {
    "live_cases.py",
    "queries.py",
    "source_task.py",
    "memory.py",
    "execute.py",
    "commands.py",
    "server.py",
    "client.py",
    "rest.py",
    "push.py",
    "streaming.py",
    "phrases.py",
    "inserting.py",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every absolute name that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def row(part: str) -> int:
    return next(number for number, parts in enumerate(ROWS) if part in parts)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downhill(path: Path) -> None:
    own = part_of(path)
    if own == "__init__":
        return
    for name in imports(path):
        if not name.startswith("streamguard."):
            continue
        other = name.split(".")[1]
        if other in ("__version__", own):
            continue
        assert row(other) > row(own), f"{path.name} imports {name}: {own} may not import {other}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_kafka_imports_confluent_kafka(path: Path) -> None:
    if part_of(path) != "kafka":
        assert not any(name.split(".")[0] == "confluent_kafka" for name in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_settings_reads_the_environment(path: Path) -> None:
    if path.name != "settings.py":
        text = path.read_text()
        assert "os.environ" not in text
        assert "getenv" not in text


@pytest.mark.parametrize("path", sorted((PACKAGE / "engine").glob("*.py")), ids=lambda path: path.name)
def test_the_core_of_the_engine_does_no_io(path: Path) -> None:
    if path.name not in ENGINE_EDGES:
        assert not {name.split(".")[0] for name in imports(path)} & IO
