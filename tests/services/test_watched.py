"""A file that is edited while somebody works by it: an edit counts, however it is saved; a mistake does not."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

from streamguard.errors import ProjectError
from streamguard.services.watched import Watched

LOG = logging.getLogger("watched")


def number(content: bytes | None) -> int:
    if content is None or not content.isdigit():
        raise ProjectError("numbers.yml, line 1: write a number\nnumbers.yml, line 2: and no more")
    return int(content)


@pytest.fixture
def watched(tmp_path: Path) -> Watched[int]:
    path = tmp_path / "numbers.yml"
    path.write_text("17")
    return Watched(path, number, what="numbers", log=LOG)


def look_twice(watched: Watched[int]) -> list[bool]:
    return [watched.refresh(), watched.refresh()]


def test_an_edit_counts_once_two_looks_have_found_it(watched: Watched[int]) -> None:
    watched.path.write_text("18")
    assert look_twice(watched) == [False, True]
    assert (watched.value, watched.taken, watched.refused, watched.trouble) == (18, 1, 0, "")


def test_a_save_by_rename_that_keeps_length_and_time_counts(watched: Watched[int]) -> None:
    times = watched.path.stat()
    fresh = watched.path.with_name("fresh")
    fresh.write_text("18")
    os.utime(fresh, ns=(times.st_atime_ns, times.st_mtime_ns))
    fresh.replace(watched.path)
    look_twice(watched)
    assert watched.value == 18


def test_a_file_that_is_being_written_is_waited_for(watched: Watched[int], caplog: pytest.LogCaptureFixture) -> None:
    for written in ("", "9", "98"):
        watched.path.write_text(written)
        assert not watched.refresh()
    watched.path.unlink()
    watched.refresh()
    watched.path.write_text("987")
    look_twice(watched)
    assert (watched.value, watched.refused) == (987, 0)
    assert "refused" not in caplog.text


def test_a_mistake_is_told_once_and_what_was_before_stays(
    watched: Watched[int], caplog: pytest.LogCaptureFixture
) -> None:
    watched.path.write_text("many")
    for _ in range(4):
        assert not watched.refresh()
    assert (watched.value, watched.refused) == (17, 1)
    assert watched.trouble == "numbers.yml, line 1: write a number (and 1 more)"
    assert [record.message for record in caplog.records] == [
        "changed numbers are refused, those from before stay in force"
    ]
    watched.path.write_text("17")
    look_twice(watched)
    assert (watched.value, watched.trouble) == (17, "")


def test_nothing_is_read_again_without_an_edit(watched: Watched[int]) -> None:
    watched.path.touch()
    assert look_twice(watched) == [False, False]
    assert watched.taken == 0


def test_a_mistake_from_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="write a number"):
        Watched(tmp_path / "numbers.yml", number, what="numbers", log=LOG)


def test_whoever_watches_is_given_every_version_that_counts(watched: Watched[int]) -> None:
    stop, taken = threading.Event(), list[int]()

    def take(value: int) -> None:
        taken.append(value)
        stop.set()

    watching = threading.Thread(target=watched.watch, args=(stop, take))
    watching.start()
    watched.path.write_text("18")
    watching.join(10)
    assert taken == [18]
