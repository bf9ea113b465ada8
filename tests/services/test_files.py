"""The files of services are read before anything starts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from streamguard import pipeline
from streamguard.errors import ProjectError
from streamguard.project import FOLDERS, Project, find_project
from streamguard.services.files import check
from streamguard.settings import load

SHIPPED = find_project(Path(__file__))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for folder in FOLDERS:
        shutil.copytree(SHIPPED.root / folder, tmp_path / folder)
    return Project(tmp_path)


@pytest.mark.parametrize("name", ["bank", "card", "transfers"])
def test_those_that_are_shipped_are_right(name: str) -> None:
    check(SHIPPED, SHIPPED.pipeline(name))


@pytest.mark.parametrize(
    ("name", "file", "text", "told"),
    [
        ("card", "rules.yml", "alerts: []", "rules.yml, line 1"),
        ("card", "notifications.yml", "channels: {desk: {kind: slak}}", "notifications.yml, line 1"),
        ("card", "notifications.yml", "channels: {d: {kind: slack, url: '${env:SG_NONE}'}}", "d needs SG_NONE"),
        ("bank", "validator.yml", "threshold: none", "validator.yml"),
        ("bank", "blacklist.yml", "receivers: 7", "blacklist.yml"),
    ],
)
def test_up_tells_a_mistake_before_a_server_starts(
    project: Project, name: str, file: str, text: str, told: str
) -> None:
    (project.init / name / file).write_text(text)
    with pytest.raises(ProjectError, match=told):
        pipeline.check(project, load(project.root, environ={}), project.pipeline(name))
