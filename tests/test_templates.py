"""Every template that is shipped renders, and asks only for what the local stack gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlglot

from streamguard.connect.lint.rule import Facts
from streamguard.connect.lint.run import lint
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.companions import companions
from streamguard.connect.templates.parameters import complete
from streamguard.connect.templates.render import Connector
from streamguard.connect.templates.values import load_values, values_file
from streamguard.project import Project
from streamguard.settings import load
from streamguard.stack.kafka_config import CONSUMER_OVERRIDES, ENVIRONMENT_NAMES
from tests.accounts import MINE

PROJECT = Project(Path(__file__).parent.parent)
PIPELINES = [name for name in PROJECT.pipelines() if PROJECT.templates(name)]
SETTINGS = load(PROJECT.root, environ=MINE)
VALUES = sorted(path.stem for path in (PROJECT.connectors / "values").glob("*.yml"))
FLAVOURS = ("iceberg", "confluent")
CONNECTORS = [
    pytest.param(pipeline, connector, id=f"{values}-{flavour}-{connector.name}")
    for values in VALUES
    for flavour in (FLAVOURS if values == "cloud" else FLAVOURS[:1])
    for pipeline in PIPELINES
    for connector in render_pipeline(PROJECT, SETTINGS, PROJECT.pipeline(pipeline), values, [f"s3_flavour={flavour}"])
]


def test_the_bank_pipeline_has_two_sinks_for_mongodb_and_two_for_s3() -> None:
    assert [path.name.removesuffix(".json.j2") for path in PROJECT.templates("bank")] == [
        "transactions-mongodb-sink",
        "transactions-s3-sink",
        "users-mongodb-sink",
        "users-s3-sink",
    ]


@pytest.mark.parametrize(("pipeline", "connector"), CONNECTORS)
def test_a_template_renders_to_a_config_that_lint_has_nothing_against(pipeline: str, connector: Connector) -> None:
    assert lint([connector]) == []
    assert all(connector.config.values()), "an empty value"
    assert connector.template.parent.name == pipeline


@pytest.mark.parametrize(("pipeline", "connector"), CONNECTORS)
def test_a_connector_reads_topics_of_its_pipeline_with_no_more_tasks_than_partitions(
    pipeline: str, connector: Connector
) -> None:
    topics = {topic.name: topic.partitions for topic in PROJECT.pipeline(pipeline).topics}
    assert lint([connector], Facts(topics=topics)) == []
    assert connector.config["errors.deadletterqueue.topic.name"] == f"{connector.name}-dead-letter"
    assert connector.config["errors.deadletterqueue.topic.name"] in topics
    assert int(connector.config["tasks.max"]) <= min(topics[topic] for topic in connector.topics)


@pytest.mark.parametrize(("pipeline", "connector"), CONNECTORS)
def test_the_worker_allows_every_override_of_a_template(pipeline: str, connector: Connector) -> None:
    overrides = {key for key in connector.config if ".override." in key}
    assert overrides <= {f"consumer.override.{name}" for name in CONSUMER_OVERRIDES}, pipeline


@pytest.mark.parametrize(("pipeline", "connector"), CONNECTORS)
def test_the_worker_resolves_every_variable_of_a_template(pipeline: str, connector: Connector) -> None:
    named = {reference for references in connector.references.values() for reference in references}
    assert named, pipeline
    assert named <= {f"${{env:{name}}}" for name in ENVIRONMENT_NAMES}


@pytest.mark.parametrize(("pipeline", "connector"), CONNECTORS)
def test_an_outage_is_never_sent_to_the_dead_letter_topic_and_a_replay_never_duplicates(
    pipeline: str, connector: Connector
) -> None:
    config = connector.config
    assert config["errors.log.include.messages"] == "false", pipeline
    assert config["errors.deadletterqueue.context.headers.enable"] == "true"
    if "Mongo" in connector.class_name:
        assert config["mongo.errors.tolerance"] == "data"
        assert config["document.id.strategy"].endswith((".ProvidedInKeyStrategy", ".KafkaMetaDataStrategy"))
        assert config["writemodel.strategy"].endswith(".ReplaceOneDefaultStrategy")
    if "Iceberg" in connector.class_name:
        assert config["iceberg.kafka.auto.offset.reset"] == "earliest"
        assert config["iceberg.control.topic"] == f"{connector.name}-control"
        assert config["tasks.max"] == "1"
        assert config["iceberg.tables.auto-create-enabled"] == "false"


@pytest.mark.parametrize("name", ["transactions-s3-sink", "users-s3-sink"])
def test_the_tables_of_athena_that_are_shipped_have_the_columns_of_the_connectors_companion(name: str) -> None:
    template = PROJECT.connectors / "bank" / f"{name}.json.j2"
    values = load_values(SETTINGS, PROJECT.pipeline("bank"), values_file(PROJECT, "local"))
    made = companions("iceberg", name, complete(template, values, PROJECT.connectors))[0]
    (statement,) = [tree for tree in sqlglot.parse(made.text, dialect="athena") if tree]
    (table,) = statement.find_all(sqlglot.exp.Table)
    shipped = (PROJECT.init / "bank" / "athena" / "tables" / f"{table.name}.sql").read_text()
    assert columns(made.text) == columns(shipped)


def columns(ddl: str) -> list[tuple[str, str]]:
    """The columns of a CREATE TABLE with their types."""
    tree = sqlglot.parse_one(ddl, dialect="athena")
    return [(column.name, str(column.args["kind"])) for column in tree.find_all(sqlglot.exp.ColumnDef)]
