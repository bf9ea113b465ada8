"""`streamguard new`, without the command: what is written passes every check that a user would run next."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint
from streamguard.datagen.check.run import check as check_world
from streamguard.datagen.world.reading import find_world, read_world
from streamguard.engine.testing.case_files import case_files, read_cases
from streamguard.engine.testing.cases import judge
from streamguard.errors import ProjectError, Refused
from streamguard.pipeline import check
from streamguard.project import Project
from streamguard.scaffold.answers import Answers, Field
from streamguard.scaffold.files import create
from streamguard.settings import load
from tests.docs.readme import ROOT
from tests.scaffold.rules import answers

SETTINGS = load(Path("/nonexistent"), environ={})
SHOP, AMOUNT, COUNT, VIP = (
    Field("shop", "STRING"),
    Field("amount", "DOUBLE"),
    Field("count", "INT"),
    Field("vip", "BOOLEAN"),
)
ANYTHING = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One with the pieces of templates, and no pipeline."""
    for folder in ("shared", "values"):
        shutil.copytree(ROOT / "connectors" / folder, tmp_path / "connectors" / folder)
    for folder in ("ksql", "init"):
        (tmp_path / folder).mkdir()
    return Project(tmp_path)


def refunds(rule: str, *sinks: str, variables: dict[str, str] | None = None, pipeline: str = "refunds") -> Answers:
    fields = (SHOP, AMOUNT, COUNT, VIP, Field("order", "STRING"))
    return Answers(pipeline, pipeline, fields, rule, sinks, variables or {})


def files_in(project: Project) -> set[Path]:
    return {path for path in project.root.rglob("*") if path.is_file()}


def assert_it_passes_its_checks(project: Project, given: Answers) -> None:
    """As `ksql test`, `connectors lint --strict`, `up` before it starts anything, and `world show` do."""
    cases = [case for path in case_files([project.ksql / given.pipeline]) for case in read_cases(path)]
    assert {case.name: judge(case) for case in cases} == {case.name: [] for case in cases}
    pipeline = project.pipeline(given.pipeline)
    rendered = check(project, SETTINGS, pipeline)
    assert len(rendered) == len(given.sinks)
    assert lint(rendered, Facts(topics={topic.name: topic.partitions for topic in pipeline.topics})) == []
    assert pipeline.generator is not None
    world = read_world(find_world(project, pipeline.generator.world))
    assert [stream.topic for stream in world.streams] == [pipeline.generator.topic] == [given.topic]


@ANYTHING
@given(answers("anything"))
def test_whatever_somebody_answers_the_files_pass_their_checks(project: Project, given: Answers) -> None:
    before = files_in(project)
    made = create(given, project, SETTINGS)
    assert files_in(project) - before == set(made.files)
    assert_it_passes_its_checks(project, given)
    for path in made.files:
        path.unlink()


@pytest.mark.slow
@settings(ANYTHING, max_examples=10, derandomize=True)
@given(answers("anything"))
def test_whatever_somebody_answers_its_world_is_as_it_declares(project: Project, given: Answers) -> None:
    made = create(given, project, SETTINGS)
    found = check_world(read_world(find_world(project, "anything")), 10_000, 1, SETTINGS.cache_dir, lambda _text: None)
    assert [finding.row() for finding in found.findings if not finding.passed] == []
    for path in made.files:
        path.unlink()


@pytest.mark.parametrize(
    ("rule", "least", "most"),
    [
        ("amount >= 900", 50, 150),
        ("amount < 5", 1, 990),
        ("amount = 123.45", 50, 150),
        ("amount < 0", 50, 600),
        ("amount BETWEEN 10 AND 20 AND count > 5", 50, 600),
        ("count = 7", 10, 990),
        ("vip AND amount > 100", 10, 150),
        ("shop = 'X' OR shop = 'Y'", 50, 150),
        ("shop LIKE 'A%'", 50, 150),
        ("UCASE(shop) = 'US' AND amount > 1000000", 1, 150),
        ("amount IS NULL", 50, 150),
        ("vip AND amount IS NULL", 1, 150),
    ],
)
def test_the_rule_splits_what_the_world_makes(project: Project, rule: str, least: int, most: int) -> None:
    made = create(refunds(rule), project, SETTINGS)
    assert least <= made.taken <= most
    assert made.found.taken is not None
    assert made.found.left is not None


def test_a_rule_that_is_never_true_is_written_with_the_cases_that_there_are(project: Project) -> None:
    made = create(refunds("amount > 5 AND amount < 3"), project, SETTINGS)
    assert made.taken == 0
    assert made.found.taken is None
    text = (project.ksql / "refunds" / "refunds.test.yml").read_text()
    assert "No record was found that goes the other way" in text
    assert "what the rule takes is flagged" not in text


def test_a_variable_of_the_rule_is_one_of_the_pipeline(project: Project) -> None:
    create(refunds("amount >= ${limit}", variables={"limit": "400"}), project, SETTINGS)
    assert project.pipeline("refunds").variables == {"limit": "400"}
    assert "WHERE amount >= ${limit}" in (project.ksql / "refunds" / "01-split.sql").read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rule": "amuont > 1"}, r"the rule, column 1: .*did you mean AMOUNT.*\n    amuont > 1\n    \^"),
        ({"rule": "vip AND amount > 'x'"}, "the rule, column 9: .*Cannot compare"),
        ({"rule": "amount"}, "the rule, column 1: .*boolean"),
        ({"rule": "COUNT(*) > 3"}, "Aggregate functions"),
        ({"rule": "amount > 1 -- large"}, "does not end as a condition does"),
        ({"rule": "amount > 1; DROP STREAM refunds"}, "does not end as a condition does|the rule, column"),
        ({"rule": "amount > 1 EMIT CHANGES"}, "the rule"),
        ({"rule": "vip PARTITION BY shop"}, "the rule"),
        ({"rule": "amount > 1) OR (vip"}, "the rule, column 11"),
        ({"rule": "amount >"}, "the rule"),
        ({"rule": "vip = 'x"}, "the rule"),
        ({"rule": ""}, "one line"),
        ({"rule": "vip\nOR vip"}, "one line"),
        (
            {"rule": "amount > ${limit}"},
            r"the rule, column 10: variable \$\{limit\} is not defined \(say it with -D NAME=VALUE\)",
        ),
        ({"rule": "count / 0 = 1 AND LEN(CAST(1 / 0 AS STRING)) = 1 OR 1 / 0 = 1"}, "can not be worked out"),
        ({"rule": "vip", "variables": {"limit": "1"}}, "does not use the variable limit"),
        ({"rule": "vip", "pipeline": "other"}, "there is a pipeline other already"),
    ],
    ids=str,
)
def test_what_is_not_possible_is_refused_and_nothing_is_written(
    project: Project, wrong: dict[str, Any], said: str
) -> None:
    (project.init / "other.yml").write_text("topics: {other-topic: {partitions: 1}}\n")
    before = files_in(project)
    with pytest.raises(Refused, match=said):
        create(refunds(**wrong), project, SETTINGS)
    assert files_in(project) == before


def test_names_of_another_pipeline_are_refused(project: Project) -> None:
    create(refunds("vip"), project, SETTINGS)
    with pytest.raises(Refused, match="the topic refunds belongs to the pipeline refunds"):
        create(Answers("more", "refunds", (VIP,), "vip"), project, SETTINGS)
    (project.ksql / "more").mkdir()
    (project.ksql / "more" / "1.sql").write_text(
        "CREATE STREAM one_passed (a INT) WITH (KAFKA_TOPIC = 'a', VALUE_FORMAT = 'JSON');"
    )
    with pytest.raises(Refused, match="the stream ONE_PASSED belongs to the pipeline more"):
        create(Answers("one", "one", (VIP,), "vip"), project, SETTINGS)


def test_a_file_that_is_there_is_not_written_over(project: Project) -> None:
    mine = project.init / "worlds" / "refunds.yml"
    mine.parent.mkdir()
    mine.write_text("mine")
    with pytest.raises(ProjectError, match="there already"):
        create(refunds("vip"), project, SETTINGS)
    assert mine.read_text() == "mine"
    assert project.pipelines() == []


def test_a_project_without_the_pieces_of_a_sink_is_told_where_they_are(project: Project) -> None:
    shutil.rmtree(project.connectors / "shared")
    with pytest.raises(Refused, match=r"has no mongodb-sink\.j2: copy what is in"):
        create(refunds("vip", "mongodb"), project, SETTINGS)
    assert create(refunds("vip"), project, SETTINGS).taken


def test_the_same_answers_write_the_same_files(project: Project) -> None:
    first = {path: path.read_text() for path in create(refunds("amount > 9", "s3"), project, SETTINGS).files}
    for path in first:
        path.unlink()
    again = create(refunds("amount > 9", "s3"), project, SETTINGS)
    assert {path: path.read_text() for path in again.files} == first
