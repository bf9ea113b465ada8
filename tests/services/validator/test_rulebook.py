"""The rules in force: an edit counts, a mistake does not, and it is told."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import pytest

from streamguard.errors import ProjectError
from streamguard.services.validator.rulebook import Rulebook
from streamguard.services.validator.rules import BLACKLIST_FILE, RULES_FILE
from tests.services.validator.questions import SHIPPED, transaction

ASKED = transaction({"id": "p-7"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (RULES_FILE, BLACKLIST_FILE):
        (tmp_path / name).write_text((SHIPPED / name).read_text())
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new, 1))


def test_an_edit_of_the_blacklist_counts(folder: Path) -> None:
    rulebook = Rulebook(folder)
    assert not rulebook.judge(ASKED).is_fraudulent_transaction
    edit(folder / BLACKLIST_FILE, "receivers:", "receivers:\n  - p-7")
    rulebook.refresh()
    assert rulebook.judge(ASKED).is_fraudulent_transaction
    assert (rulebook.taken, rulebook.refused) == (1, 0)


def test_a_version_with_a_mistake_is_refused_and_the_one_before_stays(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rulebook = Rulebook(folder)
    before = rulebook.judge
    edit(folder / RULES_FILE, "threshold: 50", "threshold: none")
    with caplog.at_level(logging.ERROR):
        rulebook.refresh()
        rulebook.refresh()
    assert rulebook.judge is before
    assert len(caplog.records) == 1
    assert rulebook.trouble.startswith(f"{folder / RULES_FILE}, line ")
    edit(folder / RULES_FILE, "threshold: none", "threshold: 1")
    rulebook.refresh()
    assert rulebook.judge(ASKED).is_fraudulent_transaction
    assert (rulebook.trouble, rulebook.taken, rulebook.refused) == ("", 1, 1)


def test_a_file_that_is_gone_is_a_mistake_too(folder: Path) -> None:
    rulebook = Rulebook(folder)
    before = rulebook.judge
    (folder / BLACKLIST_FILE).unlink()
    rulebook.refresh()
    assert rulebook.judge is before
    assert f"{folder / BLACKLIST_FILE} can not be read" in rulebook.trouble


def test_nothing_is_read_again_without_an_edit(folder: Path) -> None:
    rulebook = Rulebook(folder)
    before = rulebook.judge
    rulebook.refresh()
    assert rulebook.judge is before


def test_a_mistake_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match=r"validator\.yml can not be read"):
        Rulebook(tmp_path)


def test_somebody_watches_until_told_to_stop(folder: Path) -> None:
    rulebook, stop = Rulebook(folder), threading.Event()
    watching = threading.Thread(target=rulebook.watch, args=(stop,))
    watching.start()
    edit(folder / RULES_FILE, "threshold: 50", "threshold: 60")
    end = time.monotonic() + 10
    while rulebook.taken == 0 and time.monotonic() < end:
        time.sleep(0.02)
    stop.set()
    watching.join(5)
    assert not watching.is_alive()
    assert rulebook.taken == 1
