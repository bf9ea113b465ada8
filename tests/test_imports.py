"""Imports run downhill: a row may import the rows below it, never its own or a higher one."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

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
NOW_AND_CHANCE = {"mathematical.py": {"random"}, "moments.py": {"time"}}
"""RANDOM() and UNIX_TIMESTAMP() are not functions of their arguments, in ksqlDB neither."""
MODULES = sorted(PACKAGE.rglob("*.py"))


@cache
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


def tops(path: Path) -> set[str]:
    """The first parts of those names."""
    return {name.split(".")[0] for name in imports(path)}


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def row(part: str) -> int:
    return next(number for number, parts in enumerate(ROWS) if part in parts)


def test_imports_run_downhill() -> None:
    wrong = [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in MODULES
        if (own := part_of(path)) != "__init__"
        for name in imports(path)
        if name.startswith("streamguard.")
        if (other := name.split(".")[1]) not in ("__version__", own) and row(other) <= row(own)
    ]
    assert not wrong


def test_only_kafka_imports_confluent_kafka() -> None:
    wrong = [path for path in MODULES if part_of(path) != "kafka" if "confluent_kafka" in tops(path)]
    assert not wrong


def test_only_settings_reads_the_environment() -> None:
    texts = {path: path.read_text() for path in MODULES if path.name != "settings.py"}
    wrong = [path for path, text in texts.items() if "os.environ" in text or "getenv" in text]
    assert not wrong


def test_the_core_of_the_engine_does_no_io() -> None:
    core = [path for path in (PACKAGE / "engine").rglob("*.py") if path.name not in ENGINE_EDGES]
    wrong = {path.name: found for path in core if (found := tops(path) & IO)}
    assert wrong == NOW_AND_CHANCE
