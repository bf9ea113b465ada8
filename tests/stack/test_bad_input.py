"""Bad input as a user meets it, through the command line: one sentence that says where and what next, and its code.

What other tests show already is not repeated: full disks and taken ports of a start (test_lifecycle, test_servers),
undefined variables (tests/commands/test_connectors), wrong classes inside `deploy` (test_connectors), closed streams
and settings (tests/commands/test_run). Here are the ways of issue 3 that nobody else walks to the end.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.project import FOLDERS, Project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack import jars
from tests.stack.conftest import settings_in
from tests.stack.test_lifecycle import processes_of


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    def check(self, code: int, *patterns: str, extra_lines: int = 0) -> None:
        """Ended with `code` and one error that has all `patterns`; `extra_lines` are an excerpt with its caret."""
        assert self.code == code, self.err
        assert "Traceback" not in self.err
        assert self.err.count("Error: ") == 1, self.err
        error = self.err[self.err.index("Error: ") :].rstrip("\n")
        assert error.count("\n") == extra_lines, error
        for pattern in patterns:
            assert re.search(pattern, error), f"{pattern!r} is not in {error!r}"


Command = Callable[..., Said]
NEED_KAFKA = ("topics list", "topics apply", "topics tail users", "ksql server", "connectors deploy")


def runs(project: Project, settings: Settings) -> Command:
    """`streamguard …` in its own process, on that project with those settings."""

    def run(*arguments: str, **environ: str) -> Said:
        done = subprocess.run(
            [sys.executable, "-m", "streamguard", "--project", str(project.root), *arguments],
            env={**inherited_environment(), **settings.environment(), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def copy(tmp_path: Path, project: Project) -> Project:
    """A project that a test may break."""
    for name in FOLDERS:
        shutil.copytree(project.root / name, tmp_path / "project" / name)
    return Project(tmp_path / "project")


@pytest.fixture
def run(copy: Project, settings: Settings) -> Command:
    """On the running stack."""
    return runs(copy, settings)


@pytest.fixture
def apart(copy: Project, tmp_path: Path) -> Iterator[tuple[Command, Settings]]:
    """On a stack of its own, which never starts."""
    settings = settings_in(tmp_path / "data", copy)
    yield runs(copy, settings), settings
    assert processes_of(settings) == []


def change(path: Path, old: str, new: str) -> int:
    """Replace text in a file: the number of its line."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text[: text.index(old)].count("\n") + 1


@pytest.mark.usefixtures("connect")
def test_a_template_with_an_undefined_variable_is_named_by_every_command_that_renders(
    run: Command, copy: Project
) -> None:
    path = copy.connectors / "bank" / "users-mongodb-sink.json.j2"
    line = change(path, "{", '{ "x": "{{ mongodb_databse }}",')
    sink = "users-mongodb-sink"
    for words in (*(("connectors", command, sink) for command in ("deploy", "plan", "validate")), ("up",)):
        run(*words).check(1, rf"{re.escape(str(path))}, line {line}: .*mongodb_databse.*mongodb_database")


@pytest.mark.usefixtures("connect")
def test_a_connector_with_a_wrong_class_is_not_deployed_and_the_right_one_is_named(
    run: Command, copy: Project, settings: Settings
) -> None:
    sink = (copy.connectors / "shared" / "mongodb-sink.j2").read_text()
    (copy.connectors / "shared" / "mongodb-sink.j2").write_text(sink.replace("MongoSinkConnector", "MongoSinkConector"))
    template = '{"topics": "connect-status", "collection": "x", {% include "shared/mongodb-sink.j2" %}}'
    (copy.connectors / "bank" / "wrong-sink.json.j2").write_text(template)
    said = run("connectors", "deploy", "wrong-sink")
    said.check(
        3, r"wrong-sink: connector\.class: .*MongoSinkConector \(did you mean com\.mongodb.*MongoSinkConnector\?\)"
    )
    assert "wrong-sink" not in ConnectClient(settings.connect_url).connectors()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("partitions:", "partitons:", r"unknown key partitons \(did you mean partitions\?\)"),
        ("partitions: 4", "partitions: four", "'four' is not of type 'integer'"),
        ("partitions: 4", "partitions: 0", "0 is less than the minimum of 1"),
        ("topics:", "topcs:", r"unknown key topcs \(did you mean topics\?\)"),
        ("topics:", "topics: [", "YAML|expected|while"),
    ],
)
def test_a_topic_file_with_a_typo_is_named_with_its_line(
    run: Command, copy: Project, old: str, new: str, says: str
) -> None:
    path = copy.init / "bank.yml"
    change(path, old, new)
    run("topics", "apply").check(1, rf"{re.escape(str(path))}, line \d+(, column \d+)?: ", says)


def test_sql_with_an_unknown_column_is_told_with_file_line_and_caret(run: Command, copy: Project, bank: object) -> None:
    assert bank
    path = copy.ksql / "bank" / "04-trial.sql"
    path.write_text(
        "-- a mistake\nCREATE STREAM trial_columns AS\n  SELECT transaction_id, amonut FROM fraudulent_transactions;\n"
    )
    said = run("ksql", "apply")
    said.check(
        1,
        rf"{re.escape(str(path))}, line 3, column 26: SELECT column 'AMONUT' cannot be resolved. \(did you",
        extra_lines=2,
    )
    assert "did you mean AMOUNT?" in said.err
    assert said.err.splitlines()[-1].index("^") == said.err.splitlines()[-2].index("amonut")
    assert "TRIAL_COLUMNS" not in run("ksql", "exec", "SHOW STREAMS;").out


@pytest.mark.usefixtures("connect")
def test_kafka_that_can_not_be_reached_is_told_within_seconds_with_its_address(
    apart: tuple[Command, Settings], settings: Settings
) -> None:
    """By all commands at once: each waits for most of its time."""
    run, own = apart
    told = (
        f"no Kafka broker answers at {re.escape(own.kafka_bootstrap)}: start one with `streamguard up`, "
        "or set STREAMGUARD_KAFKA_BOOTSTRAP$"
    )

    def check(words: str) -> None:
        run(*words.split(), STREAMGUARD_CONNECT_URL=settings.connect_url).check(1, told)

    begun = time.monotonic()
    with ThreadPoolExecutor(len(NEED_KAFKA)) as pool:
        list(pool.map(check, NEED_KAFKA))
    assert time.monotonic() - begun < 20


def test_a_service_waits_for_kafka_and_says_so(copy: Project, tmp_path: Path) -> None:
    own = settings_in(tmp_path / "data", copy)
    process = subprocess.Popen(
        [sys.executable, "-m", "streamguard", "--project", str(copy.root), "service", "ingestor"],
        env={**inherited_environment(), **own.environment()},
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stderr is not None
        assert f"Kafka at {own.kafka_bootstrap} has given it no partition yet" in process.stderr.readline()
        process.terminate()
        assert process.wait(5) == 0


def test_a_port_in_use_is_told_by_up_with_the_process_that_holds_it(apart: tuple[Command, Settings]) -> None:
    run, own = apart
    with socket.create_server(("127.0.0.1", own.s3_port)):
        said = run("up")
    said.check(1, rf"port {own.s3_port}, which s3 needs, .*process {os.getpid()}\)", "STREAMGUARD_PORT_OFFSET")


@pytest.mark.parametrize("words", [("service", "ingestor"), ("ksql", "server")], ids=" ".join)
def test_a_server_of_ours_on_a_port_in_use_ends_and_names_the_setting(
    apart: tuple[Command, Settings], words: tuple[str, ...]
) -> None:
    run, own = apart
    name = words[1] if words[0] == "service" else "ksql"
    port = getattr(own, f"{name}_port")
    with socket.create_server(("127.0.0.1", port)):
        run(*words).check(1, rf"127\.0\.0\.1:{port} .*in use", f"STREAMGUARD_{name.upper()}_PORT")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_no_space_for_the_data_directory_is_74_and_says_how_much_is_missing(
    apart: tuple[Command, Settings], tmp_path: Path
) -> None:
    run, own = apart
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(disk)], check=True)
    try:
        run("up", STREAMGUARD_DATA_DIR=str(disk / "data")).check(
            74, rf"{disk}/data has \d+ MB free and the servers need \d+ MB", "set STREAMGUARD_DATA_DIR"
        )
    finally:
        subprocess.run(["umount", str(disk)], check=True)
    assert own.data_dir != disk


def test_a_data_directory_below_a_file_is_74(apart: tuple[Command, Settings], tmp_path: Path) -> None:
    run, _ = apart
    (tmp_path / "file").write_text("")
    run("up", STREAMGUARD_DATA_DIR=str(tmp_path / "file" / "data")).check(
        74, rf"{tmp_path}/file/data can not be written \(.*\): set STREAMGUARD_DATA_DIR"
    )


@pytest.mark.parametrize("words", [("up",), ("status",), ("jars", "fetch")], ids=" ".join)
def test_a_corrupt_lock_file_is_told_with_its_line_by_an_installation_that_has_one(
    tmp_path: Path, project: Project, words: tuple[str, ...]
) -> None:
    """The lock file is part of the package: a copy of the package with a broken one stands for the installation."""
    package = tmp_path / "lib" / "streamguard"
    shutil.copytree(project.root / "cli" / "streamguard", package, ignore=shutil.ignore_patterns("__pycache__"))
    lock = package / "stack" / jars.LOCK_FILE.name
    lock.write_text(lock.read_text().replace('"sha256"', '"sha256', 1))
    done = subprocess.run(
        [sys.executable, "-m", "streamguard", "--project", str(project.root), *words],
        env={
            **inherited_environment(),
            "PYTHONPATH": str(tmp_path / "lib"),
            "STREAMGUARD_DATA_DIR": str(tmp_path / "d"),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        cwd=tmp_path,
    )
    said = Said(done.returncode, done.stdout, done.stderr)
    said.check(
        1, rf"{re.escape(str(lock.relative_to(tmp_path)))} is no lock file \(line \d+: .*\); restore it with git"
    )


def test_a_table_or_a_topic_that_a_project_lacks_is_refused_before_servers_start(
    apart: tuple[Command, Settings], copy: Project
) -> None:
    run, _ = apart
    shutil.rmtree(copy.init)
    run("up").check(1, r"is no project: it has no folder init$")
