"""The query files: found, read, refused with file and line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamguard.errors import ProjectError, UnknownName
from streamguard.project import Project, find_project
from streamguard.query.files import Query, choose_engine, find_query, projected_columns, queries, read_aggregation

REPOSITORY = find_project(Path(__file__))
INDEX = "report: {about: All of them, collection: transactions}\n"
PIPELINE = "topics: {t: {partitions: 1}}\ngenerator: {world: w, topic: t}\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Pipelines a and b, each with one query called report; b has another."""
    for folder in ("connectors", "ksql", "init"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        (tmp_path / "init" / name / "queries").mkdir(parents=True)
        (tmp_path / "init" / f"{name}.yml").write_text(PIPELINE)
        (tmp_path / "init" / name / "queries" / "queries.yml").write_text(INDEX)
    more = INDEX + "other: {about: Some of them, collection: users}\n"
    (tmp_path / "init" / "b" / "queries" / "queries.yml").write_text(more)
    return Project(tmp_path)


def test_every_query_of_the_repository_has_the_files_of_its_pipeline() -> None:
    found = {(query.pipeline, query.name): query.engines for query in queries(REPOSITORY)}
    assert found["bank", "fraud-report"] == ("mongodb", "duckdb", "athena")
    assert found["card", "suspicious-accounts"] == ("postgres",)
    wanted = {"bank": ("mongodb", "duckdb", "athena"), "card": ("postgres",), "transfers": ("mongodb",)}
    assert {engines for (pipeline, _), engines in found.items() if wanted[pipeline] != engines} == set()


def test_every_query_file_of_the_repository_is_in_the_index() -> None:
    files = ("mongodb_file", "athena_file", "postgres_file")
    listed = {getattr(query, file) for query in queries(REPOSITORY) for file in files}
    there = {path for path in REPOSITORY.init.glob("*/queries/*") if path.name != "queries.yml"}
    assert there == {path for path in listed if path.is_file()}


def test_without_a_wish_a_query_runs_on_the_first_engine_that_it_has_a_file_for() -> None:
    assert choose_engine(find_query(REPOSITORY, "fraud-report"), None) == "mongodb"
    assert choose_engine(find_query(REPOSITORY, "fraud-report"), "athena") == "athena"
    assert choose_engine(find_query(REPOSITORY, "totals"), None) == "postgres"


def test_an_engine_that_a_query_has_no_file_for_is_refused_with_those_it_has(project: Project) -> None:
    with pytest.raises(ProjectError, match=r"totals has no file for mongodb, .*\.json: there is one for postgres"):
        choose_engine(find_query(REPOSITORY, "totals"), "mongodb")
    with pytest.raises(ProjectError, match=r"query report has no file for mongodb, .*report\.mongodb\.json$"):
        choose_engine(find_query(project, "report", "a"), None)


def test_an_aggregation_without_a_collection_is_refused_with_the_line(project: Project) -> None:
    folder = project.init / "a" / "queries"
    (folder / "queries.yml").write_text("\nreport: {about: All of them}\n")
    (folder / "report.mongodb.json").write_text("[]")
    with pytest.raises(ProjectError, match=r"queries\.yml, line 2: report has no collection"):
        choose_engine(find_query(project, "report", "a"), None)


def test_a_query_is_found_in_whichever_pipeline_has_it(project: Project) -> None:
    assert find_query(project, "other").pipeline == "b"
    assert find_query(project, "report", "a").pipeline == "a"


def test_a_name_that_two_pipelines_have_must_be_chosen(project: Project) -> None:
    with pytest.raises(UnknownName, match="a and b both have a query report: choose with --pipeline"):
        find_query(project, "report")


def test_a_wrong_name_is_answered_with_the_nearest_one(project: Project) -> None:
    with pytest.raises(UnknownName, match=r"no query reprot \(did you mean report\?\)"):
        find_query(project, "reprot")
    with pytest.raises(UnknownName, match="no pipeline c"):
        find_query(project, "report", "c")


def test_a_mistake_in_the_index_is_named_with_its_line(project: Project) -> None:
    index = project.init / "a" / "queries" / "queries.yml"
    index.write_text("report:\n  about: x\n  colection: transactions\n")
    with pytest.raises(ProjectError, match=r"queries\.yml, line \d"):
        queries(project)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[{", "line 1, column 3"),
        ("[]", "not an aggregation"),
        ('{"$match": {}}', "not an aggregation"),
        ('[{"match": {}}]', "not an aggregation"),
        ('[{"$match": {}, "$limit": 1}]', "not an aggregation"),
        ("[1]", "not an aggregation"),
    ],
)
def test_what_is_no_aggregation_is_refused_with_the_file(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.mongodb.json"
    path.write_text(text)
    with pytest.raises(ProjectError, match=f"x.mongodb.json.*{reason}"):
        read_aggregation(path)


def test_a_file_that_is_missing_or_no_text_is_refused_with_its_name(tmp_path: Path) -> None:
    query = Query("gone", "a", "", "c", tmp_path)
    with pytest.raises(ProjectError, match=r"gone\.mongodb\.json can not be read: No such file"):
        read_aggregation(query.mongodb_file)
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(ProjectError, match="not UTF-8"):
        read_aggregation(tmp_path / "x")


def test_the_columns_are_those_of_the_last_project_stage() -> None:
    stages: list[dict[str, Any]] = [{"$match": {}}, {"$project": {"_id": 0, "b": "$B", "a": 1, "no": False}}]
    assert projected_columns(stages) == ("b", "a")
    assert projected_columns([{"$match": {}}]) == ()
