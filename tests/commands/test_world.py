"""`streamguard world`: what a person types and sees."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from streamguard.commands import run


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
