"""`streamguard topics render`: what a pipeline wants, without any server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from streamguard.commands import run
from streamguard.project import Project
from tests.strimzi.definitions import problems

ROOT = Path(__file__).parent.parent.parent


def test_render_prints_what_a_pipeline_wants(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAMGUARD_KAFKA_REPLICATION", "3")
    assert run(["--project", str(ROOT), "topics", "render", "card", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["topic"] for row in rows] == [topic.name for topic in Project(ROOT).pipeline("card").topics]
    assert rows[0] == {"topic": "transactions", "partitions": 6, "replication": 3, "config": []}


def test_render_prints_resources_for_strimzi(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--project", str(ROOT), "topics", "render", "--format", "strimzi", "--cluster", "mine"]) == 0
    made = list(yaml.safe_load_all(capsys.readouterr().out))
    assert len(made) == len(Project(ROOT).pipeline("bank").topics)
    assert [problems(each) for each in made] == [[]] * len(made)
    assert {each["metadata"]["labels"]["strimzi.io/cluster"] for each in made} == {"mine"}
    assert run(["topics", "render", "--format", "strimzi", "-o", "json"]) == 64
