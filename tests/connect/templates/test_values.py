from __future__ import annotations

from pathlib import Path

import pytest

from streamguard.connect.templates.choose import render_each
from streamguard.connect.templates.parameters import parameters_of_kind
from streamguard.connect.templates.values import WORDS, VariablesMissing, load_values, parse_override, values_file
from streamguard.errors import ProjectError, Refused, TemplateError, UnknownName
from streamguard.project import Project
from streamguard.settings import load

REPOSITORY = Path(__file__).parents[3]
PIPELINE = """
topics: {t: {partitions: 1}}
generator: {world: bank, topic: t}
mongodb: {database: db}
lake: {namespace: ns, tables: {log: {id: string, amount: double, n: long, _offset: long}}}
"""
TEMPLATE = '{"connector.class": "Sink", "a": "{{ mongodb_database }} {{ extra }}"}'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("connectors/values", "connectors/bank", "ksql", "init"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "init" / "bank.yml").write_text(PIPELINE)
    (tmp_path / "connectors" / "values" / "local.yml").write_text("extra: file\n")
    (tmp_path / "connectors" / "bank" / "one.json.j2").write_text(TEMPLATE)
    (tmp_path / "connectors" / "bank" / "two.json.j2").write_text(TEMPLATE)
    return Project(tmp_path)


def test_later_sources_win_settings_then_pipeline_then_file_then_set(project: Project) -> None:
    settings = load(project.root, environ={"STREAMGUARD_S3_REGION": "eu-west-1"})
    path = values_file(project, "local")
    path.write_text("s3_endpoint: http://from.file\nextra: file\n")
    values = load_values(settings, project.pipeline("bank"), path, ["extra=set", "mongodb_database=other"])
    assert (values["s3_region"], values["s3_endpoint"]) == ("eu-west-1", "http://from.file")
    assert (values["extra"], values["mongodb_database"], values["pipeline"]) == ("set", "other", "bank")


def test_the_tables_of_the_lake_are_values_without_the_sinks_own_columns(project: Project) -> None:
    values = load_values(load(project.root, environ={}), project.pipeline("bank"), values_file(project, "local"))
    assert values["lake_tables"] == {"log": {"id": "string", "amount": "double", "n": "long"}}


@pytest.mark.parametrize(
    ("text", "value"), [("a=1", 1), ("a=true", True), ("a=x=y", "x=y"), ("a=", ""), ("a='1'", "1"), ("a=[b", "[b")]
)
def test_set_reads_numbers_and_booleans_as_what_they_look_like(text: str, value: object) -> None:
    assert parse_override(text) == ("a", value)


def test_a_values_file_takes_the_accounts_of_the_user_from_variables(project: Project) -> None:
    path = values_file(project, "local")
    path.write_text("extra: s3://${MY_S3_BUCKET}/${MY_AWS_REGION}/x\ns3_region: ${MY_AWS_REGION}\n")
    settings = load(project.root, environ={"MY_S3_BUCKET": "acme", "MY_AWS_REGION": "eu-west-1"})
    values = load_values(settings, project.pipeline("bank"), path)
    assert (values["extra"], values["s3_region"]) == ("s3://acme/eu-west-1/x", "eu-west-1")


def test_a_variable_that_is_not_set_is_asked_for_by_the_templates_that_need_it_and_all_at_once(
    project: Project,
) -> None:
    path = values_file(project, "local")
    path.write_text("extra: ${MY_S3_BUCKET}\nother: ${MY_AWS_REGION}\ns3_region: ${MY_GLUE_DATABASE}\n")
    settings, pipeline = load(project.root, environ={}), project.pipeline("bank")
    assert "s3_region" not in load_values(settings, pipeline, path)  # nor the one of the settings
    with pytest.raises(VariablesMissing, match=r"MY_S3_BUCKET is not set, and .*local.yml needs it"):
        render_each(project, settings, [pipeline]).whole()
    (project.connectors / "bank" / "two.json.j2").write_text('{"connector.class": "Sink", "a": "{{ other }}"}')
    rendering = render_each(project, settings, [pipeline])
    with pytest.raises(VariablesMissing, match="MY_AWS_REGION, MY_S3_BUCKET are not set") as caught:
        rendering.of(["one", "two"])
    assert caught.value.names == ("MY_AWS_REGION", "MY_S3_BUCKET")
    with pytest.raises(VariablesMissing, match="MY_AWS_REGION is not set"):
        rendering.of(["two"])  # of the others nothing is asked
    assert render_each(project, settings, [pipeline], overrides=["extra=1", "other=2"]).failed == {}


def test_a_variable_that_holds_a_secret_or_that_there_is_none_of_is_refused_by_its_line(project: Project) -> None:
    path = values_file(project, "local")
    settings = load(project.root, environ={"MY_MONGODB_PASS": "s3cret"})
    path.write_text("a: 1\nextra: ${MY_MONGODB_PASS}\n")
    with pytest.raises(Refused, match=r"local.yml, line 2: MY_MONGODB_PASS is a secret") as caught:
        load_values(settings, project.pipeline("bank"), path)
    assert "s3cret" not in str(caught.value)
    path.write_text("extra: ${MY_S3_BUKCET}\n")
    with pytest.raises(ProjectError, match=r"line 1: there is no variable MY_S3_BUKCET \(did you mean MY_S3_BUCKET"):
        load_values(settings, project.pipeline("bank"), path)


@pytest.mark.parametrize("text", ["a", "=1", "a b=1", "name=x", ""])
def test_set_refuses_what_is_no_key_and_value(text: str) -> None:
    with pytest.raises(ProjectError, match="--set takes KEY=VALUE"):
        parse_override(text)


def test_a_values_file_is_named_or_given_by_path(project: Project, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text("extra: 1\n")
    assert values_file(project, str(other)) == other
    with pytest.raises(ProjectError, match=r"no values lokal: neither a file nor in .* \(there: local\)"):
        values_file(project, "lokal")
    with pytest.raises(ProjectError, match="no values"):
        values_file(project, "../../init/bank")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("Extra: 1\n", "line 1"),
        ("extra: 1\nextra: 2\n", "line 2, column 1: extra is there twice"),
        ("extra: [1, {a: 2}]\n", "line 1"),
        ("extra: {\n", "line 2"),
    ],
)
def test_a_mistake_in_a_values_file_is_told_with_its_line(project: Project, text: str, says: str) -> None:
    path = values_file(project, "local")
    path.write_text(text)
    with pytest.raises(ProjectError, match=says):
        load_values(load(project.root, environ={}), project.pipeline("bank"), path)


def test_a_secret_among_the_values_is_refused_and_not_shown(project: Project) -> None:
    with pytest.raises(Refused, match="the value mongodb_uri holds a password in an address") as caught:
        load_values(
            load(project.root, environ={}),
            project.pipeline("bank"),
            values_file(project, "local"),
            ["mongodb_uri=mongodb://u:hunter2@h/"],
        )
    assert "hunter2" not in str(caught.value)


def test_every_pipeline_with_templates_is_meant_unless_one_is_named(project: Project) -> None:
    (project.init / "card.yml").write_text(PIPELINE)
    settings = load(project.root, environ={})
    rendering = render_each(project, settings, None)
    assert [connector.name for connector in rendering.whole()] == ["one", "two"]
    assert [connector.name for connector in rendering.of(["two"]).whole()] == ["two"]
    assert [connector.name for connector in rendering.of(["t*", "one"]).whole()] == ["one", "two"]
    with pytest.raises(UnknownName, match=r"there is no template of a connector tow \(did you mean two\?\)"):
        rendering.of(["tow"])
    with pytest.raises(
        UnknownName, match=r"there is no template of a connector that matches x\* \(there are one, two\)"
    ):
        rendering.of(["x*"])


def test_a_template_that_does_not_render_hinders_those_only_that_mean_it(project: Project) -> None:
    (project.connectors / "bank" / "two.json.j2").write_text("{{ nothing }}")
    rendering = render_each(project, load(project.root, environ={}), None)
    assert [connector.name for connector in rendering.of(["one"]).whole()] == ["one"]
    with pytest.raises(TemplateError, match="nothing is not defined"):
        rendering.of(["t*"]).whole()


def test_a_folder_of_templates_is_a_pipeline_without_a_file_in_init(project: Project) -> None:
    (project.connectors / "legacy").mkdir()
    (project.connectors / "legacy" / "old.json.j2").write_text('{"connector.class": "Sink"}')
    rendered = render_each(project, load(project.root, environ={}), None).whole()
    assert {connector.name: connector.config["streamguard.owner"] for connector in rendered} == {
        "one": "streamguard/bank",
        "two": "streamguard/bank",
        "old": "streamguard/legacy",
    }


def test_a_project_without_any_values_needs_none(project: Project) -> None:
    (project.connectors / "values" / "local.yml").unlink()
    (project.connectors / "bank" / "one.json.j2").write_text('{"connector.class": "Sink"}')
    rendering = render_each(project, load(project.root, environ={}), None)
    assert [connector.name for connector in rendering.of(["one"]).whole()] == ["one"]
    with pytest.raises(ProjectError, match="no values cloud"):
        values_file(project, "cloud")


@pytest.mark.parametrize("name", ["extra", "mongodb_database", "of_a_piece", "described", "looped"])
def test_set_takes_what_a_template_or_a_piece_asks_for(project: Project, name: str) -> None:
    shared = project.connectors / "shared"
    shared.mkdir()
    (shared / "a.j2").write_text("{{ of_a_piece }}{% for x in looped %}{% endfor %}")
    (shared / "a.schema.yml").write_text("title: A\nproperties: {described: {type: string}}\n")
    render_each(project, load(project.root, environ={}), None, overrides=[f"{name}=1"])


def test_set_of_what_no_template_asks_for_is_refused_and_does_not_pass_for_no_change(project: Project) -> None:
    settings = load(project.root, environ={})
    with pytest.raises(UnknownName, match=r"--set extr: no template asks for it \(did you mean extra\?\)"):
        render_each(project, settings, None, overrides=["extr=1"])


def test_two_pipelines_with_a_connector_of_one_name_are_refused(project: Project) -> None:
    (project.init / "card.yml").write_text(PIPELINE)
    (project.connectors / "card").mkdir()
    (project.connectors / "card" / "one.json.j2").write_text(TEMPLATE)
    with pytest.raises(TemplateError, match="both named one"):
        render_each(project, load(project.root, environ={}), None)


def test_words_of_a_parameter_that_is_called_like_a_secret_are_none() -> None:
    for name, words in WORDS.items():
        for kind in ("iceberg", "s3"):
            assert parameters_of_kind(kind, REPOSITORY / "connectors").properties[name]["enum"] in (
                list(words),
                list(reversed(words)),
            )
