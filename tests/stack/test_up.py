"""`streamguard up` itself: interrupted or failing it leaves nothing, done again it changes nothing."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.project import FOLDERS, Project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.stack import Stack
from tests.stack.bank import Bank
from tests.stack.conftest import settings_in
from tests.stack.test_lifecycle import processes_of

SIGINT_WORKS = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""A background process of a shell ignores Ctrl-C, and so may this test's."""
RUN = SIGINT_WORKS + "from streamguard.commands import run; sys.exit(run(sys.argv[1:]))"


@pytest.fixture
def copy(tmp_path: Path, project: Project) -> Project:
    """A project that a test may break."""
    for name in FOLDERS:
        shutil.copytree(project.root / name, tmp_path / "project" / name)
    return Project(tmp_path / "project")


@pytest.fixture
def own(tmp_path: Path, copy: Project) -> Iterator[Settings]:
    """The settings of a stack of this test's own."""
    settings = settings_in(tmp_path / "data", copy)
    yield settings
    assert processes_of(settings) == []
    Stack(settings, copy).stop()


def up(project: Project, settings: Settings) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "--project", str(project.root), "up", "--no-produce"],
        env={**inherited_environment(), **settings.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("moment", ["s3: ready", "topics: ready"])
def test_ctrl_c_during_up_ends_everything_with_130(moment: str, copy: Project, own: Settings) -> None:
    process = up(copy, own)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(moment):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=40)
    assert process.returncode == 130, f"{out}\n{err}"
    assert "Traceback" not in err


def test_what_can_be_seen_without_servers_is_refused_before_any_starts(copy: Project, own: Settings) -> None:
    template = copy.connectors / "bank" / "users-s3-sink.json.j2"
    template.write_text(template.read_text().replace("{", '{ "x": "{{ no_such_value }}",', 1))
    out, err = up(copy, own).communicate(timeout=30)
    assert "no_such_value" in err
    assert err.startswith("Error: ")
    assert out == ""


def test_an_up_that_fails_in_the_middle_stops_what_it_started(copy: Project, own: Settings) -> None:
    statements = copy.ksql / "bank" / "02-result.sql"
    statements.write_text(statements.read_text().replace("sender_bank_account,", "sender_bank_acount,"))
    process = up(copy, own)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 1, f"{out}\n{err}"
    assert "did you mean SENDER_BANK_ACCOUNT?" in err.upper().replace("DID YOU MEAN", "did you mean")
    assert "02-result.sql" in err


def test_a_second_up_changes_nothing(bank: Bank) -> None:
    before = {name: bank.pid(name) for name in ("kafka", "connect", "s3", "mongodb", "ksql", "ingestor")}
    deployed = {name: one.config for name, one in ConnectClient(bank.settings.connect_url).connectors().items()}
    bank.up()
    assert {name: bank.pid(name) for name in before} == before
    assert {name: one.config for name, one in ConnectClient(bank.settings.connect_url).connectors().items()} == deployed
