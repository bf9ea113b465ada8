"""`streamguard world`: what a person types and sees."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from streamguard.commands import run
from tests.datagen.check.worlds import HONEST


@pytest.fixture
def honest(tmp_path: Path) -> str:
    path = tmp_path / "honest.yml"
    path.write_text(HONEST)
    return str(path)


def test_the_worlds_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["world", "list", "--output", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [one["world"] for one in listed] == ["bank", "card", "handbook", "transfers", "ulb-cards"]
    assert {one["world"] for one in listed if one["trivial"]} == {"handbook", "transfers", "ulb-cards"}


def test_the_plan_of_a_world_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["world", "show", "transfers"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("world transfers ")
    assert "every record with amount above 899.99" in told


def test_all_mistakes_of_a_file_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.yml"
    path.write_text("world: wrong\nentities: {a: {count: 0, attributes: {id: {uuid: true}}}}\nstreems: {}\n")
    assert run(["world", "show", str(path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert [line.rpartition("wrong.yml, ")[2].partition(":")[0] for line in told] == ["line 1", "line 2", "line 3"]
    assert "did you mean streams?" in told[2]


def test_the_schema_is_printed_for_editors(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["world", "schema"]) == 0
    jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))


@pytest.mark.slow
def test_a_world_is_checked_and_drawn(honest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures = tmp_path / "pictures"
    assert run(["world", "check", honest, "--records", "10000", "--plots", str(pictures), "--output", "json"]) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)
    assert {row["verdict"] for row in rows} == {"ok"}
    assert {row["test"] for row in rows} == {f"S{number}" for number in range(1, 13)}
    assert f"all {len(rows)} hold" in captured.err
    names = {path.name for path in pictures.glob("*.png")}
    assert names == {f"purchases-{name}.png" for name in ("hours", "campaigns", "card", "user", "shop", "amount", "v")}
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures.glob("*.png"))


@pytest.mark.slow
def test_a_world_that_leaks_ends_with_1_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "honest.yml"
    path.write_text(HONEST.replace("velocity_burst,", "velocity_burst, changes: {amount: {set: 9999}},"))
    assert run(["world", "check", str(path), "--records", "10000", "--failures", "--output", "json"]) == 1
    captured = capsys.readouterr()
    assert {(row["test"], row["subject"]) for row in json.loads(captured.out)} == {("S12", "amount")}
    assert "1 of " in captured.err


def test_without_scipy_it_says_what_to_install(
    honest: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)
    assert run(["world", "check", honest]) == 1
    assert "pip install 'streamguard[check]'" in capsys.readouterr().err
