"""Deployments on real workers: states, plans that are empty afterwards, prunes, and the wait for progress."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from streamguard.connect.deploying.apply import Deployment, How, plan
from streamguard.connect.deploying.plan import has_changes
from streamguard.connect.deploying.results import Result, raise_for
from streamguard.connect.deploying.writing import apply
from streamguard.connect.offsets.progress import Offsets
from streamguard.connect.rest.answers import State
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.own import OWNER, Owner, Prune, stamped
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectorNotFound
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

pytestmark = pytest.mark.usefixtures("connect")

CONFIGS_TOPIC = "connect-configs"
SINK = {
    "connector.class": "com.mongodb.kafka.connect.MongoSinkConnector",
    "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
    "database": "deploy_test",
    "collection": "rows",
    "tasks.max": "2",
    "key.converter": "org.apache.kafka.connect.storage.StringConverter",
    "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    "value.converter.schemas.enable": "false",
    "transforms": "id",
    "transforms.id.type": "org.apache.kafka.connect.transforms.HoistField$Key",
    "transforms.id.field": "_id",
    "document.id.strategy": "com.mongodb.kafka.connect.sink.processor.id.strategy.ProvidedInKeyStrategy",
    "document.id.strategy.overwrite.existing": "true",
    "writemodel.strategy": "com.mongodb.kafka.connect.sink.writemodel.strategy.ReplaceOneDefaultStrategy",
    "errors.tolerance": "none",
}
SETTLED = How(settle=0.5)
RANDOM = 10
THEM = Owner("somebody", "else")


class Sinks:
    """Sinks of one topic, whose names begin with a prefix of their own; the fixture deletes them."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.settings = settings
        self.topic = topic
        self.prefix = f"deploy-{os.getpid()}-{os.urandom(2).hex()}"
        self.owner = Owner(self.prefix, "test")
        self.client = ConnectClient(settings.connect_url)

    def sink(self, name: str, state: State = "running", **config: str) -> Connector:
        changes = {key.replace("__", "."): value for key, value in config.items()}
        whole = {**SINK, "topics": self.topic, **changes}
        return stamped(Connector(f"{self.prefix}-{name}", whole, Path("t"), state, "test"), self.owner)

    def deploy(self, *wanted: Connector, how: How = SETTLED, prune: Prune | None = None) -> list[Result]:
        reading = Offsets(self.client, self.settings)
        topics = Cluster(self.settings).partitions()
        deployment = Deployment(self.client, wanted, topics=topics, how=how, prune=prune, reading=reading)
        results = deployment.run()
        raise_for(results)
        assert not has_changes(plan(self.client, wanted, prune=prune).changes)
        return results

    def prune(self, *kept: Connector, reset_offsets: bool = False) -> Prune:
        names = frozenset(connector.name for connector in kept)
        return Prune(self.owner.name, frozenset({"test"}), names, reset_offsets=reset_offsets)

    def remove(self) -> None:
        for name in self.client.all_connectors():
            if name.startswith(self.prefix):
                self.client.delete(name)


@pytest.fixture
def sinks(settings: Settings, own: OwnTopics) -> Iterator[Sinks]:
    made = Sinks(settings, own.create("in", 2))
    yield made
    made.remove()


def test_a_plan_is_empty_after_random_configs_and_states_were_applied(sinks: Sinks) -> None:
    chance = random.Random(5)

    def some() -> list[Connector]:
        values = ["", "1", "true", 'ü ${env:STREAMGUARD_S3_REGION} \\ "', "***", "a,b", "x" * 300]
        return [
            sinks.sink(
                str(number),
                chance.choice(("stopped", "stopped", "paused")),
                **{f"extra.{key}": chance.choice(values) for key in "abc" if chance.random() < 0.6},
            )
            for number in range(RANDOM)
        ]

    for _ in range(2):
        wanted = some()
        changes = plan(sinks.client, wanted).changes
        ended = apply(sinks.client, changes, jobs=8, stop=threading.Event())
        assert [error for _, error in ended if error] == []
        # Until every connector has been given to a worker, a plan would set its state.
        wait_until(lambda: not has_changes(plan(sinks.client, wanted).changes), "a plan is empty")  # noqa: B023


def test_what_is_created_at_rest_never_starts_a_task_and_its_offsets_go_with_a_prune(sinks: Sinks) -> None:
    write(sinks.settings, sinks.topic, [b'{"a": %d}' % number for number in range(50)])
    states: dict[str, State] = {"a": "stopped", "b": "paused"}
    at_rest = [sinks.sink(name, state) for name, state in states.items()]
    foreign = stamped(Connector(f"{sinks.prefix}-foreign", {**SINK, "topics": sinks.topic}, Path("t"), "stopped"), THEM)
    names = [sink.name for sink in at_rest]
    assert {result.state for result in sinks.deploy(*at_rest, foreign)} == {"STOPPED", "PAUSED"}
    assert sinks.client.task_configs(names[0]) == []
    assert [sinks.client.offsets(name) for name in names] == [[], []]
    results = sinks.deploy(*(sinks.sink(name) for name in states), how=How(wait_for="progress"))
    assert [str(write) for result in results for write in result.written] == ["PUT resume", "PUT resume"]
    assert [sum(at.offset or 0 for at in sinks.client.offsets(name)) for name in names] == [50, 50]
    results = sinks.deploy(sinks.sink("b"), prune=sinks.prune(sinks.sink("b"), reset_offsets=True))
    assert {result.name: result.outcome for result in results} == {names[0]: "done", names[1]: "unchanged"}
    assert [str(write) for write in results[0].written] == ["PUT stop", "DELETE offsets", "DELETE"]
    with pytest.raises(ConnectorNotFound):
        sinks.client.config(names[0])
    assert sinks.client.config(foreign.name)[OWNER] == str(THEM)
    sinks.deploy(sinks.sink("a", "stopped"))
    assert sinks.client.offsets(names[0]) == []


def test_quirk_7_an_identical_put_is_a_write_and_a_deployment_of_the_same_is_none(sinks: Sinks) -> None:
    sink = sinks.sink("same", "stopped")
    sinks.deploy(sink)
    assert sinks.client.config(sink.name) == {**sink.config, "name": sink.name}  # quirk 13: nobody wrote a name
    cluster = Cluster(sinks.settings)
    before = cluster.ends(CONFIGS_TOPIC)
    assert [result.action for result in sinks.deploy(sink)] == ["unchanged"]
    assert cluster.ends(CONFIGS_TOPIC) == before
    sinks.client.put_config(sink.name, sink.config)
    assert cluster.ends(CONFIGS_TOPIC) != before


def test_quirk_14_a_paused_sink_gets_its_new_config_and_fewer_tasks_and_stays_paused(sinks: Sinks) -> None:
    sinks.deploy(sinks.sink("idle"))
    sinks.deploy(sinks.sink("idle", "paused", tasks__max="1", max__batch__size="7"))
    name = f"{sinks.prefix}-idle"
    first, *dropped = [task.state for task in sinks.client.status(name).tasks]
    assert first == "PAUSED"
    assert set(dropped) <= {"PAUSED", "FAILED"}, "what is dropped stays listed, and may have failed without its config"
    (result,) = sinks.deploy(sinks.sink("idle", tasks__max="1", max__batch__size="7"))
    assert ([str(write) for write in result.written], result.tasks) == (["PUT resume"], 1)
    assert [task["max.batch.size"] for task in sinks.client.task_configs(name)] == ["7"]
