"""`streamguard connectors` on the real worker, with the shipped pieces of templates and topics of its own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest
import requests

from streamguard.catalog import open_catalog
from streamguard.commands import run
from streamguard.connect.deploying.apply import deploy, raise_for
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.choose import render_pipeline
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectorFailed, ConnectorNotFound, Refused, StreamguardError
from streamguard.kafka.clients import producer
from streamguard.kafka.cluster import Cluster
from streamguard.project import Project
from streamguard.settings import Settings, inherited_environment
from streamguard.stack.lake import seed_lake

pytestmark = pytest.mark.usefixtures("connect")

PIPELINE = """
topics:
  trial: {partitions: 4}
  trial-s3-sink-control: {partitions: 1}
generator: {world: bank, topic: trial}
mongodb: {database: trial_db}
lake: {namespace: trial, tables: {rows: {id: string, amount: double, note: string, _partition: int, _offset: long}}}
"""
TEMPLATES = {
    "trial-mongodb-sink": '{"topics": "trial", "collection": "rows", "tasks.max": "{{ mongodb_tasks }}", '
    '"delete.on.null.values": "true", {% include "shared/mongodb-sink.j2" %}}',
    "trial-s3-sink": '{% set table = "rows" %}{"topics": "trial", {% include "shared/iceberg-sink.j2" %}}',
}
CONFIGS_TOPIC = "connect-configs"


class Counting(requests.Session):
    """Keeps the requests that change something."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        if method != "GET":
            self.writes.append(f"{method} {url}")
        return super().request(method, url, *args, **kwargs)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, project: Project, settings: Settings) -> Iterator[Project]:
    """A project with two sinks of one topic, their topics and their table."""
    root = tmp_path_factory.mktemp("project")
    for name in ("connectors/trial", "ksql", "init"):
        (root / name).mkdir(parents=True)
    for name in ("shared", "values"):
        shutil.copytree(project.connectors / name, root / "connectors" / name)
    (root / "init" / "trial.yml").write_text(PIPELINE)
    for name, text in TEMPLATES.items():
        (root / "connectors" / "trial" / f"{name}.json.j2").write_text(text)
    made = Project(root)
    pipeline = made.pipeline("trial")
    cluster = Cluster(settings)
    cluster.create({topic.name: (topic.partitions, 1) for topic in pipeline.topics})
    assert pipeline.lake is not None
    seed_lake(settings, pipeline.lake)
    yield made
    client = ConnectClient(settings.connect_url)
    for name in client.connectors():
        if name.startswith("trial"):
            client.delete(name)


@pytest.fixture(scope="module")
def connectors(trial: Project, settings: Settings) -> list[Connector]:
    return render_pipeline(trial, settings, trial.pipeline("trial"))


@pytest.fixture(scope="module")
def topics(trial: Project, settings: Settings) -> dict[str, int]:
    assert trial
    return Cluster(settings).partitions()


@pytest.fixture(scope="module")
def deployed(connectors: list[Connector], topics: dict[str, int], settings: Settings) -> ConnectClient:
    """A client of the worker on which both run."""
    client = ConnectClient(settings.connect_url)
    results = deploy(client, connectors, topics=topics)
    raise_for(results)
    assert [(result.action, result.state) for result in results] == [("create", "RUNNING")] * 2
    return client


def altered(connector: Connector, name: str, **config: str) -> Connector:
    changed = {key.replace("__", "."): value for key, value in config.items()}
    return Connector(name, {**connector.config, **changed}, Path(f"{name}.json.j2"))


def failure(client: ConnectClient, connector: Connector, topics: dict[str, int]) -> StreamguardError:
    (result,) = deploy(client, [connector], topics=topics)
    assert result.error is not None
    return result.error


def eventually(look: Callable[[], Any], wanted: Any, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    seen = look()
    while seen != wanted and time.monotonic() < end:
        time.sleep(0.2)
        seen = look()
    assert seen == wanted


def write(settings: Settings, records: list[tuple[str | None, bytes | None]]) -> None:
    client = producer(settings)
    for key, value in records:
        client.produce("trial", value, key)
    assert client.flush(10) == 0


def record(number: int, note: str) -> tuple[str, bytes]:
    value = {"ID": f"id-{number}", "AMOUNT": number / 4, "NOTE": note, "NO_SUCH_COLUMN": {"a": [1]}}
    return f"id-{number}", json.dumps(value).encode()


def rows(settings: Settings) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = open_catalog(settings).load_table(("trial", "rows")).scan().to_arrow().to_pylist()
    return found


def test_a_second_deploy_writes_nothing(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int], settings: Settings
) -> None:
    assert deployed.worker().number >= (4, 2)
    cluster = Cluster(settings)
    before = cluster.ends(CONFIGS_TOPIC)
    session = Counting()
    results = deploy(ConnectClient(settings.connect_url, session=session), connectors, topics=topics)
    assert [(result.action, result.error) for result in results] == [("unchanged", None)] * 2
    assert session.writes == []
    assert cluster.ends(CONFIGS_TOPIC) == before


def test_records_arrive_in_mongodb_and_iceberg_by_id_and_bad_ones_in_the_dead_letter_topics(
    deployed: ConnectClient, settings: Settings
) -> None:
    bad: list[tuple[str | None, bytes | None]] = [
        ("bad-json", b"{"),
        ("bad-scalar", b'"text"'),
        ("bad-amount", b'{"ID": "bad-amount", "AMOUNT": "much"}'),
    ]
    write(settings, [record(number, "first") for number in range(200)])
    write(settings, bad)
    write(settings, [record(number, "again") for number in range(200)])
    with pymongo.MongoClient[dict[str, Any]](settings.mongodb_uri) as client:
        collection = client["trial_db"]["rows"]
        eventually(lambda: collection.count_documents({"NOTE": "again"}), 200)
        assert {document["_id"] for document in collection.find()} == {f"id-{n}" for n in range(200)} | {"bad-amount"}
    eventually(lambda: len(rows(settings)), 400, 40.0)
    found = rows(settings)
    assert len({(row["_partition"], row["_offset"]) for row in found}) == 400
    assert {(row["id"], row["amount"]) for row in found} == {(f"id-{n}", n / 4) for n in range(200)}
    assert [row["note"] for row in found].count("again") == 200
    assert sum(Cluster(settings).ends("trial-mongodb-sink-dead-letter").values()) == 2
    assert sum(Cluster(settings).ends("trial-s3-sink-dead-letter").values()) == 3
    for name in TEMPLATES:
        assert deployed.status(name).is_running


def test_a_wrong_class_is_refused_with_the_one_that_was_meant(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int]
) -> None:
    wrong = altered(connectors[0], "trial-wrong", connector__class="com.mongodb.kafka.connect.MongoSinkConector")
    error = failure(deployed, wrong, topics)
    assert isinstance(error, Refused)
    assert "did you mean com.mongodb.kafka.connect.MongoSinkConnector?" in str(error)
    assert "trial-wrong" not in deployed.connectors()


def test_misspelt_keys_are_told_with_the_ones_that_were_meant(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int]
) -> None:
    typos = {"errors__tolerence": "all", "transforms__id__feild": "_id", "consumer__override__sesion.timeout.ms": "1"}
    told = str(failure(deployed, altered(connectors[0], "trial-typos", **typos), topics))
    assert "errors.tolerence: the plugin knows no such key (did you mean errors.tolerance?)" in told
    assert "transforms.id.feild: transforms.id knows no such key (did you mean transforms.id.field?)" in told
    assert "consumer.override.sesion.timeout.ms" in told


def test_a_sink_whose_topic_does_not_exist_is_refused(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int]
) -> None:
    error = failure(deployed, altered(connectors[0], "trial-topic", topics="trail"), topics)
    assert "there is no topic trail (did you mean trial?)" in str(error)
    assert "trial-topic" not in deployed.connectors()


def test_a_task_that_fails_is_named_with_its_first_cause(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int]
) -> None:
    broken = altered(connectors[0], "trial-broken", consumer__override__session__timeout__ms="4000000")
    error = failure(deployed, broken, topics)
    assert isinstance(error, ConnectorFailed)
    assert str(error).startswith("trial-broken, task 0 (and 1 more) is FAILED: InvalidSessionTimeoutException: ")
    mended = altered(connectors[0], "trial-broken")
    (result,) = deploy(deployed, [mended], topics=topics)
    assert (result.action, result.state, result.error) == ("update", "RUNNING", None)
    deployed.delete("trial-broken")
    with pytest.raises(ConnectorNotFound):
        deployed.config("trial-broken")  # the status stays for a moment


def test_no_secret_is_in_any_answer_or_output(
    *,
    deployed: ConnectClient,
    connectors: list[Connector],
    topics: dict[str, int],
    trial: Project,
    settings: Settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    sentinels = [settings.s3_secret_key, settings.s3_access_key]
    assert all(sentinels)
    seen = [requests.get(f"{settings.connect_url}/connectors?expand=info&expand=status", timeout=10).text]
    parts = [f"{name}{part}" for name in TEMPLATES for part in ("", "/config", "/tasks", "/status")]
    seen += [requests.get(f"{settings.connect_url}/connectors/{part}", timeout=10).text for part in parts]
    for key in ("tasks__max", "iceberg__tables", "iceberg__control__commit__interval-ms", "topics"):
        leaking = altered(connectors[1], "trial-leak", **{key: "${env:STREAMGUARD_S3_SECRET_KEY}"})
        results = deploy(deployed, [leaking], topics={**topics, "${env:STREAMGUARD_S3_SECRET_KEY}": 1}, timeout=8.0)
        seen.append(repr([(result, str(result.error)) for result in results]))
    for command in ("status", "list", "plan", "render", "validate"):
        options = [] if command == "render" else ["--url", settings.connect_url]
        run(["--project", str(trial.root), "connectors", command, "-o", "json", *options])
    captured = capsys.readouterr()
    for text in [*seen, captured.out, captured.err]:
        assert not any(sentinel in text for sentinel in sentinels)
    if "trial-leak" in deployed.connectors():
        deployed.delete("trial-leak")


def test_a_connector_can_be_paused_resumed_and_restarted(deployed: ConnectClient) -> None:
    deployed.pause("trial-mongodb-sink")
    eventually(lambda: {task.state for task in deployed.status("trial-mongodb-sink").tasks}, {"PAUSED"})
    deployed.resume("trial-mongodb-sink")
    eventually(lambda: deployed.status("trial-mongodb-sink").is_running, True)
    assert deployed.restart("trial-mongodb-sink").parts == ("connector", "task 0", "task 1")
    eventually(lambda: deployed.status("trial-mongodb-sink").is_running, True)


def test_heal_restarts_a_failed_task_and_ends_with_0_within_5_seconds_of_sigterm(
    deployed: ConnectClient, connectors: list[Connector], topics: dict[str, int], trial: Project, settings: Settings
) -> None:
    broken = altered(connectors[0], "trial-heal", consumer__override__session__timeout__ms="4000000", tasks__max="1")
    failure(deployed, broken, topics)
    healer = subprocess.Popen(
        [sys.executable, "-m", "streamguard", "--project", str(trial.root), "connectors", "heal", "trial-heal"],
        env={**inherited_environment(), **settings.environment(), "STREAMGUARD_LOG_FORMAT": "json"},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert healer.stderr is not None
    told = [json.loads(healer.stderr.readline()) for _ in range(2)]
    healer.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert healer.wait(5) == 0
    assert time.monotonic() - began < 5
    healer.stderr.close()
    assert [entry["event"] for entry in told] == ["watching", "restarting"]
    assert told[1]["part"] == "trial-heal, task 0"
    assert told[1]["cause"].startswith("InvalidSessionTimeoutException")
    deployed.delete("trial-heal")
