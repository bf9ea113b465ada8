"""`streamguard new`: what it asks, writes and says."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from streamguard.commands import run
from streamguard.settings import inherited_environment
from tests.docs.readme import ROOT
from tests.terminal import Terminal

REFUNDS = ["new", "refunds", "--field", "shop:string", "--field", "amount:double", "--rule", "amount >= 400"]
FILES = [
    "init/refunds.yml",
    "init/worlds/refunds.yml",
    "ksql/refunds/01-split.sql",
    "ksql/refunds/refunds.test.yml",
    "connectors/refunds/refunds-mongodb-sink.json.j2",
    "connectors/refunds/refunds-mongodb-sink.yml",
]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("connectors", "ksql", "init"):
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_says_what_it_wrote_and_what_to_type_next(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*REFUNDS, "--yes"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"wrote {name}" for name in FILES]
    assert all((project / name).is_file() for name in FILES)
    assert "of 1,000 records of its world the rule takes 1" in said.err
    assert "streamguard up refunds" in said.err


def test_what_it_says_to_type_next_works(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*REFUNDS, "--sink", "mongodb", "--sink", "s3", "--yes"]) == 0
    assert run(["ksql", "test", "ksql/refunds"]) == 0
    assert "3 passed, 0 failed" in capsys.readouterr().out
    assert run(["connectors", "lint", "--strict", "-p", "refunds"]) == 0
    assert "2 connectors: no errors, no warnings" in capsys.readouterr().err
    assert run(["world", "show", "refunds"]) == 0
    assert run(["produce", "refunds", "--count", "3", "--to", "records.jsonl"]) == 0
    assert (project / "records.jsonl").read_text().count('"amount":') == 3
    assert run([*REFUNDS, "--yes"]) == 3
    assert "there is a pipeline refunds already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["new", "refunds", "--field", "amount:double"], 64, "--rule"),
        (["new", "refunds", "--rule", "a > 1"], 64, "--field amount:double"),
        (["new", "Refunds", "--rule", "a > 1"], 64, "no name of a new pipeline"),
        (["new", "bank", "--field", "amount:double", "--rule", "amount > 1"], 3, "there is a pipeline bank"),
        ([*REFUNDS, "--topic", "bank-transactions"], 3, "belongs to the pipeline bank"),
        ([*REFUNDS, "--topic", "a/b"], 64, "no name of a topic"),
        ([*REFUNDS, "--sink", "none", "--sink", "s3"], 64, "none goes with no other sink"),
        ([*REFUNDS[:-1], "amuont >= 400"], 3, "did you mean AMOUNT"),
        ([*REFUNDS, "-D", "limit=3"], 3, "does not use the variable limit"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_and_nothing_is_written(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, said: str
) -> None:
    before = sorted(project.rglob("*"))
    assert run([*arguments, "--yes"]) == code
    assert said in capsys.readouterr().err
    assert sorted(project.rglob("*")) == before


def test_without_a_sink_there_are_no_connectors(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*REFUNDS, "--sink", "none", "--yes"]) == 0
    assert "connectors" not in capsys.readouterr().out
    assert not (project / "connectors" / "refunds").exists()


def test_the_copy_that_streamguard_carries_along_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streamguard.connect.templates.scaffold.SHIPPED", tmp_path / "p")
    for name in ("connectors", "ksql", "init"):
        shutil.copytree(ROOT / name, tmp_path / "p" / name)
    assert run(["--project", str(tmp_path / "p"), *REFUNDS, "--yes"]) == 1
    assert "is not written to" in capsys.readouterr().err


def test_on_a_terminal_it_asks_and_asks_again_when_an_answer_is_wrong(project: Path) -> None:
    command = [sys.executable, "-m", "streamguard", "--project", str(project), "new", "refunds"]
    with Terminal(command, inherited_environment(), columns=120) as terminal:
        terminal.wait_for("Topic [refunds]:")
        terminal.press("\r")
        terminal.wait_for("Field 1:")
        terminal.press("amount:duoble\r")
        terminal.wait_for("did you mean double")
        terminal.press("amount:double\r")
        terminal.wait_for("Field 2:")
        terminal.press("\r")
        terminal.wait_for("Rule")
        terminal.press("amuont > 5\r")
        terminal.wait_for("the rule, column 1")
        terminal.press("amount > 5\r")
        terminal.wait_for("Sinks")
        terminal.press("none\r")
        shown = terminal.wait_for("Next:")
    assert "wrote ksql/refunds/01-split.sql" in shown
