"""docs/tutorial.md, followed from top to bottom on the running stack: its files as shown, its commands as typed."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pymongo
import pytest

from streamguard.commands import run
from streamguard.project import FOLDERS, Project
from tests.docs.readme import ROOT
from tests.docs.walkthrough import Command, File, steps
from tests.stack.bank import Bank
from tests.stack.loops import wait_until
from tests.stack.own_pipeline import taken_away

PAGE = ROOT / "docs" / "tutorial.md"
STEPS = list(steps(PAGE))
SHOWS = {  # what the reader is told to expect, each time that the line is there; it may take a moment
    "streamguard ksql test": [["refunds.test.yml: 2 of 2 passed"], ["returns.test.yml: 3 of 3 passed", " 0 failed"]],
    "streamguard connectors lint --strict -p refunds": [["no errors, no warnings"]],
    "streamguard connectors render refunds-mongodb-sink -p refunds": [["KafkaMetaDataStrategy"]],
    "streamguard up refunds": [["refunds-mongodb-sink  RUNNING"]],
    "streamguard topics tail refunds-large -n 5": [["Harbour", "450.0"]],
    "streamguard connectors status refunds-mongodb-sink": [["RUNNING, RUNNING"]],
    "streamguard ksql plan refunds": [["- WHERE AMOUNT >= 400", "+ WHERE AMOUNT >= 300", "2 to replace, 1 unchanged"]],
    "streamguard ksql apply refunds": [["replaced"]],
    "streamguard query largest-refunds": [["Harbour"], ["Harbour", "Station"]],
    "streamguard connectors lint --strict -p returns": [["no errors, no warnings"]],
    "streamguard up returns": [["returns-mongodb-sink  RUNNING", "produce-returns"]],
    "streamguard topics tail returns-flagged -n 3": [['"SHOP":"shop-', '"AMOUNT":4']],
}


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bank: Bank) -> Iterator[Project]:
    """A copy of the three folders, in which the reader is, with the servers of the running stack."""
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for name, value in bank.settings.environment().items():
        monkeypatch.setenv(name, value)
    copied = Project(tmp_path)
    with taken_away(bank.stack, copied, "refunds", "returns"):
        yield copied
    with pymongo.MongoClient[dict[str, object]](bank.settings.mongodb_uri) as client:
        client["refunds_db"]["large"].drop()
        client["returns"]["flagged"].drop()


def test_what_is_expected_is_of_commands_of_the_page() -> None:
    lines = Counter(step.line for step in STEPS if isinstance(step, Command))
    assert {line: len(each) for line, each in SHOWS.items()} == {line: lines[line] for line in SHOWS}


def test_the_tutorial_works_as_it_stands(copy: Project, capfd: pytest.CaptureFixture[str]) -> None:
    coming = {line: iter(each) for line, each in SHOWS.items()}
    for step in STEPS:
        if isinstance(step, File):
            path = copy.root / step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        else:
            shows(step.line, next(coming.get(step.line, iter(())), []), capfd)


def shows(line: str, expected: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Type a line, again if what it shows is on its way."""
    said = ""

    def seen() -> bool:
        nonlocal said
        code = typed(line)
        out, err = capfd.readouterr()
        said = out + err
        assert code == 0, f"{line}\n{said}"
        return all(text in said for text in expected)

    try:
        wait_until(seen, f"{line} shows {expected}")
    except AssertionError as exc:
        raise AssertionError(f"{exc}\n{said}") from exc


def typed(line: str) -> int:
    """The exit code of a line. `streamguard` runs in this process: a new one would only import everything again."""
    words = shlex.split(line)
    if words[0] == "streamguard":
        return run(words[1:])
    return subprocess.run(words, env=os.environ, check=False).returncode
