"""A threshold is changed in init/card.yml alone: `ksql apply` replaces the queries that use it, and nothing else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard import pipeline
from streamguard.commands import run
from streamguard.engine.language.tokens import variables_in
from streamguard.errors import StatementError
from streamguard.project import Project
from streamguard.settings import load
from tests.card.rules import PROJECT, VARIABLES
from tests.commands.ksql_server import KsqlServer


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for folder in ("init", "ksql", "connectors"):
        shutil.copytree(PROJECT.root / folder, tmp_path / folder)
    return Project(tmp_path)


@pytest.fixture
def server() -> Iterator[KsqlServer]:
    with KsqlServer() as server:
        yield server


def changed(project: Project, name: str, value: object) -> None:
    file = project.init / "card.yml"
    text, count = re.subn(rf"^  {name}: .*$", f"  {name}: {value}", file.read_text(), flags=re.MULTILINE)
    assert count == 1
    file.write_text(text)


@pytest.mark.parametrize(
    ("name", "value", "queries"),
    [
        ("high_amount", 2500.5, {"HIGH_AMOUNT_ALERTS", "RISK_ALERTS"}),
        ("velocity_max", 5, {"VELOCITY_ALERTS"}),
        ("risk_score", 3, {"RISK_ALERTS"}),
        ("night_zone", "Europe/Berlin", {"NIGHT_ALERTS"}),
        ("high_risk_categories", "[travel, fuel]", {"CATEGORY_ALERTS"}),
    ],
)
def test_a_changed_variable_replaces_the_queries_that_use_it_and_no_other(  # noqa: PLR0917
    project: Project,
    server: KsqlServer,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: object,
    queries: set[str],
) -> None:
    def ksql(command: str, *options: str) -> int:
        return run(["--project", str(project.root), "ksql", command, "card", "--url", server.url, *options])

    assert ksql("apply") == 0
    changed(project, name, value)
    capsys.readouterr()
    assert ksql("plan", "--detailed-exitcode") == 2
    plan = capsys.readouterr().out
    assert set(re.findall(r"^~ (\w+): replace \(CREATE OR REPLACE STREAM\)$", plan, re.MULTILINE)) == queries
    assert set(re.findall(r"^[^= ] (\w+)", plan, re.MULTILINE)) == queries
    assert ksql("apply") == 0
    assert ksql("plan", "--detailed-exitcode") == 0


def test_every_variable_is_used_and_every_one_that_is_used_is_there() -> None:
    used = set[str]().union(*(variables_in(path.read_text()) for path in PROJECT.statements("card")))
    assert {name.upper() for name in VARIABLES} == used


def test_up_refuses_a_variable_that_is_missing_before_anything_starts(project: Project) -> None:
    file = project.init / "card.yml"
    file.write_text(re.sub(r"^  velocity_max: .*\n", "", file.read_text(), flags=re.MULTILINE))
    settings = load(project.root, environ={})
    with pytest.raises(
        StatementError, match=r"03-velocity\.sql, line \d+, .*variable \$\{velocity_max\} is not defined"
    ):
        pipeline.check(project, settings, project.pipeline("card"))
