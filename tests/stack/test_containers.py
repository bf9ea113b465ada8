"""What `up --mode compose` does once the containers run, and their health checks, on the local servers: they speak the
same protocols."""

from __future__ import annotations

import re
import subprocess

import pytest
import requests

from streamguard import containers
from streamguard.settings import load
from streamguard.stack.programs import environment, java_environment
from tests.containers.composition import services
from tests.stack.bank import Bank


def test_on_servers_that_have_everything_it_changes_nothing(bank: Bank) -> None:
    mine = bank.settings
    secrets = {
        "STREAMGUARD_S3_ACCESS_KEY": mine.s3_access_key,
        "STREAMGUARD_S3_SECRET_KEY": mine.s3_secret_key,
        "STREAMGUARD_MONGODB_URI": mine.mongodb_uri,
    }
    environ = {**mine.environment(), **secrets, "STREAMGUARD_MODE": "compose"}
    settings = load(bank.stack.project.root, environ=environ, data_dir=mine.data_dir)
    told: list[str] = []
    # With the addresses of this machine.
    results = containers.seed(bank.stack.project, settings, bank.pipeline, told.append, "local")
    assert not [result.name for result in results if result.written]
    assert told == ["topics", "tables", "statements", "connectors"]
    assert {result.name: result.state for result in results} == {
        path.name.removesuffix(".json.j2"): "RUNNING" for path in bank.stack.project.templates("bank")
    }


@pytest.mark.parametrize(("service", "port"), [("connect", "connect_port"), ("ksql", "ksql_port")])
def test_the_health_check_of_a_java_server_sees_a_ready_one_and_one_that_is_not_there(
    bank: Bank, service: str, port: str
) -> None:
    *_, script = services()[service]["healthcheck"]["test"]
    inside = getattr(load(bank.stack.project.root, environ={}), port)
    for outside, healthy in ((getattr(bank.settings, port), True), (1, False)):
        asked = script.replace("$$", "$").replace(f"/dev/tcp/127.0.0.1/{inside}", f"/dev/tcp/127.0.0.1/{outside}")
        done = subprocess.run(["bash", "-c", asked], capture_output=True, timeout=10, check=False)
        assert (done.returncode == 0) == healthy, done.stderr


def test_the_health_check_of_kafka_has_enough_memory_and_sees_a_ready_broker(bank: Bank) -> None:
    *_, script = services()["kafka"]["healthcheck"]["test"]
    heap, _, asked = script.partition(" ")
    stack = bank.stack
    tool = f"{stack.java} -{heap.partition('-')[2]} org.apache.kafka.tools.BrokerApiVersionsCommand"
    asked = asked.replace("/opt/kafka/bin/kafka-broker-api-versions.sh", tool)
    asked = asked.replace("localhost:29092", bank.settings.kafka_bootstrap)
    environ = {**environment(), **java_environment(bank.settings, stack.lock)}
    done = subprocess.run(["sh", "-c", asked], env=environ, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_the_health_check_of_s3_asks_what_a_ready_one_answers(bank: Bank) -> None:
    *_, script = services()["s3"]["healthcheck"]["test"]
    ports = {"9333": bank.settings.s3_master_port, "8888": bank.settings.s3_filer_port}
    urls = re.findall(r"http://s3:(\d+)(\S*)", script)
    assert [number for number, _ in urls] == list(ports)
    for number, path in urls:
        assert requests.get(f"http://127.0.0.1:{ports[number]}{path}", timeout=5).status_code == 200
