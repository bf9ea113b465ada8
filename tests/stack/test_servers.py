"""The local servers themselves, really started: where they listen, what they show, how they come back."""

from __future__ import annotations

import os
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import requests

from streamguard.errors import PortTaken, UnknownName
from streamguard.settings import Settings
from streamguard.stack import credentials, probes
from streamguard.stack.kafka_config import CONSUMER_OVERRIDES
from streamguard.stack.stack import Stack
from tests.stack.bank import Bank

pytestmark = pytest.mark.usefixtures("bank")

SERVERS = ("kafka", "connect", "s3", "mongodb")
MONGODB_SINK = "com.mongodb.kafka.connect.MongoSinkConnector"


def processes(stack: Stack) -> list[psutil.Process]:
    """The supervisor and everything below it."""
    pid = stack.supervisor.pid()
    assert pid is not None
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> float:
    """Wait for something: the seconds that it took."""
    start = time.monotonic()
    while not true():
        assert time.monotonic() - start < seconds, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - start


def test_every_server_is_ready(stack: Stack) -> None:
    states = {row.name: row.state for row in stack.status()}
    assert {states[name] for name in SERVERS} == {"ready"}


def test_every_listener_is_on_the_loopback(stack: Stack) -> None:
    found = [c.laddr.ip for p in processes(stack) for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert len(found) > 10
    assert set(found) == {"127.0.0.1"}


def test_every_listener_is_a_port_of_the_settings(stack: Stack) -> None:
    known = {port for program in stack.programs.values() for port in program.ports}
    found = {c.laddr.port for p in processes(stack) for c in p.net_connections() if c.status == psutil.CONN_LISTEN}
    assert found <= known


def test_a_second_start_leaves_everything_alone(stack: Stack) -> None:
    before = {row.name: row.pid for row in stack.status()}
    taken = stack.start(SERVERS)
    assert taken == dict.fromkeys(SERVERS, 0.0)
    assert {row.name: row.pid for row in stack.status()} == before


def test_an_unknown_server_is_refused_by_name(stack: Stack) -> None:
    with pytest.raises(UnknownName, match=r"no server kafak \(did you mean kafka\?\)"):
        stack.start(["kafak"])


def test_credentials_are_for_this_user_only(settings: Settings) -> None:
    mode = settings.credentials_file.stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    passed = 0o010  # root's PostgreSQL is another user, who may go through the folder to its own
    assert stat.S_IMODE(settings.data_dir.stat().st_mode) & ~passed == 0o700


def test_s3_and_mongodb_refuse_who_has_no_credentials(settings: Settings) -> None:
    wrong = {credentials.S3_ACCESS_KEY: "nobody", credentials.S3_SECRET_KEY: "nothing"}
    assert "403" in probes.s3(settings.s3_endpoint, settings.s3_region, wrong)
    assert probes.mongodb(f"mongodb://127.0.0.1:{settings.mongodb_port}/") != ""


def test_topics_are_not_made_by_asking_for_them(stack: Stack) -> None:
    assert "auto.create.topics.enable=false" in (stack.places.run / "kafka.properties").read_text()


def test_the_worker_has_both_plugins(settings: Settings) -> None:
    plugins = {entry["class"] for entry in requests.get(f"{settings.connect_url}/connector-plugins", timeout=30).json()}
    assert {MONGODB_SINK, "org.apache.iceberg.connect.IcebergSinkConnector"} <= plugins


def validate(settings: Settings, **config: str) -> dict[str, list[str]]:
    """The errors by key that the worker finds in a connector's config."""
    url = f"{settings.connect_url}/connector-plugins/{MONGODB_SINK}/config/validate"
    whole = {"name": "trial", "connector.class": MONGODB_SINK, "topics": "t", **config}
    answer = requests.put(url, json=whole, timeout=60).json()
    return {entry["value"]["name"]: entry["value"]["errors"] for entry in answer["configs"] if entry["value"]["errors"]}


def test_the_worker_lets_a_connector_override_what_is_listed_and_nothing_else(settings: Settings) -> None:
    uri = "${env:STREAMGUARD_MONGODB_URI}"
    listed = {f"consumer.override.{name}": "1" for name in CONSUMER_OVERRIDES}
    others = {"consumer.override.isolation.level": "read_uncommitted", "consumer.override.client.id": "x"}
    errors = validate(settings, **{"connection.uri": uri, "database": "trial"}, **listed, **others)
    assert set(errors) & ({*listed, *others}) == set(others)


def test_the_worker_reveals_no_variable_but_those_of_templates(settings: Settings) -> None:
    url = f"{settings.connect_url}/connector-plugins/{MONGODB_SINK}/config/validate"
    config = {
        "name": "trial",
        "connector.class": MONGODB_SINK,
        "topics": "t",
        "connection.uri": "${env:STREAMGUARD_MONGODB_URI}",
        "database": "${env:PATH}",
        "collection": "${file:/etc/hostname:x}",
    }
    answer = requests.put(url, json=config, timeout=60).json()
    values = {entry["value"]["name"]: entry["value"]["value"] for entry in answer["configs"]}
    assert values["database"] == "${env:PATH}"
    assert values["collection"] == "${file:/etc/hostname:x}"


@pytest.mark.parametrize("name", ["s3", "mongodb"])
def test_a_killed_server_is_started_again_at_once(stack: Stack, name: str) -> None:
    before = stack.supervisor.processes()[name]
    until(lambda: time.time() - before.started > 2, "it has run for a second")
    os.kill(before.pid, signal.SIGKILL)
    took = until(lambda: stack.supervisor.processes()[name].pid not in (0, before.pid), "another process")
    assert took < 0.5
    probe = stack.programs[name].probe
    assert probe is not None
    until(lambda: probe() == "", f"{name} answers")
    assert next(row for row in stack.status() if row.name == name).restarts == before.restarts + 1


def test_a_stack_beside_it_finds_its_ports_taken(stack: Stack, tmp_path: Path) -> None:
    from dataclasses import replace

    beside = Stack(replace(stack.settings, data_dir=tmp_path), stack.project)
    with pytest.raises(
        PortTaken, match=rf"port {stack.settings.kafka_port}, which kafka needs, .*java \(process \d+\)"
    ):
        beside.start(["kafka"])
    assert beside.supervisor.pid() is None


def test_the_end_of_a_log_can_be_read(stack: Stack) -> None:
    assert any("Kafka Server started" in line for line in stack.tail("kafka", 1000))


def test_the_local_stack_heals_and_tells_prometheus(bank: Bank) -> None:
    url = f"http://127.0.0.1:{bank.settings.heal_port}"
    assert requests.get(f"{url}/ready", timeout=5).status_code == 200
    until(lambda: "streamguard_heal_connect_up 1.0" in requests.get(f"{url}/metrics", timeout=5).text, "it is asked")
    shown = requests.get(f"{url}/metrics", timeout=5).text
    assert 'streamguard_heal_failed{connector="users-mongodb-sink"} 0.0' in shown
