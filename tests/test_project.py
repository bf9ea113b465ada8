"""Pipelines that can not be read: the file, the line, and what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.errors import ProjectError, UnknownName
from streamguard.model import Pipeline
from streamguard.project import PIPELINE_SCHEMA, Project, generator_of, load_yaml, variables_near


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "generator: {world: w, topic: a}\ntopics:\n  a: {partitons: 4}\n",
            r"line 3: unknown key partitons \(did you mean partitions\?\)",
        ),
        ("topcs: {}\n", r"line 1: unknown key topcs \(did you mean topics\?\)"),
        ("topics:\n  a: {partitions: 0}\ngenerator: {world: w, topic: a}\n", "line 2: topics.a.partitions: 0 is less"),
        ("topics: {}\ntopics: {}\n", "line 2, column 1: topics is there twice"),
        ("topics: {a: {partitions: 1}}\nvariables:\n  Most: 3\n", "line 2: variables: 'Most' does not match"),
        ("topics: {a: {partitions: 1}}\nvariables:\n  most:\n", "line 3: variables.most: "),
        ('topics: {a: {partitions: 1}}\nvariables:\n  kinds: ["a,b"]\n', "line 3: variables.kinds: "),
        (
            "topics: {a: {partitions: 1}}\nmongodb: {database: NO}\n",
            "line 2: mongodb.database: False is not of type 'string': put it into quotes",
        ),
        ("topics: [", "line 1, column 10: "),
        ("- 1\n", "line 1: "),
        ("", "line 1: "),
        ("a: &a [*a]\n", "a part of it holds itself"),
        ("a: 2026-06-31\n", "line 1, column 4: 2026-06-31: day is out of range for month"),
        ('a: "\x01"\n', "is no YAML: unacceptable character"),
        ("? [a]\n: b\n", "line 1, column 3: "),
        ("a: !!python/object:os.system x\n", "line 1, column 4: could not determine a constructor"),
    ],
)
def test_a_mistake_is_one_sentence_with_the_file(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "bank.yml"
    path.write_text(text)
    with pytest.raises(ProjectError, match=says) as raised:
        load_yaml(path, PIPELINE_SCHEMA)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_what_is_no_text_or_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yml").write_bytes(b"a: caf\xe9\n")
    with pytest.raises(ProjectError, match=r"latin\.yml is not UTF-8 text"):
        load_yaml(tmp_path / "latin.yml", PIPELINE_SCHEMA)
    with pytest.raises(ProjectError, match="can not be read: Is a directory"):
        load_yaml(tmp_path, PIPELINE_SCHEMA)


def test_a_pipeline_is_a_file_in_init_or_a_folder_of_templates_or_statements(tmp_path: Path) -> None:
    for folder in ("legacy", "shared", "values", "empty"):
        (tmp_path / "connectors" / folder).mkdir(parents=True)
        if folder != "empty":
            (tmp_path / "connectors" / folder / "a.json.j2").touch()
    (tmp_path / "ksql" / "shop").mkdir(parents=True)
    (tmp_path / "ksql" / "shop" / "01-orders.sql").touch()
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "plain.yml").write_text("topics: {t: {partitions: 1}}\n")
    project = Project(tmp_path)
    assert project.pipelines() == ["legacy", "plain", "shop"]
    assert project.pipeline("legacy") == Pipeline("legacy")
    assert project.pipeline("plain").generator is None
    with pytest.raises(ProjectError, match=r"plain\.yml names no generator"):
        generator_of(project.pipeline("plain"))
    with pytest.raises(UnknownName, match=r"no pipeline empty: neither init/empty\.yml, nor ksql/empty"):
        project.pipeline("empty")


def test_a_pipeline_can_be_made_by_writing_into_its_folder(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.pipeline_to_fill("new") == Pipeline("new")
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "bank.yml").write_text("topics: {t: {partitions: 1}}\n")
    with pytest.raises(UnknownName, match=r"no pipeline bnak \(did you mean bank\?\): for a new one make the folder"):
        project.pipeline_to_fill("bnak")
    (tmp_path / "connectors" / "bnak").mkdir(parents=True)
    assert project.pipeline_to_fill("bnak") == Pipeline("bnak")
    for name in ("shared", "values", "../x", "a/b", ""):
        with pytest.raises(UnknownName, match="is no name of a pipeline"):
            project.pipeline_to_fill(name)


def test_variables_are_texts_as_statements_take_them(tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "shop.yml").write_text(
        "topics: {t: {partitions: 1}}\n"
        "variables: {most: 3000, rate: 1.5, exact: true, zone: Europe/Berlin, kinds: [toy, game], numbers: [1, 2]}\n"
    )
    assert Project(tmp_path).pipeline("shop").variables == {
        "most": "3000",
        "rate": "1.5",
        "exact": "true",
        "zone": "Europe/Berlin",
        "kinds": "toy,game",
        "numbers": "1,2",
    }
    near = variables_near(tmp_path / "ksql" / "shop" / "1.sql")
    assert near == Project(tmp_path).pipeline("shop").variables
    assert variables_near(tmp_path / "ksql" / "other" / "1.sql") == {}
    assert variables_near(tmp_path / "elsewhere" / "shop" / "1.sql") == {}
