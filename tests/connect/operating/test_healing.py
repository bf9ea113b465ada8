from __future__ import annotations

import json
import socket
import threading
import urllib.request
from collections.abc import Mapping
from typing import Any

import pytest

from streamguard.connect.operating.healing import Healer, served
from streamguard.errors import ConnectError
from tests.connect.conftest import Answer, Script, error

OUTAGE = "x\nCaused by: com.mongodb.MongoTimeoutException: Timed out after 30000 ms"


def listing(*names: str) -> Answer:
    def status(name: str) -> dict[str, Any]:
        tasks = [{"id": 0, "state": "FAILED", "trace": OUTAGE}]
        return {"name": name, "connector": {"state": "RUNNING"}, "tasks": tasks, "type": "sink"}

    return Answer(body={name: {"info": {"config": {}}, "status": status(name)} for name in names})


def untold(_event: str, _facts: Mapping[str, object]) -> None:
    """Nobody listens."""


def test_the_loop_restarts_a_failed_task_waits_for_the_worker_and_ends_when_told(script: Script) -> None:
    script.answers = [listing("c"), listing("c"), Answer(204), error(400, "no"), Answer(body={})]
    script.rest = Answer(body={})
    stop, times, told = threading.Event(), iter([0.0, 6.0, 7.0, 8.0, 9.0]), list[str]()

    def tell(event: str, _facts: Mapping[str, object]) -> None:
        told.append(event)
        if event == "Kafka Connect answers again":
            stop.set()

    healer = Healer(script.client(), tell=tell, clock=lambda: next(times), jitter=lambda: 0.0)
    healer.run(stop, 0.001)
    assert told == ["restarting", "waiting for Kafka Connect", "Kafka Connect answers again"]
    assert "POST /connectors/c/tasks/0/restart" in script.calls


def test_only_what_the_patterns_choose_is_restarted_and_a_look_is_one_request(script: Script) -> None:
    script.answers = [listing("users-sink", "other"), listing("users-sink", "other"), Answer(204)]
    times = iter([0.0, 6.0])
    healer = Healer(script.client(), ["users-*", "to-come"], tell=untold, clock=lambda: next(times), jitter=lambda: 0.0)
    healer.look()
    healer.look()
    assert [call.partition("?")[0] for call in script.calls] == [
        "GET /connectors",
        "GET /connectors",
        "POST /connectors/users-sink/tasks/0/restart",
    ]


def test_a_connector_that_is_deleted_before_it_is_restarted_is_no_error(script: Script) -> None:
    script.answers = [listing("c"), listing("c"), error(404, "Unknown task: c-0")]
    times, told = iter([0.0, 6.0]), list[str]()
    healer = Healer(
        script.client(), tell=lambda event, _: told.append(event), clock=lambda: next(times), jitter=lambda: 0.0
    )
    healer.look()
    healer.look()
    assert told == ["restarting", "is gone"]


def test_restarts_and_failures_are_counted_for_prometheus_and_health_says_whether_connect_answers(
    script: Script,
) -> None:
    script.answers = [listing("c"), listing("c"), Answer(204)]
    times = iter([0.0, 6.0])
    healer = Healer(script.client(), tell=untold, clock=lambda: next(times), jitter=lambda: 0.0)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    with served(healer, port):
        healer.look()
        healer.look()
        metrics = get(port, "/metrics")
        health = json.loads(get(port, "/health"))
    assert 'streamguard_heal_restarts_total{connector="c"} 1.0' in metrics
    assert 'streamguard_heal_failed{connector="c"} 1.0' in metrics
    assert "streamguard_heal_connect_up 1.0" in metrics
    assert 'streamguard_connector_up{connector="c"} 0.0' in metrics
    assert 'streamguard_connector_tasks{connector="c",state="FAILED"} 1.0' in metrics
    assert "streamguard_records" not in metrics
    assert (health["service"], health["ready"], health["connectors"], health["failed"]) == ("heal", True, 1, 1)
    assert health["connect"] == "answers"


def test_a_restart_that_does_not_get_through_is_tried_again_and_is_no_failure_of_the_task(script: Script) -> None:
    script.answers = [
        listing("c", "d"),
        *(listing("c", "d"), error(500, "no"), Answer(204)),
        *(listing("c", "d"), Answer(204)),
    ]
    times, told = iter([0.0, 6.0, 7.0]), list[str]()
    healer = Healer(
        script.client(), tell=lambda event, _: told.append(event), clock=lambda: next(times), jitter=lambda: 0.0
    )
    healer.look()
    with pytest.raises(ConnectError):
        healer.look()
    healer.look()
    restarts = [call for call in script.calls if call.startswith("POST")]
    assert restarts == [f"POST /connectors/{name}/tasks/0/restart" for name in ("c", "d", "c")]
    assert told == ["restarting"] * 3
    (family,) = [one for one in healer.collect() if one.name == "streamguard_heal_restarts"]
    assert {sample.labels["connector"]: sample.value for sample in family.samples} == {"c": 1, "d": 1}


def get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        text: str = answer.read().decode()
    return text
