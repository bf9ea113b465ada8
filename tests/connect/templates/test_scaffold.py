from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.templates.parameters import kinds
from streamguard.connect.templates.scaffold import New, create, questions, read_answer, write_files
from streamguard.connect.templates.values import Values, load_values, values_file
from streamguard.errors import ProjectError, StorageError, StreamguardError, TemplateError, UnknownName
from streamguard.project import Project
from streamguard.settings import SHIPPED, load

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[3]
GIVEN: dict[str, dict[str, Any]] = {
    "mongodb": {"topics": ["users"], "collection": "people"},
    "iceberg": {"topics": ["users"], "table": "raw_users_log"},
    "s3": {"topics": ["users"], "s3_bucket": "some-bucket"},
    "postgres": {
        "topics": ["users"],
        "postgres_url": "jdbc:postgresql://h/d",
        "table": "users",
        "id_fields": ["id"],
        "columns": {"id": "string"},
    },
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("connectors", "init", "ksql"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    return Project(tmp_path)


@pytest.fixture
def values(project: Project) -> Values:
    return load_values(load(project.root, environ={}), project.pipeline("bank"), values_file(project, "local"))


def test_there_are_the_four_kinds() -> None:
    assert set(kinds(REPOSITORY / "connectors")) == set(GIVEN)


@pytest.mark.parametrize("kind", GIVEN)
def test_a_new_connector_of_each_kind_renders_as_it_was_written(project: Project, values: Values, kind: str) -> None:
    connector = create(New(kind, "new-sink", "bank", GIVEN[kind], "What it is for."), project, values)
    assert connector.topics == ("users",)
    assert connector.template.read_text().startswith("{#- What it is for. -#}\n")
    assert connector.template.with_name("new-sink.yml").is_file()


def test_a_new_sink_without_topics_is_not_written(project: Project, values: Values) -> None:
    with pytest.raises(ProjectError, match="nothing was written: a sink reads topics"):
        create(New("mongodb", "new-sink", "bank", {"collection": "people"}), project, values)
    assert not list(project.connectors.rglob("new-sink*"))


def test_nothing_that_is_there_is_written_over(project: Project, values: Values) -> None:
    own = project.connectors / "bank" / "new-sink.yml"
    own.write_text("mine\n")
    with pytest.raises(ProjectError, match="is there already, and is not written over"):
        create(New("mongodb", "new-sink", "bank", GIVEN["mongodb"]), project, values)
    assert own.read_text() == "mine\n"
    assert not own.with_name("new-sink.json.j2").exists()


def test_nothing_is_left_of_a_connector_that_does_not_render(project: Project, values: Values) -> None:
    before = sorted((project.connectors / "bank").iterdir())
    with pytest.raises(TemplateError, match=r"nothing was written: .*the parameter s3_bucket is missing: The bucket"):
        create(New("s3", "new-sink", "bank", {"topics": ["users"]}), project, values)
    with pytest.raises(StreamguardError, match="nothing was written"):
        create(New("iceberg", "new-sink", "bank", {"topics": ["users"], "table": "nowhere"}), project, values)
    assert sorted((project.connectors / "bank").iterdir()) == before


@pytest.mark.parametrize("name", ["", "a/b", "a%b", "../x", "a b", "x" * 201])
def test_a_name_that_is_none_is_refused(project: Project, values: Values, name: str) -> None:
    with pytest.raises(UnknownName, match="is no name of a connector"):
        create(New("mongodb", name, "bank", GIVEN["mongodb"]), project, values)


def test_files_are_written_all_or_none(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StorageError, match="can not be written"):
        write_files({tmp_path / "a": "a", blocked / "b": "b"}, Project(tmp_path))
    assert not (tmp_path / "a").exists()


def test_the_copy_that_a_wheel_carries_is_not_written_to(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is the copy that streamguard carries along"):
        write_files({tmp_path / "a": "a"}, Project(SHIPPED.resolve()))
    assert not (tmp_path / "a").exists()


def test_what_is_given_is_not_asked(project: Project) -> None:
    asked = [parameter.name for parameter in questions("postgres", project, {"table"})]
    assert asked[0] == "postgres_url"
    assert {"topics", "id_fields", "columns"} <= set(asked)
    assert "table" not in asked


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("topics", "a, b", ["a", "b"]),
        ("topics", "[a, b]", ["a", "b"]),
        ("columns", "id: string, n:long", {"id": "string", "n": "long"}),
        ("batch_size", "7", 7),
        ("delete_on_null", "true", True),
        ("table", "123", "123"),
    ],
)
def test_answers_are_read_by_the_type_of_the_parameter(project: Project, name: str, text: str, value: object) -> None:
    assert read_answer("postgres", project, name, text) == value


def test_a_parameter_that_there_is_not_is_told_with_the_one_that_was_meant(project: Project) -> None:
    with pytest.raises(
        UnknownName, match=r"a sink of kind mongodb has no parameter colection \(did you mean collection"
    ):
        read_answer("mongodb", project, "colection", "x")
