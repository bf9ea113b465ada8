"""What doctor says of a Connect worker, by what the worker answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streamguard.connect.rest.client import ConnectClient
from streamguard.connect.templates.render import Connector
from streamguard.doctor import workers
from streamguard.doctor.checks import Check
from streamguard.settings import Settings
from tests.connect.cluster import Cluster
from tests.connect.serving import Asked, serving

EXTERNAL = Settings(mode="external", kafka_bootstrap="k:9092")
MONGODB = "com.mongodb.kafka.connect.MongoSinkConnector"


def connector(name: str, class_name: str, **config: str) -> Connector:
    return Connector(name, {"connector.class": class_name, "topics": "t", **config}, Path(f"{name}.json.j2"))


def states(checks: Any) -> dict[str, str]:
    return {check.what: check.state for check in checks}


def test_a_worker_that_answers_is_ok_and_read_committed_is_known_of_our_own_only() -> None:
    client = Cluster().client()
    found = {check.what: check for check in workers.worker(EXTERNAL, client, "k")}
    assert found["connect"].state == "ok"
    assert found["read_committed"].state == "unknown"
    assert "consumer.isolation.level=read_committed must be in the worker's properties" in found["read_committed"].next
    assert workers.isolation(Settings(mode="local")).state == "ok"
    assert workers.isolation(Settings(mode="compose")).state == "ok"


def test_an_old_worker_and_one_of_another_kafka_are_told() -> None:
    found = list(workers.worker(EXTERNAL, Cluster(version="3.7.0").client(), "another"))
    assert states(found)["connect version"] == "warn"
    assert next(check for check in found if check.what == "connect's kafka") == Check(
        "connect's kafka",
        "fail",
        "it works on cluster k, and k:9092 is another",
        "one of STREAMGUARD_KAFKA_BOOTSTRAP and STREAMGUARD_CONNECT_URL is wrong",
    )


@pytest.mark.parametrize(("status", "state"), [(200, "warn"), (401, "ok")])
def test_a_rest_api_that_answers_without_a_password_is_a_warning(
    status: int, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "HERE", ())  # the test's server is on this machine

    def answer(asked: Asked) -> tuple[int, Any]:
        known = asked.authorization is not None or status == 200
        return (200, {"version": "4.3.1", "kafka_cluster_id": "k"}) if known else (401, {"message": "who are you"})

    with serving(answer) as url:
        client = ConnectClient(url.replace("http://", "http://me:pw@"), deadline=0)
        found = list(workers.worker(EXTERNAL, client, "k"))
    assert states(found)["connect's REST API"] == state
    assert "pw" not in str(found)


def test_sinks_that_write_to_the_workers_own_machine_are_a_warning_unless_that_is_ours() -> None:
    sink = connector("s", MONGODB, a="http://127.0.0.1:8333", b="http://127.0.0.1:8333/x", c="https://s3.example.com")
    [row] = workers.addresses(ConnectClient("http://connect.example.com:8083"), [sink])
    assert (row.what, row.state) == ("addresses of sinks", "warn")
    assert row.found.startswith("the connectors write to http://127.0.0.1:8333, which to the worker")
    assert list(workers.addresses(ConnectClient("http://127.0.0.1:8083"), [sink])) == []


def test_a_plugin_that_is_not_installed_is_told_with_the_connectors_that_need_it() -> None:
    found = list(workers.plugins(Cluster().client(), [connector("users", MONGODB), connector("others", "Sink")]))
    assert states(found) == {"plugin MongoSinkConnector": "fail", "plugin Sink": "ok"}
    [missing] = [check for check in found if check.state == "fail"]
    assert missing.found == f"{MONGODB} is not installed"
    assert "for users" in missing.next


def test_a_variable_that_the_worker_lacks_is_told_and_one_that_it_has_is_ok() -> None:
    oracle = "org.apache.iceberg.connect.IcebergSinkConnector"
    known = "${env:MY_MONGODB_URI}"

    def answer(asked: Asked) -> tuple[int, Any]:
        if asked.path.startswith("/connector-plugins"):
            return 200, [{"class": name, "type": "sink", "version": "1"} for name in (oracle, MONGODB)]
        reference = asked.body["config"]["errors.deadletterqueue.topic.name"]
        told = "tasks.max must be at least 1" if reference == known else f"the topic {reference} is one of its own"
        return 400, {"error_code": 400, "message": told}

    sinks = [connector("users", MONGODB, uri=known), connector("others", MONGODB, uri="${env:MY_TYPO}")]
    with serving(answer) as url:
        found = {check.what: check for check in workers.plugins(ConnectClient(url, deadline=0), sinks)}
    assert found[known].state == "ok"
    assert found["${env:MY_TYPO}"].state == "fail"
    assert found["${env:MY_TYPO}"].found == "the worker does not resolve it, for others"
    assert "MY_TYPO" in found["${env:MY_TYPO}"].next or "not set" in found["${env:MY_TYPO}"].next


def test_connectors_that_are_not_deployed_are_a_warning_and_failed_ones_a_failure() -> None:
    cluster = Cluster()
    cluster.add("runs")
    cluster.add("fails", "FAILED")
    wanted = [connector(name, "Sink") for name in ("runs", "fails", "absent")]
    found = list(workers.deployed(cluster.client(), wanted))
    assert [(check.state, check.found) for check in found] == [
        ("warn", "not deployed: absent"),
        ("fail", "1 of 2 connectors not running: fails FAILED"),
    ]
