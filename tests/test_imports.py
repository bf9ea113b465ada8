"""Imports run downhill: a row may import the rows below it, never its own or a higher one."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

Rows = tuple[set[str], ...]
PACKAGE = Path(__file__).parent.parent / "cli" / "streamguard"
ENGINE = PACKAGE / "engine"
ROWS = (
    {"__main__"},
    {"commands"},
    {"containers", "doctor"},
    {"rights"},
    {"pipeline", "verify", "scaffold", "lake", "external"},
    {"services", "datagen", "connect", "engine", "stack", "query"},
    {"kafka", "catalog", "postgres", "strimzi"},
    {"project", "settings"},
    {"model", "errors", "doubles", "cloud"},
)
IO = {"confluent_kafka", "hypercorn", "starlette", "requests", "subprocess", "socket", "os", "time", "random"}
ENGINE_EDGES = {"runtime", "server", "client", "testing"}
ENGINE_ROWS = (
    {"testing", "server"},
    {"runtime", "client"},
    {"execution"},
    {"codecs"},
    {"analysis"},
    {"functions"},
    {"values", "javatime"},
    {"language"},
)
CONNECT_ROWS = ({"operating"}, {"deploying"}, {"lint"}, {"templates", "offsets"}, {"rest"}, {"secrecy"})
DATAGEN_ROWS = (
    {"producing"},
    {"check", "sinks"},
    {"records"},
    {"explaining", "encoding"},
    {"columns"},
    {"world", "files"},
)
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


def part_of(path: Path, package: Path = PACKAGE) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def uphill(package: Path, rows: Rows) -> list[str]:
    """Imports from one part of a package into a part that is not below it."""
    row = {part: number for number, parts in enumerate(rows) for part in parts}
    prefix = ".".join(("streamguard", *package.relative_to(PACKAGE).parts))
    return [
        f"{path.relative_to(PACKAGE)} imports {name}"
        for path in sorted(package.rglob("*.py"))
        if (own := part_of(path, package)) != "__init__"
        for name in imports(path)
        if name.startswith(prefix + ".")
        if (other := name.removeprefix(prefix + ".").split(".")[0]) not in ("__version__", own)
        if row[other] <= row[own]
    ]


def test_imports_run_downhill() -> None:
    assert not uphill(PACKAGE, ROWS)


def test_imports_run_downhill_inside_the_engine() -> None:
    assert not uphill(ENGINE, ENGINE_ROWS)


def test_imports_run_downhill_inside_connect() -> None:
    assert not uphill(PACKAGE / "connect", CONNECT_ROWS)


def test_imports_run_downhill_inside_the_generator() -> None:
    assert not uphill(PACKAGE / "datagen", DATAGEN_ROWS)


def test_kafka_knows_its_letters_only_where_they_are_shown() -> None:
    others = [path for path in (PACKAGE / "kafka").rglob("*.py") if path.parent.name != "letters"]
    assert not [path for path in others if any(name.startswith("streamguard.kafka.letters.") for name in imports(path))]


def test_only_kafka_imports_confluent_kafka() -> None:
    wrong = [path for path in MODULES if part_of(path) != "kafka" if "confluent_kafka" in tops(path)]
    assert not wrong


def test_only_settings_reads_the_environment() -> None:
    texts = {path: path.read_text() for path in MODULES if path.name != "settings.py"}
    wrong = [path for path, text in texts.items() if "os.environ" in text or "getenv" in text]
    assert not wrong


def test_the_core_of_the_engine_does_no_io() -> None:
    core = [path for path in ENGINE.rglob("*.py") if part_of(path, ENGINE) not in ENGINE_EDGES]
    wrong = {path.name: found for path in core if (found := tops(path) & IO)}
    assert wrong == NOW_AND_CHANCE
