"""Tables: plain in a pipe; on a terminal never wider than it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from streamguard.commands.output import nearby, show

WIDE = {"transaction_id": "x" * 30, "sender_address": "y" * 40, "receiver_address": "z" * 40}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)


def on_terminal(*rows: Mapping[str, str]) -> list[str]:
    """The lines of a table on a terminal of 80 columns."""
    with redirect_stdout(Terminal()) as screen:
        show(rows, tuple(rows[0]), "table")
    assert "\x1b[3" not in screen.getvalue(), "NO_COLOR is set"
    return [click.unstyle(line) for line in screen.getvalue().splitlines()]


def test_files_are_told_as_they_are_seen_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert nearby(f"{tmp_path}/a/b.yml, line 1, {tmp_path}/c, in {tmp_path}") == f"a/b.yml, line 1, c, in {tmp_path}"
    monkeypatch.chdir("/")
    assert nearby("/etc/x") == "/etc/x"


def test_a_table_that_fits_is_a_table_on_a_terminal() -> None:
    lines = on_terminal({"name": "kafka", "state": "ready"})
    assert [line.split() for line in lines] == [["NAME", "STATE"], ["kafka", "ready"]]


@pytest.mark.parametrize("columns", [("name", "state"), tuple(f"column_{n}" for n in range(12))])
def test_no_rows_are_their_headings_on_a_terminal(columns: tuple[str, ...]) -> None:
    with redirect_stdout(Terminal()) as screen:
        show([], columns, "table")
    assert columns[0].upper().split("_")[0] in screen.getvalue()


def test_rows_that_are_too_wide_become_blocks_on_a_terminal() -> None:
    lines = on_terminal(WIDE, WIDE)
    assert lines[0].split() == ["transaction", "id", "x" * 30]
    assert len(lines) == 7, "three lines a row and one between"
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_one_long_column_is_folded() -> None:
    lines = on_terminal({"name": "users-s3-sink", "cause": "because " * 20})
    assert lines[0].split() == ["NAME", "CAUSE"]
    assert max(len(line.rstrip()) for line in lines) <= 80


def test_columns_that_are_empty_give_way_when_a_table_does_not_fit() -> None:
    lines = on_terminal({"name": "a" * 40, "worker": "b" * 36, "cause": ""})
    assert lines[0].split() == ["NAME", "WORKER"]


def test_no_color_is_respected() -> None:
    on_terminal({"name": "users-s3-sink", "state": "FAILED"})


def test_in_a_pipe_a_row_is_a_line_however_wide(capsys: pytest.CaptureFixture[str]) -> None:
    show([WIDE, WIDE], tuple(WIDE), "table")
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_table_of_which_nothing_is_known_is_no_empty_line(capsys: pytest.CaptureFixture[str]) -> None:
    show([], [], "table")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("output", ["json", "ndjson", "yaml"])
def test_a_time_is_written_as_other_programs_read_it(capsys: pytest.CaptureFixture[str], output: str) -> None:
    show([{"hour": datetime(2026, 11, 23, 1, tzinfo=UTC)}], ["hour"], output)
    assert "2026-11-23T01:00:00Z" in capsys.readouterr().out
