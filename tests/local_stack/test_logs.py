"""The end of a log, and what comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamguard.stack import logs
from streamguard.stack.logs import follow, tail


@given(
    lines=st.lists(st.text(st.characters(codec="ascii", categories=("L", "N")), max_size=9), max_size=30),
    count=st.integers(0, 35),
)
def test_the_tail_is_the_last_lines(lines: list[str], count: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("logs") / "server.log"
    path.write_text("".join(f"{line}\n" for line in lines))
    assert tail(path, count) == (lines[-count:] if count else [])


def test_the_tail_of_a_long_log_is_read_from_its_end(tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_text("".join(f"line {number}\n" for number in range(50_000)))
    assert tail(path, 20_000) == [f"line {number}" for number in range(30_000, 50_000)]


def test_there_is_no_tail_without_a_log(tmp_path: Path) -> None:
    assert tail(tmp_path / "no.log", 5) == []


def test_following_shows_whole_new_lines_through_a_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAUSE", 0.0)
    path = tmp_path / "server.log"
    path.write_text("old\n")
    steps = _write(path)
    lines = follow(path, go_on=lambda: next(steps, False))
    assert list(lines) == ["first", "second", "after the rotation"]


def _write(path: Path) -> Iterator[bool]:
    """What the server does between two looks."""
    yield True
    with path.open("a") as file:
        file.write("first\nsec")
    yield True
    with path.open("a") as file:
        file.write("ond\n")
    yield True
    path.rename(path.with_suffix(".log.1"))
    yield True
    path.write_text("after the rotation\n")
    yield from [True] * 4
