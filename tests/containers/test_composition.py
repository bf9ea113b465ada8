"""The containers agree with the local mode: the same ports, topics, variables, configs, connectors."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from streamguard import cloud
from streamguard.connect.templates.choose import render_pipeline
from streamguard.project import Project
from streamguard.settings import CONTAINERS, LOOPBACK, Settings, load, variable
from streamguard.stack import kafka_config
from streamguard.stack.compose import CLOUD_FILE, SECRETS, VALUES
from streamguard.stack.jars import CLASS_PATH, read_lock
from streamguard.stack.places import Places
from streamguard.stack.programs import table
from tests.containers.composition import FILE, ROOT, services

PROJECT = Project(ROOT)
SETTINGS = load(ROOT, environ={}, data_dir=Path("/nowhere"))
SERVICES = services()
ONE_SHOT = [name for name in SERVICES if name.startswith("topics-")]
OWN_ADDRESSES = {
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "inter.broker.listener.name",
    "controller.quorum.bootstrap.servers",
    "bootstrap.servers",
    "log.dirs",
    "rest.advertised.host.name",
    "plugin.path",
    "plugin.discovery",
    "config.providers.file.param.allowed.paths",
    "config.providers.dir.param.allowed.paths",
}
"""What can not be the same in a container; `plugin.discovery` since plugins of the hub need not list their classes."""
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)")


def published(service: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """The variables of a service's ports, with the default outside and the port inside."""
    found = {}
    for port in service.get("ports", ()):
        match = re.fullmatch(r"127\.0\.0\.1:(?:\$\{(\w+):-)?(\d+)\}?:(\d+)", port)
        assert match, f"{port} is not published on 127.0.0.1 only"
        found[match[1] or match[2]] = (int(match[2]), int(match[3]))
    return found


def test_every_port_is_that_of_a_setting_inside_and_outside() -> None:
    defaults = {variable(entry): getattr(SETTINGS, entry.name) for entry in fields(Settings)}
    for name, service in SERVICES.items():
        for port, (outside, inside) in published(service).items():
            assert outside == inside, name
            assert defaults.get(port, outside) == outside, f"{port} of {name}"


def test_what_people_and_clients_find_in_the_local_mode_is_at_the_same_port_in_containers() -> None:
    programs = table(SETTINGS, PROJECT, Places(SETTINGS.data_dir), read_lock(), "java")
    ours = {inside for service in SERVICES.values() for _, inside in published(service).values()}
    places = [program.url.removesuffix("/").rpartition(":")[2] for program in programs.values() if program.url]
    assert {int(port) for port in places} | {SETTINGS.s3_catalog_port} <= ours


@pytest.mark.parametrize("name", PROJECT.pipelines())
def test_the_services_and_the_generator_of_every_pipeline_are_there_under_its_profile(name: str) -> None:
    pipeline = PROJECT.pipeline(name)
    for service in pipeline.services:
        assert SERVICES[service]["command"] == ["service", service, name]
        assert SERVICES[service]["profiles"] == [name]
        assert f"STREAMGUARD_{service.upper()}_PORT" in published(SERVICES[service])
    if pipeline.generator is not None:
        produce = SERVICES[f"produce-{name}"]
        assert produce["command"][:2] == ["produce", name]
        assert produce["profiles"] == [f"produce-{name}"]
    if pipeline.topics and (pipeline.services or pipeline.generator):
        assert SERVICES[f"topics-{name}"]["command"] == ["topics", "apply", name]


@pytest.mark.parametrize(
    ("service", "prefix", "local"),
    [
        ("kafka", "KAFKA_", kafka_config.broker(SETTINGS)),
        ("connect", "CONNECT_", kafka_config.worker(SETTINGS, Path("/plugins"))),
    ],
)
def test_broker_and_worker_have_the_config_of_the_local_ones(
    service: str, prefix: str, local: dict[str, object]
) -> None:
    environment = SERVICES[service]["environment"]
    theirs = {
        key: str(environment.get(prefix + key.upper().replace(".", "_"))).replace("$$", "$")
        for key in local.keys() - OWN_ADDRESSES
        if key != "listeners"
    }
    assert theirs == {key: str(local[key]) for key in theirs}


def test_connectors_may_name_the_same_secrets_and_read_committed_records() -> None:
    environment = SERVICES["connect"]["environment"]
    pattern = environment["CONNECT_CONFIG_PROVIDERS_ENV_PARAM_ALLOWLIST_PATTERN"].replace("$$", "$")
    assert all(re.search(pattern, name) for name in kafka_config.ENVIRONMENT_NAMES)
    ours = {name for name in environment if name.startswith("STREAMGUARD_")}
    assert set(kafka_config.ENVIRONMENT_NAMES) == ours | set(cloud.MADE_FROM)
    assert environment["CONNECT_CONSUMER_ISOLATION_LEVEL"] == "read_committed"


def test_the_worker_reads_the_variables_of_the_cloud_from_the_file_that_the_launcher_writes_if_there_is_one() -> None:
    folder = "${STREAMGUARD_DATA_DIR:-./.streamguard}"
    assert SERVICES["connect"]["env_file"] == [{"path": f"{folder}/{CLOUD_FILE}", "required": False}]


def test_ksqldb_is_exactly_once_from_the_earliest_record() -> None:
    environment = SERVICES["ksql"]["environment"]
    assert environment["KSQL_KSQL_STREAMS_PROCESSING_GUARANTEE"] == "exactly_once_v2"
    assert environment["KSQL_KSQL_STREAMS_AUTO_OFFSET_RESET"] == "earliest"


def test_s3_has_the_flags_of_the_local_one() -> None:
    local = table(SETTINGS, PROJECT, Places(SETTINGS.data_dir), read_lock(), "java")["s3"].argv
    theirs = [flag for flag in SERVICES["s3"]["command"] if not re.match(r"-(dir|ip|ip\.bind)=", flag)]
    assert set(theirs) <= set(local)


@pytest.mark.parametrize("name", [name for name in PROJECT.pipelines() if PROJECT.templates(name)])
def test_connectors_are_those_of_the_local_mode_but_for_addresses_and_how_often_they_commit(name: str) -> None:
    here = {one.name: one for one in render_pipeline(PROJECT, SETTINGS, PROJECT.pipeline(name))}
    there = {one.name: one for one in render_pipeline(PROJECT, SETTINGS, PROJECT.pipeline(name), VALUES)}
    assert here.keys() == there.keys()
    own = {"streamguard.references", "iceberg.control.commit.interval-ms"}
    for connector, local in here.items():
        config = there[connector].config
        differing = {key for key in local.config if local.config[key] != config.get(key)}
        assert {key for key in differing if LOOPBACK not in local.config[key]} <= own
        assert LOOPBACK not in " ".join(config.values())
        assert {re.sub(r".*//(\w+):\d+", r"\1", config[key]) for key in differing - own} <= set(SERVICES)


def test_every_variable_of_the_file_is_a_setting_or_a_generated_password_and_all_of_those_are_used() -> None:
    text = "\n".join(line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#"))
    used = set(VARIABLE.findall(text))
    known = {variable(entry) for entry in fields(Settings)}
    made = {CONTAINERS + name for name in SECRETS}
    assert made <= used
    assert used <= known | made


def test_every_variable_of_our_services_is_a_setting() -> None:
    known = {variable(entry) for entry in fields(Settings)}
    ours = [service for service in SERVICES.values() if "services" in service["image"]]
    assert {name for service in ours for name in service["environment"]} <= known


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_has_a_pinned_image_a_limit_of_memory_and_logs_that_end(name: str) -> None:
    service = SERVICES[name]
    assert re.search(r":v?\d+\.\d+\.?\d*[a-z-]*$", service["image"])
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert service["restart"] == ("on-failure:3" if name in ONE_SHOT else "unless-stopped")
    assert ("healthcheck" in service) == (name not in ONE_SHOT)
    for needed, how in service.get("depends_on", {}).items():
        done = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert how == {"condition": done}


def test_the_image_of_the_worker_is_made_of_plugins_of_the_lock_file() -> None:
    text = (ROOT / "init" / "images" / "Dockerfile").read_text()
    line = next(line for line in text.splitlines() if "jars plugins /plugins" in line)
    assert sorted(line.partition("/plugins ")[2].split()) == [
        name for name in read_lock().plugins if name != CLASS_PATH
    ]


def test_the_image_of_the_services_has_the_wheels_of_the_lock_file() -> None:
    pin = re.compile(r"^([a-z0-9._-]+==[^ ;\\]+)", re.MULTILINE)
    whole = set(pin.findall((ROOT / "requirements.lock").read_text()))
    ours = set(pin.findall((ROOT / "init" / "images" / "requirements.lock").read_text()))
    assert ours
    assert ours <= whole, "run `make lock`"
