from __future__ import annotations

import time
from pathlib import Path

import pytest

from streamguard.connect.templates.parameters import complete, kind_of, kinds, parameter_list, parameters_of_kind
from streamguard.connect.templates.render import render
from streamguard.connect.templates.values import Values, load_values, values_file
from streamguard.errors import Refused, StreamguardError, TemplateError
from streamguard.project import Project
from streamguard.settings import load

PIPELINE = "topics: {t: {partitions: 1}}\ngenerator: {world: bank, topic: t}\n"
SCHEMA = """\
title: A sink
type: object
required: [address]
properties:
  address: {description: Where it is., type: string, pattern: "^https?://"}
  tasks: {description: How many., type: integer, minimum: 1, default: 2}
  mode: {description: How., enum: [replace, insert], default: replace}
  series: {description: For insert., type: object, additionalProperties: false, properties: {field: {type: string}}}
  ids: {description: What identifies., type: array, items: {type: string}}
  inner: {default: of the outer}
allOf:
  - if: {properties: {mode: {const: insert}}}
    then: {required: [series]}
"""
INNER = "title: Inner\ntype: object\nproperties: {inner: {description: Inner., type: string, default: of the inner}}\n"
PIECE = (
    '"connector.class": "S", "a": "{{ address }} {{ tasks }} {{ mode }} {{ inner }}", {% include "shared/inner.j2" %}'
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("connectors/values", "connectors/shared", "connectors/p", "ksql", "init"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "init" / "p.yml").write_text(PIPELINE)
    connectors = tmp_path / "connectors"
    (connectors / "values" / "local.yml").write_text("address: http://env\n")
    (connectors / "shared" / "a-sink.schema.yml").write_text(SCHEMA)
    (connectors / "shared" / "a-sink.j2").write_text(PIECE)
    (connectors / "shared" / "inner.schema.yml").write_text(INNER)
    (connectors / "shared" / "inner.j2").write_text('"b": "{{ inner }}"')
    (connectors / "p" / "one.json.j2").write_text('{ {% include "shared/a-sink.j2" %} }')
    return Project(tmp_path)


def one(project: Project) -> Path:
    return project.connectors / "p" / "one.json.j2"


def values(project: Project, *overrides: str) -> Values:
    return load_values(load(project.root, environ={}), project.pipeline("p"), values_file(project, "local"), overrides)


def test_defaults_stand_where_nothing_is_given_and_the_outer_pieces_stand_over_the_inner_ones(project: Project) -> None:
    config = render(one(project), values(project), project.connectors).config
    assert config["a"] == "http://env 2 replace of the outer"
    assert config["b"] == "of the outer"


def test_what_is_said_of_one_connector_stands_over_what_is_said_of_all_and_set_over_everything(
    project: Project,
) -> None:
    one(project).with_name("one.yml").write_text("address: http://own\ntasks: 3\n")
    assert complete(one(project), values(project), project.connectors)["address"] == "http://own"
    file = project.connectors / "values" / "local.yml"
    file.write_text("address: http://env\nconnectors: {one: {tasks: 4}}\n")
    found = complete(one(project), values(project), project.connectors)
    assert (found["address"], found["tasks"]) == ("http://own", 4)
    assert complete(one(project), values(project, "tasks=5"), project.connectors)["tasks"] == 5


@pytest.mark.parametrize(
    ("own", "env", "overrides", "says"),
    [
        ("tasks: many\n", "", (), "one.yml, line 1: the parameter tasks takes a whole number, and 'many' is none"),
        ("", "tasks: 0\n", (), "local.yml, line 2: the parameter tasks does not fit: 0 is less than the minimum of 1"),
        ("", "", ("tasks=no",), "--set tasks: the parameter tasks takes a whole number, and False is none"),
        ("", "connectors:\n  one:\n    tasks: x\n", (), "local.yml, line 4: the parameter tasks takes a whole number"),
        ("mode: replac\n", "", (), "takes replace or insert, and 'replac' is none of them (did you mean replace?)"),
        ("mode: insert\n", "", (), "one.json.j2: the parameter series is missing, since mode is insert: For insert."),
        ("taks: 1\n", "", (), "one.yml, line 1: there is no parameter taks (did you mean tasks?)"),
        ("", "connectors: {one: {taks: 1}}\n", (), "local.yml, line 2: there is no parameter taks (did you mean"),
        ("series: {feld: x}\n", "", (), "one.yml, line 1: the parameter series has no part feld (did you mean field?)"),
        ("\nids: [1]\n", "", (), "one.yml, line 2: the parameter ids[0] takes text, and 1 is none"),
        ("address: ftp://x\n", "", (), "the parameter address takes text like ^https?://, and 'ftp://x' is none"),
        ("tasks: [\n", "", (), "one.yml, line 2"),
    ],
)
def test_a_parameter_that_does_not_fit_is_told_with_file_line_and_name_before_anything_is_rendered(
    project: Project, own: str, env: str, overrides: tuple[str, ...], says: str
) -> None:
    if own:
        one(project).with_name("one.yml").write_text(own)
    file = project.connectors / "values" / "local.yml"
    file.write_text(file.read_text() + env)
    with pytest.raises(TemplateError) as caught:
        render(one(project), values(project, *overrides), project.connectors)
    assert says in str(caught.value)


def test_a_parameter_that_is_missing_is_told_with_what_it_is_for(project: Project) -> None:
    (project.connectors / "values" / "local.yml").write_text("")
    with pytest.raises(TemplateError, match=r"one\.json\.j2: the parameter address is missing: Where it is\."):
        render(one(project), values(project), project.connectors)


def test_a_value_for_all_connectors_need_not_be_a_parameter_of_each(project: Project) -> None:
    (project.connectors / "values" / "local.yml").write_text("address: http://env\nof_another_sink: 1\n")
    assert render(one(project), values(project), project.connectors).config


def test_a_template_may_have_variables_of_its_own(project: Project) -> None:
    one(project).write_text('{"own": "{{ own }}", {% include "shared/a-sink.j2" %} }')
    one(project).with_name("one.yml").write_text("own: x\n")
    assert render(one(project), values(project), project.connectors).config["own"] == "x"


def test_a_secret_among_a_connectors_own_values_is_refused(project: Project) -> None:
    one(project).with_name("one.yml").write_text("address: http://u:hunter2@h/\n")
    with pytest.raises(Refused) as caught:
        render(one(project), values(project), project.connectors)
    assert "hunter2" not in str(caught.value)


def test_a_schema_that_is_none_is_told_with_its_file(project: Project) -> None:
    (project.connectors / "shared" / "inner.schema.yml").write_text("title: x\nproperties: {inner: {type: strin}}\n")
    with pytest.raises(StreamguardError, match=r"inner\.schema\.yml is no JSON Schema: 'strin' is not valid"):
        render(one(project), values(project), project.connectors)


def test_the_kinds_of_sinks_are_those_of_the_pieces(project: Project) -> None:
    assert kinds(project.connectors) == {"a": "A sink"}
    assert kind_of(one(project), project.connectors) == "a"
    listed = parameters_of_kind("a", project.connectors).parameters
    assert [entry.name for entry in listed] == ["address", "tasks", "mode", "series", "ids", "inner"]
    assert listed[0].required
    assert listed[2].type == "replace or insert"


@pytest.mark.slow
def test_checking_the_parameters_of_500_connectors_takes_seconds_at_most(project: Project) -> None:
    loaded = values(project)
    paths = []
    for number in range(500):
        path = project.connectors / "p" / f"c{number}.json.j2"
        path.write_text(one(project).read_text())
        path.with_name(f"c{number}.yml").write_text("tasks: 3\nmode: replace\nids: [a, b]\n")
        paths.append(path)
    complete(paths[0], loaded, project.connectors)
    began = time.process_time()
    for path in paths:
        complete(path, loaded, project.connectors)
    assert time.process_time() - began < 5.0


def test_a_template_outside_of_the_folder_has_no_parameters(project: Project, tmp_path: Path) -> None:
    outside = tmp_path / "x.json.j2"
    outside.write_text("{}")
    assert parameter_list(outside, project.connectors).parameters == []
