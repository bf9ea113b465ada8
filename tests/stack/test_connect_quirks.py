"""Quirks of Kafka Connect's REST API that `test_connect_client` does not show: asked of a real worker, plainly."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from streamguard.commands import run
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.secrecy.sensitive import is_sensitive
from streamguard.errors import ConnectorInvalid
from streamguard.project import Project
from streamguard.settings import Settings
from tests.stack.loops import wait_until
from tests.stack.records import OwnTopics, write

pytestmark = pytest.mark.usefixtures("connect")

SINK = "com.mongodb.kafka.connect.MongoSinkConnector"
ICEBERG = "org.apache.iceberg.connect.IcebergSinkConnector"
MOMENTARY = ("rebalance", "No status found", "no known leader", "conflicting operation")
REAL = "\x1b[31mFranz\x07"
"""What a record holds that is none of a terminal's business."""


@dataclass
class Trio:
    """A sink that runs, one that is stopped, and one whose task fails of a record."""

    url: str
    config: dict[str, str]
    prefix: str
    created: requests.Response

    @property
    def runs(self) -> str:
        return f"{self.prefix}runs"

    @property
    def stopped(self) -> str:
        return f"{self.prefix}stopped"

    @property
    def fails(self) -> str:
        return f"{self.prefix}fails"

    def ask(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """The answer once no rebalance is in the way. `/NAME…` is a connector's path."""
        found: list[requests.Response] = []

        def is_answered() -> bool:
            found[:] = [requests.request(method, self.url + path, json=body, timeout=30, **options)]
            return found[0].status_code < 400 or not any(words in found[0].text for words in MOMENTARY)

        wait_until(is_answered, f"{method} {path} is answered")
        return found[0]

    def of(self, name: str, rest: str = "") -> str:
        return f"/connectors/{name}{rest}"

    def states(self, name: str) -> list[str]:
        status = self.ask("GET", self.of(name, "/status")).json()
        return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


@pytest.fixture(scope="module")
def trio(settings: Settings) -> Iterator[Trio]:
    own = OwnTopics(settings, "quirks")
    config = {
        "connector.class": SINK,
        "topics": own.create("good", 1),
        "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
        "database": "quirks",
        "value.converter.schemas.enable": "false",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
    }
    bad = {
        **config,
        "topics": own.create("bad", 1),
        "transforms": "number",
        "transforms.number.type": "org.apache.kafka.connect.transforms.Cast$Value",
        "transforms.number.spec": "age:int32",
    }
    write(settings, bad["topics"], [b'{"age": "\\u001b[31mFranz\\u0007"}'])
    made = Trio(settings.connect_url, config, own.prefix, requests.Response())

    def create(name: str, given: dict[str, str], state: str) -> requests.Response:
        return made.ask("POST", "/connectors", {"name": name, "config": given, "initial_state": state})

    wanted = [(made.runs, config, "running"), (made.stopped, config, "sToPpEd"), (made.fails, bad, "Running")]
    with ThreadPoolExecutor(3) as pool:
        _, made.created, _ = pool.map(lambda one: create(*one), wanted)
    wait_until(lambda: made.states(made.runs) == ["RUNNING", "RUNNING"], "it runs")
    yield made
    for name, _, _ in wanted:
        made.ask("DELETE", made.of(name))
    own.remove()


# Endpoints


def test_a_worker_that_is_up_is_healthy_and_tells_the_commit_it_was_built_of(trio: Trio) -> None:
    assert trio.ask("GET", "/health").json()["status"] == "healthy"
    assert re.fullmatch(r"[0-9a-f]{8,}", trio.ask("GET", "/").json()["commit"])


def test_nobody_is_asked_who_he_is_by_default(trio: Trio) -> None:
    assert trio.ask("GET", trio.of(trio.runs, "/config")).json()["database"] == "quirks"
    assert trio.ask("GET", "/", auth=("nobody", "wrong")).status_code == 200


def test_requests_of_workers_to_each_other_need_a_signature(trio: Trio) -> None:
    """The two paths that the extension for basic authentication lets through without a password."""
    for method, rest, body in (("POST", "/tasks", []), ("PUT", "/fence", None)):
        answer = trio.ask(method, trio.of(trio.runs, rest), body)
        assert (answer.status_code, answer.json()["message"]) == (400, "Internal request missing required signature")


def test_an_initial_state_is_taken_in_upper_or_lower_case(trio: Trio) -> None:
    assert trio.created.status_code == 201
    assert trio.states(trio.stopped) == ["STOPPED"]


def test_a_status_has_versions_of_the_plugin_and_neither_a_time_nor_a_generation(trio: Trio) -> None:
    status = trio.ask("GET", trio.of(trio.runs, "/status")).json()
    (task,) = status["tasks"]
    assert status["connector"].keys() == {"state", "worker_id", "version"}
    assert task.keys() == {"id", "state", "worker_id", "version"}
    alone = trio.ask("GET", trio.of(trio.runs, "/tasks/0/status")).json()
    assert alone == task
    absent = requests.get(f"{trio.url}/connectors/{trio.runs}/tasks/9/status", timeout=30)
    assert (absent.status_code, absent.json()["message"].startswith("No status found for task")) == (404, True)


def test_a_put_answers_201_when_it_makes_and_200_when_it_replaces_all_of_a_config(trio: Trio) -> None:
    name = f"{trio.prefix}put"
    assert trio.ask("PUT", trio.of(name, "/config"), {**trio.config, "collection": "a"}).status_code == 201
    assert trio.ask("PUT", trio.of(name, "/config"), trio.config).status_code == 200
    wait_until(lambda: "collection" not in trio.ask("GET", trio.of(name, "/config")).json(), "the key is gone")
    assert trio.ask("DELETE", trio.of(name)).status_code == 204


def test_a_patch_at_either_worker_keeps_what_was_patched_at_the_other_before(
    trio: Trio, workers: tuple[str, str]
) -> None:
    """The leader merges them, whichever worker was asked."""
    patches = {f"extra.{number}": str(number) for number in range(4)}
    for number, (key, value) in enumerate(patches.items()):
        ConnectClient(workers[number % 2]).patch_config(trio.stopped, {key: value})

    def has_all() -> bool:
        config: dict[str, str] = trio.ask("GET", trio.of(trio.stopped, "/config")).json()
        return {**config, **patches} == config

    wait_until(has_all, "every patch is in the config")


def test_verbs_answer_202_or_204_and_a_bare_restart_is_of_the_connector_alone(trio: Trio) -> None:
    path = trio.of(trio.runs)
    assert trio.ask("PUT", f"{path}/pause").status_code == 202
    assert trio.ask("PUT", f"{path}/resume").status_code == 202
    wait_until(lambda: trio.states(trio.runs) == ["RUNNING", "RUNNING"], "it runs")
    bare = trio.ask("POST", f"{path}/restart")
    assert (bare.status_code, bare.content) == (204, b"")
    alone = trio.ask("POST", f"{path}/restart?includeTasks=false&onlyFailed=false")
    assert (alone.status_code, alone.content) == (204, b"")
    whole = trio.ask("POST", f"{path}/restart?includeTasks=true")
    assert (whole.status_code, [task["state"] for task in whole.json()["tasks"]]) == (202, ["RESTARTING"])
    wait_until(lambda: trio.states(trio.runs) == ["RUNNING", "RUNNING"], "it runs")
    assert trio.ask("POST", f"{path}/tasks/0/restart").status_code == 204
    assert trio.ask("PUT", trio.of(trio.stopped, "/stop")).status_code == 204


def test_topics_that_a_sink_has_read_are_noted_and_can_be_forgotten(trio: Trio) -> None:
    wait_until(lambda: "FAILED" in trio.states(trio.fails), "it has read its topic")
    path = trio.of(trio.runs, "/topics")
    assert trio.ask("GET", path).json() == {trio.runs: {"topics": []}}
    assert trio.ask("PUT", f"{path}/reset").status_code == 202


def test_a_logger_tells_when_it_was_changed(trio: Trio) -> None:
    name = "org.example.quirks"
    assert trio.ask("PUT", f"/admin/loggers/{name}?scope=cluster", {"level": "WARN"}).status_code == 204
    wait_until(lambda: trio.ask("GET", f"/admin/loggers/{name}").status_code == 200, "it is set")
    assert "last_modified" in trio.ask("GET", f"/admin/loggers/{name}").json()


# Quirks


@pytest.mark.parametrize("body", ["{", "[]", '"text"', ""], ids=["broken", "a list", "a text", "nothing"])
def test_quirk_5_a_malformed_body_is_500_and_not_400(trio: Trio, body: str) -> None:
    answer = requests.put(
        f"{trio.url}/connectors/{trio.prefix}none/config",
        data=body,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 500, answer.text


def test_quirk_10_a_class_that_a_reference_gives_is_told_resolved_and_our_client_does_not_repeat_it(
    trio: Trio, settings: Settings
) -> None:
    config = {**trio.config, "connector.class": "${env:STREAMGUARD_S3_SECRET_KEY}"}
    name = f"{trio.prefix}class"
    answer = trio.ask("PUT", trio.of(name, "/config"), config)
    assert (answer.status_code, settings.s3_secret_key in answer.json()["message"]) == (400, True)
    with pytest.raises(ConnectorInvalid) as refused:
        ConnectClient(trio.url).put_config(name, config)
    assert settings.s3_secret_key not in str(refused.value)


def test_quirk_12_the_error_of_a_write_may_not_say_which_key_is_wrong_and_a_validation_does(trio: Trio) -> None:
    config = {**trio.config, "consumer.override.group.id": "x"}
    config.pop("topics")
    told = trio.ask("PUT", trio.of(f"{trio.prefix}none", "/config"), config).json()["message"]
    assert "Must configure one of topics or topics.regex" in told
    assert "consumer.override.group.id" not in told
    fields = {error.field for error in ConnectClient(trio.url).validate(SINK, config).errors}
    assert "consumer.override.group.id" in fields


def test_quirk_13_apaches_worker_adds_the_name_and_neither_masks_nor_adds_internal_keys(trio: Trio) -> None:
    secret = {"connection.ssl.keystorePassword": "clear-text"}
    name = f"{trio.prefix}clear"
    assert trio.ask("PUT", trio.of(name, "/config"), {**trio.config, **secret}).status_code == 201
    assert trio.ask("GET", trio.of(name, "/config")).json() == {**trio.config, **secret, "name": name}
    trio.ask("DELETE", trio.of(name))


def test_quirk_16_a_trace_has_what_the_record_holds_control_characters_too_and_status_shows_none_of_those(
    trio: Trio, settings: Settings, project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    wait_until(lambda: trio.states(trio.fails)[1:] == ["FAILED"], "its task fails")
    (task,) = trio.ask("GET", trio.of(trio.fails, "/status")).json()["tasks"]
    assert REAL in task["trace"]
    for output in ("table", "json", "yaml"):
        words = ["connectors", "status", trio.fails, "--url", settings.connect_url, "-o", output]
        run(["--project", str(project.root), *words])
        shown = capsys.readouterr().out
        assert "Franz" in shown, output
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]|\\u001b|\\x1b|\\e", shown), output


# What types know, and do not


def test_a_plugins_types_do_not_know_the_secrets_that_it_passes_on_and_names_do(trio: Trio) -> None:
    client = ConnectClient(trio.url)
    passwords = {
        key.name for plugin in (SINK, ICEBERG) for key in client.plugin_config(plugin) if key.type == "PASSWORD"
    }
    assert "connection.uri" in passwords
    tag = "org.apache.kafka.connect.transforms.InsertField$Value"
    assert {key.name: key.type for key in client.plugin_config(tag)}["static.value"] == "STRING"
    for key in ("credential", "token", "s3.secret-access-key"):
        name = f"iceberg.catalog.{key}"
        assert name not in {known.name for known in client.plugin_config(ICEBERG)}
        assert is_sensitive(name)
    converter = {key.name for key in client.plugin_config("org.apache.kafka.connect.json.JsonConverter")}
    assert "basic.auth.user.info" not in converter
    assert is_sensitive("value.converter.basic.auth.user.info")


def test_a_login_module_can_not_be_put_into_a_config_where_the_worker_allows_some_overrides_only(trio: Trio) -> None:
    key = "consumer.override.sasl.jaas.config"
    config = {**trio.config, key: "com.sun.security.auth.module.JndiLoginModule required;"}
    (error,) = ConnectClient(trio.url).validate(SINK, config).errors
    assert error.field == key
    assert "does not allow 'sasl.jaas.config' to be overridden" in error.message


def test_the_retries_that_mongodbs_sink_had_once_are_no_keys_of_it_any_more(trio: Trio) -> None:
    known = {key.name for key in ConnectClient(trio.url).plugin_config(SINK)}
    assert {"max.batch.size", "mongo.errors.tolerance", "bulk.write.ordered"} <= known
    assert not {"max.num.retries", "retries.defer.timeout"} & known
