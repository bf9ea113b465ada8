"""The table of programs and the files made from it: nothing is started here."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest

from streamguard.errors import StackError
from streamguard.project import Project, find_project
from streamguard.settings import LOOPBACK, Settings, load
from streamguard.stack import kafka_config
from streamguard.stack.jars import read_lock
from streamguard.stack.java import find_java
from streamguard.stack.places import Places
from streamguard.stack.programs import Program, table
from streamguard.stack.supervisor import config

SECRETS = {
    "STREAMGUARD_S3_ACCESS_KEY": "sentinel-access",
    "STREAMGUARD_S3_SECRET_KEY": "sentinel-secret",
    "STREAMGUARD_MONGODB_URI": "mongodb://someone:sentinel-password@127.0.0.1:27017/",
}


@pytest.fixture
def project() -> Project:
    return find_project(Path(__file__))


@pytest.fixture
def settings(project: Project, tmp_path: Path) -> Settings:
    return load(project.root, environ={**SECRETS, "HOME": "/root"}, data_dir=tmp_path)


@pytest.fixture
def programs(settings: Settings, project: Project) -> dict[str, Program]:
    return table(settings, project, Places(settings.data_dir), read_lock(), "/usr/bin/java")


def test_servers_services_and_generators_are_in_the_table(programs: dict[str, Program]) -> None:
    assert {"kafka", "connect", "s3", "mongodb", "ksql", "ingestor", "produce-bank"} <= set(programs)


def test_the_validator_waits_for_nobody(programs: dict[str, Program]) -> None:
    assert (programs["validator"].needs, programs["ingestor"].needs) == ((), ("kafka",))
    assert programs["validator"].url == "http://127.0.0.1:8000"


def test_a_generator_answers_at_a_port_of_its_own(programs: dict[str, Program]) -> None:
    generator = programs["produce-bank"]
    assert generator.url == "http://127.0.0.1:8120"
    assert generator.argv[-2:] == ("--metrics-port", "8120")


def test_the_generators_of_two_pipelines_answer_at_two_ports(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "init").mkdir()
    (tmp_path / "ksql").mkdir()
    (tmp_path / "connectors").mkdir()
    for name in ("bank", "card"):
        text = f"topics: {{{name}: {{partitions: 1}}}}\ngenerator: {{world: bank, topic: {name}}}\n"
        (tmp_path / "init" / f"{name}.yml").write_text(text)
    found = table(settings, Project(tmp_path), Places(settings.data_dir), read_lock(), "java")
    assert (found["produce-bank"].ports, found["produce-card"].ports) == ((8120,), (8121,))


def test_no_two_programs_want_the_same_port(programs: dict[str, Program]) -> None:
    ports = [port for program in programs.values() for port in program.ports]
    assert len(ports) == len(set(ports))


def test_two_stacks_with_different_offsets_share_no_port(project: Project, tmp_path: Path) -> None:
    both = []
    for offset in ("0", "100"):
        moved = load(project.root, environ={"STREAMGUARD_PORT_OFFSET": offset}, data_dir=tmp_path)
        found = table(moved, project, Places(tmp_path), read_lock(), "java").values()
        both.append({port for program in found for port in program.ports})
    assert not both[0] & both[1]


def test_no_secret_is_in_a_plan_or_in_a_config_file(settings: Settings, programs: dict[str, Program]) -> None:
    places = Places(settings.data_dir)
    texts = [json.dumps(program.plan(places)) for program in programs.values()]
    texts.append(config(places, programs))
    texts.append(kafka_config.properties(kafka_config.broker(settings)))
    texts.append(kafka_config.properties(kafka_config.worker(settings, places.plugins)))
    assert not [text for text in texts if "sentinel" in text]


def test_the_supervisor_reads_the_config_as_it_was_meant(settings: Settings, programs: dict[str, Program]) -> None:
    parser = configparser.RawConfigParser()
    parser.read_string(config(Places(settings.data_dir), programs))
    assert {f"program:{name}" for name in programs} <= set(parser.sections())
    assert "inet_http_server" not in parser.sections()
    assert parser["program:kafka"]["autostart"] == "false"


def test_a_child_is_given_ports_that_are_not_moved_again(project: Project, tmp_path: Path) -> None:
    moved = load(project.root, environ={"STREAMGUARD_PORT_OFFSET": "100"}, data_dir=tmp_path)
    again = load(project.root, environ=moved.environment())
    assert again.kafka_port == moved.kafka_port == 9192


def test_kafka_and_connect_listen_on_the_loopback_only(settings: Settings) -> None:
    worker = kafka_config.worker(settings, Path("/plugins"))
    for value in (kafka_config.broker(settings)["listeners"], worker["listeners"]):
        assert set(re.findall(r"//([^:]+):", str(value))) == {LOOPBACK}


def test_the_worker_reads_committed_records_and_named_secrets_only(settings: Settings) -> None:
    worker = kafka_config.worker(settings, Path("/plugins"))
    assert worker["consumer.isolation.level"] == "read_committed"
    assert worker["connector.client.config.override.policy"] == "Allowlist"
    pattern = re.compile(str(worker["config.providers.env.param.allowlist.pattern"]))
    assert all(pattern.search(name) for name in kafka_config.ENVIRONMENT_NAMES)
    for other in ("PATH", "HOME", "STREAMGUARD_S3_SECRET_KEY_2", "X_STREAMGUARD_MONGODB_URI"):
        assert not pattern.search(other)


def test_the_isolation_level_can_not_be_overridden() -> None:
    assert not [name for name in kafka_config.CONSUMER_OVERRIDES if "isolation" in name or "sasl" in name]


def test_a_long_data_directory_has_its_sockets_elsewhere(tmp_path: Path) -> None:
    long = Places(tmp_path / ("d" * 90))
    assert len(str(long.supervisor_socket)) < 100
    assert Places(Path("/tmp/x")).sockets == Path("/tmp/x/run")  # noqa: S108


def test_a_java_that_is_none_is_refused_in_one_sentence(project: Project, tmp_path: Path) -> None:
    settings = load(project.root, data_dir=tmp_path, java="/nonexistent/java")
    with pytest.raises(StackError, match="Kafka needs Java 17 or newer: /nonexistent/java is no Java"):
        find_java(settings)
