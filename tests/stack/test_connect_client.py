"""What Kafka Connect's REST API does, and what the client makes of it, on two real workers of one cluster.

Some facts can not be shown through the client, since it does not do such things: those tests ask with plain requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from streamguard.connect.rest.answers import Offset
from streamguard.connect.rest.client import ConnectClient
from streamguard.errors import ConnectError, ConnectorExists, ConnectorInvalid, ConnectorNotFound
from streamguard.kafka.cluster import Cluster
from streamguard.settings import Settings
from tests.stack.loops import wait_until

SINK = "com.mongodb.kafka.connect.MongoSinkConnector"
TOPIC = "client-records"
CONFIG = {
    "connector.class": SINK,
    "tasks.max": "1",
    "topics": TOPIC,
    "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
    "database": "client_db",
}
STOPPED, MOVING, PAUSED, ODD = "client-stopped", "client-moving", "client-paused", "client ?#+ü"
CONFIGS_TOPIC = "connect-configs"

Workers = tuple[str, str]


@pytest.fixture(scope="module")
def topic(settings: Settings) -> Iterator[str]:
    cluster = Cluster(settings)
    cluster.create({TOPIC: (2, 1)})
    yield TOPIC
    cluster.delete([TOPIC])


@pytest.fixture(scope="module")
def client(workers: Workers, topic: str) -> Iterator[ConnectClient]:
    """Asks the second worker first: about half of its writes are forwarded to the leader."""
    made = ConnectClient([workers[1], workers[0]])
    assert topic in CONFIG["topics"]
    yield made
    at_once(made.delete, [(name,) for name in made.all_connectors() if name.startswith("client")])


@pytest.fixture(scope="module")
def stopped(client: ConnectClient) -> str:
    """One that is stopped; one that runs and one that is paused are made together with it, in one rebalance."""
    at_once(client.create, [(STOPPED, CONFIG, "stopped"), (MOVING, CONFIG), (PAUSED, CONFIG, "paused")])
    return STOPPED


def shows(client: ConnectClient, name: str, **config: str | None) -> bool:
    """Does the worker show the config? One that forwarded a change does so a moment later; `_` for dots, None: gone."""
    present = client.config(name)
    return all(present.get(key.replace("_", ".")) == value for key, value in config.items())


def state_of(client: ConnectClient, name: str) -> str:
    """Its state once it is assigned: every rebalance takes connectors away for a moment."""
    seen: list[str] = []

    def is_assigned() -> bool:
        seen.append(client.status(name).state)
        return seen[-1] != "UNASSIGNED"

    wait_until(is_assigned, f"{name} is assigned")
    return seen[-1]


def at_once(call: Callable[..., object], arguments: Sequence[tuple[Any, ...]]) -> None:
    """Several calls of one client, each in a thread of its own."""
    with ThreadPoolExecutor(max(len(arguments), 1)) as pool:
        list(pool.map(lambda given: call(*given), arguments))


def ask(workers: Workers, method: str, path: str, **options: Any) -> requests.Response:
    """Without the client; a rebalance is waited for all the same."""
    found: list[requests.Response] = []

    def is_answered() -> bool:
        found[:] = [requests.request(method, workers[0] + path, timeout=30, **options)]
        return found[0].status_code not in (409, 500) or "rebalance" not in found[0].text

    wait_until(is_answered, f"{method} {path} is answered")
    return found[0]


def put_raw(workers: Workers, body: Any, name: str = "client-raw") -> requests.Response:
    return ask(workers, "PUT", f"/connectors/{name}/config", json=body)


# What is asked of a cluster


def test_a_worker_tells_its_version_and_the_kafka_it_belongs_to(client: ConnectClient, settings: Settings) -> None:
    worker = client.worker()
    assert worker.number >= (4, 3)
    assert worker.cluster_id == Cluster(settings).cluster_id()


def test_plugins_are_connectors_or_everything_that_a_config_may_name(client: ConnectClient) -> None:
    assert {plugin.type for plugin in client.plugins()} <= {"sink", "source"}
    assert {"transformation", "predicate", "converter"} <= {plugin.type for plugin in client.plugins(False)}


def test_a_plugin_defines_its_keys_without_a_config_and_by_version(client: ConnectClient) -> None:
    (version,) = {plugin.version for plugin in client.plugins() if plugin.class_name == SINK}
    keys = {key.name: key for key in client.plugin_config(SINK, version)}
    assert (keys["connection.uri"].type, keys["connection.uri"].default) == ("PASSWORD", "[hidden]")
    assert keys["max.batch.size"].documentation
    with pytest.raises(ConnectorNotFound, match="Unknown plugin"):
        client.plugin_config("NoSuchSink")


def test_an_expansion_that_nobody_knows_is_silently_nothing(workers: Workers, stopped: str) -> None:
    assert ask(workers, "GET", "/connectors?expand=nonsense").json()[stopped] == {}


def test_a_path_that_this_version_does_not_have_is_no_missing_connector(workers: Workers, stopped: str) -> None:
    """`tasks-config` went with 4.0."""
    answer = ask(workers, "GET", f"/connectors/{stopped}/tasks-config")
    assert (answer.status_code, answer.json()["message"]) == (404, "HTTP 404 Not Found")


def test_a_worker_that_is_gone_is_left_for_the_other(workers: Workers) -> None:
    gone = "http://127.0.0.1:1"
    client = ConnectClient([gone, workers[1]])
    assert client.worker().number >= (4, 3)
    assert client.shown_url == workers[1]


# Absence: every endpoint has words of its own for it


def test_what_is_absent_is_told_so_by_every_endpoint_whatever_its_words(client: ConnectClient) -> None:
    calls: list[Any] = [client.config, client.status, client.task_configs, client.pause, client.resume, client.stop]
    for call in [*calls, client.restart, client.delete, client.offsets, client.delete_offsets]:
        with pytest.raises(ConnectorNotFound, match="client-absent"):
            call("client-absent")
    with pytest.raises(ConnectorNotFound):
        client.patch_config("client-absent", {"a": "b"})
    with pytest.raises(ConnectorNotFound):
        client.restart_task("client-absent", 0)


def test_the_topics_of_what_is_absent_are_none_and_no_error(client: ConnectClient) -> None:
    assert client.active_topics("client-absent") == []


# Creation


def test_created_as_stopped_it_never_starts_a_task(client: ConnectClient, stopped: str) -> None:
    status = client.status(stopped)
    assert (status.state, status.tasks, client.task_configs(stopped)) == ("STOPPED", (), [])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**CONFIG, "nested": {"a": 1}}, 500),
        ({**CONFIG, "list": ["a"]}, 500),
        ({**CONFIG, "nothing": None}, 400),
        (None, 500),
        ({**CONFIG, "name": "another"}, 400),
    ],
    ids=["nested value", "list", "null", "empty body", "another name"],
)
def test_a_malformed_config_is_500_more_often_than_400_and_final(workers: Workers, body: Any, status: int) -> None:
    assert put_raw(workers, body).status_code == status
    assert ask(workers, "GET", "/connectors/client-raw").status_code == 404


def test_an_initial_state_that_does_not_exist_is_500(workers: Workers) -> None:
    body = {"name": "client-raw", "config": CONFIG, "initial_state": "BOGUS"}
    assert ask(workers, "POST", "/connectors", json=body).status_code == 500


def test_what_is_just_created_is_listed_with_its_name_though_the_worker_leaves_it_out(client: ConnectClient) -> None:
    name = "client-new"
    client.create(name, CONFIG, "stopped")
    print("in the expanded list right after its creation:", name in client.connectors())
    assert client.all_connectors()[name].config == {**CONFIG, "name": name}
    assert state_of(client, name) == "STOPPED"
    client.delete(name)
    wait_until(lambda: name not in client.all_connectors(), "it is gone")


def test_a_name_that_is_taken_is_409_like_a_rebalance_and_told_apart(client: ConnectClient, stopped: str) -> None:
    with pytest.raises(ConnectorExists, match=f"Connector {stopped} already exists"):
        client.create(stopped, CONFIG)


def test_the_initial_state_in_a_put_is_silently_stored_as_a_key(
    workers: Workers, client: ConnectClient, stopped: str
) -> None:
    assert put_raw(workers, {**CONFIG, "initial_state": "PAUSED"}, stopped).status_code == 200
    wait_until(lambda: client.config(stopped).get("initial_state") == "PAUSED", "the other worker has read it")
    assert state_of(client, stopped) == "STOPPED"
    client.patch_config(stopped, {"initial_state": None})


def test_a_name_with_blanks_signs_and_umlauts_is_made_read_and_deleted(client: ConnectClient) -> None:
    client.create(ODD, CONFIG, "stopped")
    assert client.status(ODD).name == ODD
    assert ODD in client.all_connectors()
    client.delete(ODD)
    wait_until(lambda: ODD not in client.all_connectors(), "it is gone")


@pytest.mark.parametrize("name", ["client/x", "client%x", "client\\x", "client;x", "client{x", "client}x"])
def test_a_name_that_rest_can_not_reach_is_never_sent(client: ConnectClient, name: str) -> None:
    with pytest.raises(ConnectError, match="can not reach a connector named"):
        client.create(name, CONFIG, "stopped")
    assert name not in client.all_connectors()


# Validation


def test_typos_are_no_errors_and_are_not_even_listed(client: ConnectClient) -> None:
    typos = {"topcis": "a", "errors.tolerence": "all", "value.converter.schema.enable": "x"}
    found = client.validate(SINK, {**CONFIG, **typos})
    assert found.errors == ()
    assert not typos.keys() & (found.known | found.undefined)


def test_an_override_that_policy_forbids_has_an_error_and_no_definition(client: ConnectClient) -> None:
    found = client.validate(SINK, {**CONFIG, "consumer.override.foo.bar": "1"})
    assert found.undefined == {"consumer.override.foo.bar"}
    assert [error.field for error in found.errors] == ["consumer.override.foo.bar"]


def test_a_validation_needs_a_name_which_the_client_adds(workers: Workers, client: ConnectClient) -> None:
    raw = ask(workers, "PUT", f"/connector-plugins/{SINK}/config/validate", json=CONFIG).json()
    assert raw["error_count"] == 1
    assert client.validate(SINK, CONFIG).errors == ()


def test_a_class_that_is_not_installed_is_500_and_told_without_the_list_of_those_that_are(
    client: ConnectClient,
) -> None:
    with pytest.raises(ConnectorInvalid, match=r"name matches NoSuchSink$"):
        client.validate("NoSuchSink", {**CONFIG, "connector.class": "NoSuchSink"})


# Configs


def test_numbers_and_truths_are_stored_as_text(client: ConnectClient, stopped: str) -> None:
    client.put_config(stopped, {**CONFIG, "max.batch.size": 7, "delete.on.null.values": False})  # type: ignore[dict-item]
    wait_until(lambda: shows(client, stopped, max_batch_size="7", delete_on_null_values="false"), "it is changed")


def test_a_patch_changes_some_keys_removes_others_and_leaves_the_rest(client: ConnectClient, stopped: str) -> None:
    client.put_config(stopped, CONFIG)
    client.patch_config(stopped, {"max.batch.size": "7", "tasks.max": "2"})
    client.patch_config(stopped, {"max.batch.size": None})
    wait_until(lambda: client.config(stopped) == {**CONFIG, "tasks.max": "2", "name": stopped}, "it is changed")


def test_an_identical_put_is_a_write_all_the_same(client: ConnectClient, stopped: str, settings: Settings) -> None:
    cluster, config = Cluster(settings), client.config(stopped)
    before = cluster.ends(CONFIGS_TOPIC)
    client.put_config(stopped, config)
    assert sum(cluster.ends(CONFIGS_TOPIC).values()) > sum(before.values())


@pytest.mark.usefixtures("stopped")
def test_references_stay_references_in_every_config(client: ConnectClient) -> None:
    wait_until(lambda: client.status(MOVING).is_running, f"{MOVING} runs")
    for config in (client.config(MOVING), *client.task_configs(MOVING), client.connectors()[MOVING].config):
        assert config["connection.uri"] == CONFIG["connection.uri"]


# States and offsets


def test_stopping_takes_the_tasks_away_and_offsets_can_be_moved_then_only(client: ConnectClient, topic: str) -> None:
    assert client.status(MOVING).is_running, "by the test before"
    with pytest.raises(ConnectError, match="400 Connectors must be in the STOPPED state"):
        client.alter_offsets(MOVING, [Offset(topic, 0, 3)])
    with pytest.raises(ConnectError, match="400 Connectors must be in the STOPPED state"):
        client.delete_offsets(MOVING)
    client.stop(MOVING)
    wait_until(lambda: (client.status(MOVING).state, client.status(MOVING).tasks) == ("STOPPED", ()), "it is stopped")
    client.alter_offsets(MOVING, [Offset(topic, 0, 3), Offset(topic, 1, 4)])
    assert client.offsets(MOVING) == [Offset(topic, 0, 3), Offset(topic, 1, 4)]
    client.alter_offsets(MOVING, [Offset(topic, 1, None)])
    assert client.offsets(MOVING) == [Offset(topic, 0, 3)]


def test_deleted_and_made_again_it_goes_on_at_its_old_offsets(client: ConnectClient, topic: str) -> None:
    client.delete(MOVING)
    client.create(MOVING, CONFIG, "stopped")
    assert state_of(client, MOVING) == "STOPPED"
    assert client.offsets(MOVING) == [Offset(topic, 0, 3)]
    client.delete_offsets(MOVING)
    assert client.offsets(MOVING) == []


def test_offsets_of_a_topic_that_does_not_exist_are_500_and_final(client: ConnectClient, stopped: str) -> None:
    with pytest.raises(ConnectError, match="500 Failed to alter consumer group offsets"):
        client.alter_offsets(stopped, [Offset("client-no-such-topic", 0, 1)])


def test_a_restart_of_what_is_stopped_claims_to_restart_it_and_starts_nothing(
    workers: Workers, client: ConnectClient, stopped: str
) -> None:
    assert client.restart(stopped).parts == ("connector",)
    assert client.status(stopped).tasks == ()
    assert ask(workers, "POST", f"/connectors/{stopped}/restart").status_code == 204
    with pytest.raises(ConnectorNotFound, match=f"Unknown task: {stopped}-0"):
        client.restart_task(stopped, 0)


@pytest.mark.usefixtures("stopped")
def test_the_config_of_what_is_paused_can_be_changed_and_it_stays_paused(client: ConnectClient) -> None:
    wait_until(lambda: client.status(PAUSED).state == "PAUSED", "it is paused")
    client.patch_config(PAUSED, {"max.batch.size": "9"})
    wait_until(lambda: client.config(PAUSED).get("max.batch.size") == "9", "it is changed")
    assert state_of(client, PAUSED) == "PAUSED"


def test_what_is_created_as_paused_has_no_tasks_until_it_runs_for_the_first_time(client: ConnectClient) -> None:
    assert client.status(PAUSED).tasks == ()
    assert client.task_configs(PAUSED) == []


# Loggers


def test_a_logger_is_set_on_every_worker_or_on_the_one_that_is_asked(workers: Workers, client: ConnectClient) -> None:
    name = "org.example.client"
    client.set_logger(name, "debug", "cluster")
    alone = [ConnectClient(url) for url in workers]
    for one in alone:
        wait_until(lambda one=one: level(one, name) == "DEBUG", "every worker has it")  # type: ignore[misc]
    alone[0].set_logger(name, "WARN")
    assert [level(one, name) for one in alone] == ["WARN", "DEBUG"]


def level(client: ConnectClient, name: str) -> str | None:
    return next((logger.level for logger in client.loggers() if logger.name == name), None)


def test_a_scope_that_nobody_knows_is_silently_the_worker_and_a_bad_level_is_404(
    workers: Workers, client: ConnectClient
) -> None:
    body = {"level": "WARN"}
    assert ask(workers, "PUT", "/admin/loggers/org.example.raw?scope=everywhere", json=body).status_code == 200
    assert ask(workers, "PUT", "/admin/loggers/org.example.raw", json={"level": "LOUD"}).status_code == 404
    with pytest.raises(ConnectError, match="LOUD is no level of a logger"):
        client.set_logger("org.example.raw", "LOUD")
    with pytest.raises(ConnectError, match="everywhere is no scope"):
        client.set_logger("org.example.raw", "WARN", "everywhere")  # type: ignore[arg-type]
