"""A connector made by `streamguard connectors new postgres`, from Kafka into a real PostgreSQL."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Iterator

import pytest

from streamguard.commands import run
from streamguard.connect.deploying.apply import deploy, raise_for
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.companions import companions
from streamguard.connect.templates.parameters import complete
from streamguard.connect.templates.render import Connector
from streamguard.connect.templates.values import load_values, values_file
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until
from tests.stack.postgres import Postgres, postgres
from tests.stack.records import read

NAME = "trial-postgres-sink"
TOPIC = "trial-rows"
PIPELINE = f"""
topics: {{{TOPIC}: {{partitions: 2}}, {NAME}-dead-letter: {{partitions: 1}}}}
generator: {{world: bank, topic: {TOPIC}}}
"""
PASSWORD = secrets.token_urlsafe(18)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        running.ask(f"CREATE USER sink PASSWORD '{PASSWORD}'")
        running.ask("GRANT ALL ON SCHEMA public TO sink")
        yield running


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, project: Project, settings: Settings, server: Postgres) -> Project:
    """A project whose only connector `new` has written."""
    root = tmp_path_factory.mktemp("project")
    for name in ("shared", "values"):
        shutil.copytree(project.connectors / name, root / "connectors" / name)
    for name in ("ksql", "init"):
        (root / name).mkdir()
    (root / "init" / "trial.yml").write_text(PIPELINE)
    given = {
        "table": "rows",
        "id_fields": "id",
        "postgres_url": server.url,
        "postgres_credentials_file": str(settings.data_dir / "secrets" / "trial-postgres.properties"),
        "columns": "id: string, name: string, amount: double",
        "delete_on_null": "true",
        "flush_retries": "1",
    }
    options = [part for key, value in given.items() for part in ("--set", f"{key}={value}")]
    command = ["connectors", "new", "postgres", NAME, "-p", "trial", "--topics", TOPIC, *options]
    assert run(["--project", str(root), *command]) == 0
    return Project(root)


@pytest.fixture(scope="module")
def sink(trial: Project, settings: Settings, server: Postgres) -> Iterator[Connector]:
    """The connector, running on its table; the table is the companion."""
    file = settings.data_dir / "secrets" / "trial-postgres.properties"
    file.write_text(f"user=sink\npassword={PASSWORD}\n")
    pipeline = trial.pipeline("trial")
    Cluster(settings).create({topic.name: (topic.partitions, 1) for topic in pipeline.topics})
    (connector,) = render_pipeline(trial, settings, pipeline)
    values = load_values(settings, pipeline, values_file(trial, "local"))
    (table,) = companions("postgres", NAME, complete(connector.template, values, trial.connectors))
    server.ask(f"SET ROLE sink; {table.text}")
    client = ConnectClient(settings.connect_url)
    raise_for(deploy(client, [connector], topics=Cluster(settings).partitions(), settle=0.5))
    yield connector
    client.stop(NAME)
    client.delete_offsets(NAME)
    client.delete(NAME)
    Cluster(settings).delete([topic.name for topic in pipeline.topics])
    file.unlink()


def write(settings: Settings, *records: tuple[str, bytes | None]) -> None:
    client = producer(settings)
    for key, value in records:
        client.produce(TOPIC, value, key)
    assert client.flush(10) == 0


def row(key: str, **fields: object) -> tuple[str, bytes]:
    """As ksqlDB writes it: upper case, without a schema, with a field that is no column."""
    return key, json.dumps({"ID": key, **fields, "NO_COLUMN": {"a": [1]}}).encode()


def test_records_are_upserted_by_key_and_deleted_and_bad_ones_are_dead_letters(
    sink: Connector, settings: Settings, server: Postgres
) -> None:
    write(settings, *(row(f"r{number}", NAME="first", AMOUNT=number / 4) for number in range(50)))
    write(settings, *(row(f"r{number}", NAME="again", AMOUNT=number / 4) for number in range(10)))
    write(settings, ("r49", None), ("bad", b"{"))
    wait_until(
        lambda: server.ask("SELECT count(*), count(*) FILTER (WHERE name = 'again') FROM rows") == "49|10", "rows", 20
    )
    assert server.ask("SELECT amount FROM rows WHERE id = 'r7'") == "1.75"
    letters = sink.config["errors.deadletterqueue.topic.name"]
    wait_until(lambda: sum(Cluster(settings).ends(letters).values()) >= 1, "a dead letter", 10)


def test_what_the_database_refuses_fails_the_task_as_an_outage_does_and_nothing_is_lost_or_told(
    sink: Connector, settings: Settings, server: Postgres
) -> None:
    client = ConnectClient(settings.connect_url)

    def failed() -> bool:
        return bool(client.status(NAME).failed)

    server.ask("ALTER TABLE rows ADD CHECK (amount < 1000)")
    write(settings, row("dear", NAME="somebody-private", AMOUNT=5000.0))
    wait_until(failed, "the task has failed", 20)
    trace = client.status(NAME).tasks[0].trace
    assert "ConstraintViolationException" in trace
    assert "somebody-private" not in trace
    assert PASSWORD not in trace
    server.ask("ALTER TABLE rows DROP CONSTRAINT rows_amount_check")
    client.restart(NAME)
    wait_until(lambda: server.ask("SELECT amount FROM rows WHERE id = 'dear'") == "5000", "the row after all", 20)
    server.stop()
    write(settings, row("late", NAME="somebody", AMOUNT=1.0))
    wait_until(failed, "the task has failed", 20)
    server.start()
    client.restart(NAME)
    wait_until(lambda: server.ask("SELECT amount FROM rows WHERE id = 'late'") == "1", "the row after the outage", 20)
    letters = read(settings, sink.config["errors.deadletterqueue.topic.name"])
    assert {letter.key for letter in letters} == {b"bad"}


def test_the_password_is_nowhere_but_in_its_file(sink: Connector, settings: Settings, trial: Project) -> None:
    client = ConnectClient(settings.connect_url)
    assert PASSWORD not in str([client.config(NAME), client.task_configs(NAME), client.status(NAME), dict(sink.config)])
    texts = [path.read_text() for path in trial.root.rglob("*") if path.is_file()]
    assert not any(PASSWORD in text for text in texts)
