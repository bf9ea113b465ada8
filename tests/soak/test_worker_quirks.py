"""What Kafka Connect does that a client must know, on two workers of our own: it takes a killed leader, connectors that
can never be deleted, or a log that tells more. Asked without our client, unless it says so."""

from __future__ import annotations

import json
import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests

from streamguard.connect.lint.run import lint
from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.errors import ConnectError
from streamguard.settings import Settings
from streamguard.stack.stack import Stack
from tests.stack.gate import Gate
from tests.stack.loops import wait_until
from tests.stack.own_cluster import LOGGERS, OwnCluster, OwnWorker, own_cluster
from tests.stack.records import OwnTopics, write

SINK = "com.mongodb.kafka.connect.MongoSinkConnector"
ALL = "org.apache.kafka"
EVERY_KIND = 30
"""So many connectors are made at once to see what a rebalance answers."""
COSTS = 100

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnCluster]:
    """Its workers let a config override what it likes, and do not note which topics a sink reads."""
    folder = tmp_path_factory.mktemp("quirks")
    name = f"quirks-{random.randrange(10**6)}"
    with own_cluster(
        stack, folder, name, connector_client_config_override_policy="All", topic_tracking_enable="false"
    ) as running:
        yield running


@pytest.fixture
def sink(own: OwnTopics) -> dict[str, str]:
    """A config that is right."""
    return {
        "connector.class": SINK,
        "tasks.max": "1",
        "topics": own.create("source", 1),
        "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
        "database": "quirks",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
    }


def ask(worker: OwnWorker, method: str, path: str, body: Any = None) -> requests.Response:
    """The first answer, whatever it is; of a worker that is not there none."""
    return requests.request(method, worker.worker.url + path, json=body, timeout=60)


def settled(worker: OwnWorker, method: str, path: str, body: Any = None) -> requests.Response:
    """The answer once no rebalance is in the way."""
    found: list[requests.Response] = []

    def is_answered() -> bool:
        found[:] = [ask(worker, method, path, body)]
        momentary = ("rebalance", "No status found", "no known leader", "conflicting operation")
        return found[0].status_code < 400 or not any(words in found[0].text for words in momentary)

    wait_until(is_answered, f"{method} {path} is answered", 60)
    return found[0]


def follower(cluster: OwnCluster) -> OwnWorker:
    leader = cluster.leader()
    return next(worker for worker in cluster.workers if worker is not leader)


def make(worker: OwnWorker, name: str, config: dict[str, str], state: str = "RUNNING") -> None:
    """Made, and given to a worker."""
    made = settled(worker, "POST", "/connectors", {"name": name, "config": config, "initial_state": state})
    assert made.status_code == 201, made.text
    wait_until(lambda: state_of(worker, name) == [state] * (1 if state == "STOPPED" else 2), f"{name} is {state}", 60)


def state_of(worker: OwnWorker, name: str) -> list[str]:
    answer = ask(worker, "GET", f"/connectors/{name}/status")
    status: dict[str, Any] = {"connector": {"state": ""}, "tasks": []}
    if answer.status_code == 200:
        status = answer.json()
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


def drop(worker: OwnWorker, *names: str) -> None:
    for name in names:
        settled(worker, "DELETE", f"/connectors/{name}")


def logged(cluster: OwnCluster) -> str:
    return "".join(worker.log for worker in cluster.workers)


def polled(asks: Callable[[], None], until: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        asks()
        time.sleep(0.02)


# Names


@pytest.mark.parametrize("character", ["/", "%", "\\"])
def test_quirk_6_a_name_with_a_slash_percent_or_backslash_is_made_and_can_never_be_read_or_deleted(
    cluster: OwnCluster, sink: dict[str, str], character: str
) -> None:
    name = f"odd{character}{random.randrange(10**6)}"
    body = {"name": name, "config": sink, "initial_state": "STOPPED"}
    assert settled(cluster.workers[0], "POST", "/connectors", body).status_code == 201
    path = "/connectors/" + quote(name, safe="")
    for method, rest, given in (("GET", "/config", None), ("PUT", "/config", sink), ("DELETE", "", None)):
        answer = ask(cluster.workers[0], method, path + rest, given)
        assert (answer.status_code, "error_code" in answer.text) == (400, False), "that is the web server's own refusal"
    wait_until(lambda: name in ask(cluster.workers[0], "GET", "/connectors").json(), "it is listed", 20)
    with pytest.raises(ConnectError, match="can not reach a connector named"):
        ConnectClient(cluster.urls).delete(name)


# Rebalances


def test_quirks_2_and_3_right_after_201_a_status_is_404_and_a_config_is_500_though_nothing_is_wrong(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    names = [f"made-{number}" for number in range(EVERY_KIND)]
    answers: Counter[str] = Counter()

    def create_and_look(name: str) -> None:
        worker = cluster.workers[0]
        while ask(worker, "POST", "/connectors", {"name": name, "config": sink}).status_code == 409:
            answers["409 POST"] += 1
        for part in ("status", "config", "tasks"):
            answer = ask(worker, "GET", f"/connectors/{name}/{part}")
            answers[f"{answer.status_code} {part}"] += 1
            assert answer.status_code in (200, 404, 500)
            if answer.status_code == 500:
                assert "rebalance is expected" in answer.json()["message"]
            if answer.status_code == 404 and part == "status":
                assert answer.json()["message"].startswith("No status found")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(create_and_look, names))
    print(dict(sorted(answers.items())))
    assert answers["404 status"] > EVERY_KIND / 2
    assert answers["500 config"] + answers["500 tasks"] > 0
    client = ConnectClient(cluster.urls)
    assert {client.status(name).name for name in names} == set(names), "our client waits for it"
    drop(cluster.workers[0], *names)


# Writes


def test_quirk_7_an_identical_put_or_patch_stops_and_makes_the_connector_anew_and_leaves_its_tasks(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    worker, name = cluster.workers[0], "identical"
    make(worker, name, sink)

    def counts() -> list[int]:
        told = logged(cluster)
        return [len(re.findall(rf"{verb} {what}\b", told)) for what in (name, f"{name}-0") for verb in VERBS]

    VERBS = ("(?:Stopping|Creating) connector", "(?:Stopping|Creating) task")  # noqa: N806
    before = counts()
    for number, (method, body) in enumerate((("PUT", sink), ("PATCH", {"database": sink["database"]})), 1):
        assert settled(worker, method, f"/connectors/{name}/config", body).status_code == 200
        wait_until(lambda: counts()[0] == before[0] + 2 * number, f"{method} stops and makes it", 30)  # noqa: B023
    assert counts()[3] == before[3], "the task is the same"
    drop(worker, name)


def test_two_patches_at_once_are_both_answered_200_and_one_of_them_may_be_lost(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    """The leader merges what it has read, and what a PATCH before has written it may not have read yet."""
    worker, name = cluster.workers[0], "merged"
    make(worker, name, sink, "STOPPED")
    lost: list[str] = []

    def patch(key: str) -> None:
        assert settled(worker, "PATCH", f"/connectors/{name}/config", {key: "1"}).status_code == 200

    def config() -> dict[str, str]:
        found: dict[str, str] = settled(worker, "GET", f"/connectors/{name}/config").json()
        return found

    for number in range(10):
        patch(f"alone.{number}")
    wait_until(lambda: "alone.9" in config(), "the last one is shown", 20)
    assert {f"alone.{number}" for number in range(10)} <= config().keys(), "one after the other none is"
    for number in range(50):
        keys = [f"one.{number}", f"other.{number}"]
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(patch, keys))
        patch(f"after.{number}")
        wait_until(lambda: f"after.{number}" in config(), "the last one is shown", 20)  # noqa: B023
        lost += [key for key in keys if key not in config()]
        if lost:
            break
    print(f"lost after {number + 1} pairs: {lost}")
    drop(worker, name)
    assert lost


def test_quirk_9_a_follower_validates_a_write_itself_and_then_the_leader_does_once_more(
    cluster: OwnCluster, sink: dict[str, str], settings: Settings
) -> None:
    gate = Gate.before(settings.mongodb_uri, 27017)
    leader, other = cluster.leader(), follower(cluster)
    config = {**sink, "connection.uri": gate.through(settings.mongodb_uri)}
    make(leader, "twice", config, "STOPPED")
    counts = {}
    for who, worker in (("leader", leader), ("follower", other)):
        before = gate.accepted
        body = {**config, "collection": who}
        assert settled(worker, "PUT", "/connectors/twice/config", body).status_code == 200
        counts[who] = gate.accepted - before
    gate.shut()
    drop(leader, "twice")
    print(counts)
    assert counts["follower"] >= 1.5 * counts["leader"] > 0


def test_topics_of_a_connector_are_403_where_tracking_is_off(cluster: OwnCluster, sink: dict[str, str]) -> None:
    make(cluster.workers[0], "untracked", sink, "STOPPED")
    for method, path in (("GET", "/connectors/untracked/topics"), ("PUT", "/connectors/untracked/topics/reset")):
        assert ask(cluster.workers[0], method, path).status_code == 403
    with pytest.raises(ConnectError, match="racking is disabled"):
        ConnectClient(cluster.urls).active_topics("untracked")
    drop(cluster.workers[0], "untracked")


# What goes into the log


def test_a_worker_logs_plain_keys_and_a_transforms_value_resolved_and_neither_passwords_nor_undeclared_keys(
    cluster: OwnCluster, sink: dict[str, str], settings: Settings
) -> None:
    words = {
        what: f"sentinel-{what}-{random.randrange(10**9)}" for what in ("plain", "transform", "jaas", "undeclared")
    }
    file = settings.data_dir / "secrets" / f"quirks-{random.randrange(10**9)}.properties"
    jaas = "org.apache.kafka.common.security.plain.PlainLoginModule required username\\=u password\\="
    file.write_text("".join(f"{what}={jaas * (what == 'jaas')}{word}\n" for what, word in words.items()))
    references = {what: f"${{file:{file}:{what}}}" for what in words}
    config = {
        **sink,
        "collection": references["plain"],
        "transforms": "tag",
        "transforms.tag.type": "org.apache.kafka.connect.transforms.InsertField$Value",
        "transforms.tag.static.field": "by",
        "transforms.tag.static.value": references["transform"],
        "consumer.override.sasl.jaas.config": references["jaas"],
        "some.undeclared.key": references["undeclared"],
    }
    for worker in cluster.workers:
        assert ask(worker, "PUT", f"/admin/loggers/{ALL}", {"level": "INFO"}).status_code == 200
    try:
        make(cluster.workers[0], "told", config)
        wait_until(lambda: words["plain"] in logged(cluster), "the log tells it", 20)
    finally:
        for worker in cluster.workers:
            ask(worker, "PUT", f"/admin/loggers/{ALL}", {"level": "WARN"})
            for logger in LOGGERS:
                ask(worker, "PUT", f"/admin/loggers/{logger}", {"level": "INFO"})
        file.unlink()
    told = logged(cluster)
    drop(cluster.workers[0], "told")
    assert {what for what, word in words.items() if word in told} == {"plain", "transform"}
    password = urlsplit(settings.mongodb_uri).password
    assert password
    assert password not in told
    assert {(one.rule, one.key) for one in lint([Connector("told", config, Path("t"))]) if one.severity == "error"} >= {
        ("secret-in-name", "collection"),
        ("secret-in-name", "transforms.tag.static.value"),
    }


@pytest.mark.parametrize(
    ("enabled", "included"), [("true", "true"), ("true", "false"), ("false", "true"), ("false", "false")]
)
def test_a_worker_that_logs_errors_quotes_bad_records_whether_messages_are_included_or_not(
    cluster: OwnCluster, sink: dict[str, str], settings: Settings, enabled: str, included: str
) -> None:
    """`include.messages` adds where a sink's record was; what it held comes with the exception."""
    name, word = f"logs-{enabled}-{included}", f"Franz{random.randrange(10**9)}"
    logs = {"errors.tolerance": "all", "errors.log.enable": enabled, "errors.log.include.messages": included}
    write(settings, sink["topics"], [b"{", word.encode()])
    make(cluster.workers[0], name, {**sink, **logs})
    client = ConnectClient(cluster.urls)
    wait_until(lambda: [one.offset for one in client.offsets(name)] == [2], "both are passed over", 30)
    told = logged(cluster)
    drop(cluster.workers[0], name)
    assert (word in told) == (enabled == "true")
    assert (f"consumed record is {{topic='{sink['topics']}'" in told) == ((enabled, included) == ("true", "true"))


# What a worker lets a config override, where it lets it override all


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"sasl.jaas.config": "com.sun.security.auth.module.JndiLoginModule required;"}, "login-module"),
        ({"sasl.jaas.config": "com.sun.security.auth.module.LdapLoginModule required;"}, "login-module"),
        (
            {
                "sasl.mechanism": "OAUTHBEARER",
                "sasl.login.callback.handler.class": "org.apache.kafka.common.security.oauthbearer."
                "OAuthBearerLoginCallbackHandler",
                "sasl.oauthbearer.token.endpoint.url": "file:///etc/hostname",
                "sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
            },
            "file-address",
        ),
    ],
    ids=["CVE-2023-25194 JNDI", "CVE-2025-27818 LDAP", "CVE-2025-27817 file address"],
)
def test_a_login_that_an_advisory_warns_of_passes_validation_and_fails_the_task(
    cluster: OwnCluster, sink: dict[str, str], changes: dict[str, str], rule: str
) -> None:
    worker, name = cluster.workers[0], f"login-{random.randrange(10**6)}"
    overrides = {f"consumer.override.{key}": value for key, value in changes.items()}
    config = {**sink, **overrides, "consumer.override.security.protocol": "SASL_PLAINTEXT"}
    checked = settled(worker, "PUT", f"/connector-plugins/{SINK}/config/validate", {**config, "name": name})
    assert checked.json()["error_count"] == 0
    assert settled(worker, "POST", "/connectors", {"name": name, "config": config}).status_code == 201
    wait_until(lambda: "FAILED" in state_of(worker, name), "its task fails", 60)
    (task,) = ask(worker, "GET", f"/connectors/{name}/status").json()["tasks"]
    drop(worker, name)
    assert re.search(r"LoginModule is not allowed|can ?not be accessed due to restrictions", task["trace"])
    assert rule in {finding.rule for finding in lint([Connector(name, config, Path("t"))])}


# What requests cost


def test_quirk_15_one_expand_call_is_many_times_cheaper_than_asking_one_by_one_and_writes_are_dear(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    leader, names = cluster.leader(), [f"cost-{number}" for number in range(COSTS)]
    took: dict[str, float] = {}

    def timed(what: str, call: Callable[[str], requests.Response], threads: int = 1) -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(threads) as pool:
            answers = list(pool.map(call, names))
        took[what] = (time.monotonic() - began) / COSTS * 1000
        assert {answer.status_code // 100 for answer in answers} == {2}

    def put(name: str) -> requests.Response:
        return settled(leader, "PUT", f"/connectors/{name}/config", {**sink, "name": name})

    timed(
        "POST stopped, 8 at a time",
        lambda name: settled(leader, "POST", "/connectors", {"name": name, "config": sink, "initial_state": "STOPPED"}),
        8,
    )
    wait_until(lambda: [state_of(leader, name) for name in names] == [["STOPPED"]] * COSTS, "all have a state", 60)
    validate = f"/connector-plugins/{SINK}/config/validate"
    timed("validate, 8 at a time", lambda name: ask(leader, "PUT", validate, {**sink, "name": name}), 8)
    timed("identical PUT", put)
    timed("GET config", lambda name: settled(leader, "GET", f"/connectors/{name}/config"))
    timed("GET status", lambda name: settled(leader, "GET", f"/connectors/{name}/status"))
    began = time.monotonic()
    listed = ask(leader, "GET", "/connectors?expand=info&expand=status")
    took["in one expand call"] = (time.monotonic() - began) / COSTS * 1000
    assert set(names) <= set(listed.json())
    timed("DELETE, 8 at a time", lambda name: settled(leader, "DELETE", f"/connectors/{name}"), 8)
    print({what: f"{milliseconds:.2f} ms" for what, milliseconds in took.items()}, f"{len(listed.content)} bytes")
    assert took["in one expand call"] * 10 < took["GET config"] + took["GET status"]
    assert min(took["identical PUT"], took["POST stopped, 8 at a time"]) > took["GET config"]


# The last ones: they kill workers


def test_quirk_4_for_seconds_after_the_leader_is_killed_writes_are_500_while_health_is_200_and_a_pause_goes_through(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    make(cluster.workers[0], "bereft", sink)
    leader, survivor = cluster.leader(), follower(cluster)
    seen: Counter[str] = Counter()
    path = "/connectors/bereft"
    leader.kill()
    began = time.monotonic()

    def look() -> None:
        for method, part, body in (
            ("PUT", "/config", {**sink, "collection": "after"}),
            ("PUT", "/stop", None),
            ("PUT", "/pause", None),
        ):
            answer = ask(survivor, method, path + part, body)
            forwarded = "IO Error trying to forward REST request" in answer.text
            seen[f"{answer.status_code} {method} {part}{' not forwarded' if forwarded else ''}"] += 1
            if forwarded:
                seen[f"{ask(survivor, 'GET', '/health').status_code} GET /health meanwhile"] += 1

    polled(look, lambda: bool(seen["200 PUT /config"]))
    print(f"{time.monotonic() - began:.1f} s without a leader: {dict(sorted(seen.items()))}")
    assert seen["500 PUT /config not forwarded"] > 3
    assert seen["500 PUT /stop not forwarded"] > 3
    assert seen["202 PUT /pause"] > 3, "any worker can write that"
    assert not seen["500 PUT /pause not forwarded"]
    assert {key for key in seen if key.endswith("meanwhile")} == {"200 GET /health meanwhile"}
    leader.start()
    leader.wait()
    wait_until(cluster.has_settled, "the workers agree on a leader", 60)
    drop(survivor, "bereft")


def test_quirk_1_a_worker_that_starts_answers_404_without_error_code_and_so_does_its_health(
    cluster: OwnCluster, sink: dict[str, str]
) -> None:
    make(cluster.workers[0], "there", sink, "STOPPED")
    worker = follower(cluster)
    worker.kill()
    seen: dict[str, list[tuple[int, Any]]] = {"/connectors/there": [], "/health": []}
    worker.start()

    def look() -> None:
        for path, answers in seen.items():
            with suppress(requests.RequestException):
                answer = ask(worker, "GET", path)
                is_json = answer.headers.get("Content-Type", "").startswith("application/json")
                answers.append((answer.status_code, answer.json() if is_json else answer.text))

    polled(look, lambda: any(status == 200 for status, _ in seen["/connectors/there"]))
    worker.wait()
    for path, answers in seen.items():
        early = [body for status, body in answers if status == 404]
        print(path, Counter(status for status, _ in answers), json.dumps(early[:1])[:200])
        assert early, path
        assert not any(isinstance(body, dict) and "error_code" in body for body in early)
    absent = settled(worker, "GET", "/connectors/absent").json()
    assert (absent["error_code"], absent["message"]) == (404, "Connector absent not found")
    drop(worker, "there")
