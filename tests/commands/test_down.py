"""`streamguard down`, as typed."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from streamguard.commands import run


def test_where_nobody_can_be_asked_no_data_is_removed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "kept").touch()
    monkeypatch.setenv("STREAMGUARD_DATA_DIR", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert run(["down", "--wipe"]) == 3
    assert "nothing was done, since nobody answered: --yes does it without asking" in capsys.readouterr().err
    assert (tmp_path / "kept").exists()
